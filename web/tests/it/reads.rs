//! Reading back, health, status.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pga_config::ReadsWithoutQuorum;
use pga_runtime::Live;
use pga_storage::query::Read;
use pga_web::{WebLimits, WebOptions};

use crate::auth::bearer;
use crate::raw_http::request;
use crate::server::Server;

#[tokio::test]
async fn a_page_of_elements_has_its_cursor_and_position() {
    let server = Server::open().await;
    let token = server.login().await;
    let path = "/api/v1/collectors/collector-001/metrics?type=samples&limit=2\
        &cursor=1771787000000000_5_0&from=2026-01-01T00:00:00Z&to=1771787241&min_position=0.3.17";
    let answer = server.get(path, &token).await;
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(text, r#"{"data":[{"a":1},{"b":2}],"next_cursor":"2_5_0"}"#);
    assert_eq!(answer.header("x-pganalytics-position"), Some("0.3.17"));
    let read = server.node.store.reads.lock().unwrap().pop().unwrap();
    let Read::Samples(range) = read else {
        panic!("{read:?}");
    };
    assert_eq!(
        range.collector.to_string(),
        "b8de636e-a8ba-5e4d-a83d-4536445a936a"
    );
    let (from, to) = range.times();
    assert_eq!(from.to_string(), "2026-02-22T19:03:20Z");
    assert_eq!(to.micros(), 1_771_787_241_000_000);
    assert_eq!(range.limit, 3, "one more than the page");
}

#[tokio::test]
async fn a_read_says_how_old_the_view_of_its_node_is() {
    let server = Server::open().await;
    let token = server.login().await;
    for (age_ms, want) in [(None, "unknown"), (Some(480), "0"), (Some(61_900), "61")] {
        *server.node.view_age.lock().unwrap() = age_ms.map(Duration::from_millis);
        for path in [
            "/api/v1/collectors/c/metrics",
            "/api/v1/collectors/c/queries/slow",
            "/api/v1/queries/-5/timeline",
        ] {
            let answer = server.get(path, &token).await;
            let age = answer.header("x-pganalytics-age-seconds");
            assert_eq!(age, Some(want), "{path}");
        }
    }
}

/// What a node answers that no quorum has confirmed its view to for so long, by the setting: to a
/// session, an API token, and a collector that asks for its configuration.
#[tokio::test]
async fn a_node_without_a_quorum_takes_tokens_for_a_bounded_time_only() {
    use ReadsWithoutQuorum::{Refuse, Serve};
    for (setting, age, want) in [
        (Serve, Some(899), [200, 200, 404]),
        (Serve, Some(901), [200, 503, 503]),
        (Serve, None, [200, 503, 503]),
        (Refuse, Some(4), [200, 200, 404]),
        (Refuse, Some(6), [503; 3]),
        (Refuse, None, [503; 3]),
    ] {
        let limits = WebLimits {
            reads_without_quorum: setting,
            ..WebLimits::default()
        };
        let server = Server::start(WebOptions {
            limits: Live::fixed(limits),
            ..WebOptions::default()
        })
        .await;
        let session = server.login().await;
        let made = server
            .post("/api/v1/api-tokens", &session, br#"{"name":"script"}"#)
            .await;
        let token = bearer(made.json()["token"].as_str().unwrap());
        let collector = bearer(&server.register("c1").await);
        *server.node.view_age.lock().unwrap() = age.map(Duration::from_secs);
        let read = "/api/v1/collectors/c/metrics";
        for ((path, token), want) in [
            (read, session),
            (read, token),
            ("/api/v1/config/c1", collector),
        ]
        .iter()
        .zip(want)
        {
            let answer = server.get(path, token).await;
            assert_eq!(
                answer.status, want,
                "{setting:?} {age:?} {path}: {answer:?}"
            );
            let says = answer.json()["message"]
                .to_string()
                .contains("no quorum has confirmed");
            assert_eq!(says, want == 503, "{answer:?}");
            assert_eq!(answer.header("retry-after").is_some(), want == 503);
        }
        assert_eq!(
            server.get("/readyz", "").await.status,
            200,
            "needs no token"
        );
    }
}

#[tokio::test]
async fn reads_answer_as_the_contract_has_them() {
    let server = Server::open().await;
    let token = server.login().await;
    for (path, status, pointer, want) in [
        (
            "/api/v1/collectors/c/queries/slow?hours=5000",
            200,
            "/hours",
            "24",
        ),
        (
            "/api/v1/collectors/c/queries/frequent?hours=3",
            200,
            "/type",
            "\"frequent\"",
        ),
        (
            "/api/v1/collectors/c/queries/slow",
            200,
            "/queries/0/query_hash",
            "-5",
        ),
        (
            "/api/v1/collectors/c/queries/slow?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z",
            200,
            "/from",
            "\"2026-11-01T00:00:00Z\"",
        ),
        (
            "/api/v1/collectors/c/queries/slow?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
            400,
            "/error",
            "\"from is not before to\"",
        ),
        ("/api/v1/queries/-5/timeline", 200, "/data", "[]"),
        (
            "/api/v1/queries/x/timeline",
            400,
            "/error",
            "\"Invalid query hash\"",
        ),
        (
            "/api/v1/collectors/c/queries/parts?hashes=-5&hours=1",
            200,
            "/step_seconds",
            "120.0",
        ),
        (
            "/api/v1/collectors/c/queries/parts",
            400,
            "/error",
            "\"hashes is \\\"\\\": write 1 to 100 query ids with commas between them\"",
        ),
        (
            "/api/v1/collectors/c/metrics?limit=x",
            200,
            "/data/0/a",
            "1",
        ),
        (
            "/api/v1/collectors/c/metrics?from=soon",
            400,
            "/code",
            "400",
        ),
        (
            "/api/v1/collectors/c/metrics?min_position=1",
            400,
            "/code",
            "400",
        ),
        (
            "/api/v1/collectors/c/queries/slow?min_position=0.3.18",
            400,
            "/code",
            "400",
        ),
        (
            "/api/v1/queries/-5/timeline?min_position=0.3.18",
            400,
            "/code",
            "400",
        ),
        (
            "/api/v1/collectors/c/queries/slow?order=size",
            400,
            "/error",
            "\"order is \\\"size\\\": use mean, total, max or calls\"",
        ),
        (
            "/api/v1/collectors/c/metrics?min_position=0.3.18",
            400,
            "/code",
            "400",
        ),
    ] {
        let answer = server.get(path, &token).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.json().pointer(pointer).unwrap().to_string(),
            want,
            "{path}"
        );
        assert_eq!(
            answer.header("retry-after").is_some(),
            status == 503,
            "{path}"
        );
    }
}

#[tokio::test]
async fn health_and_status_tell_the_truth() {
    let server = Server::open().await;
    assert_eq!(
        server.get("/api/v1/health", "").await.json()["status"],
        "ok"
    );
    assert_eq!(server.get("/readyz", "").await.status, 200);
    server.node.store_down.store(true, Ordering::Relaxed);
    let answer = server.get("/api/v1/health", "").await;
    assert_eq!(
        (answer.status, answer.json()["timescale_ok"].as_bool()),
        (503, Some(false))
    );
    assert_eq!(server.get("/readyz", "").await.status, 200, "pushes go on");
    assert_eq!(server.get("/api/v1/cluster/status", "").await.status, 401);
    let open = Server::start(WebOptions {
        is_open: true,
        ..WebOptions::default()
    })
    .await;
    assert_eq!(
        open.get("/api/v1/cluster/status", "").await.body,
        b"{\"nodes\":[]}"
    );
}

#[tokio::test]
async fn head_is_get_without_a_body_and_other_methods_learn_what_is_allowed() {
    let server = Server::open().await;
    let get = server.get("/api/v1/version", "").await;
    let length = get.body.len().to_string();
    for (method, path, status, allow) in [
        ("HEAD", "/livez", 200, None),
        ("HEAD", "/metrics", 200, None),
        ("HEAD", "/api/v1/version", 200, None),
        ("HEAD", "/nowhere", 404, None),
        ("OPTIONS", "/api/v1/health", 204, Some("GET, HEAD, OPTIONS")),
        ("DELETE", "/api/v1/health", 405, Some("GET, HEAD, OPTIONS")),
        ("GET", "/api/v1/auth/login", 405, Some("POST, OPTIONS")),
        (
            "OPTIONS",
            "/api/v1/snapshots",
            204,
            Some("POST, GET, HEAD, OPTIONS"),
        ),
        ("OPTIONS", "/nowhere", 404, None),
    ] {
        let answer = request(server.addr, method, path, "", b"").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        assert!(method != "HEAD" || answer.body.is_empty(), "{answer:?}");
        if path == "/api/v1/version" {
            assert_eq!(answer.header("content-length"), Some(length.as_str()));
        }
    }
}
