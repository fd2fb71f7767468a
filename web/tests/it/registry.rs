//! The registry of collectors, their configurations, and registration secrets, over HTTP.

use pga_config::CollectorId;
use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::raw_http::{Answer, request};
use crate::server::Server;

const PULL: &str = "/api/v1/config/c1";
const TOML: &str = "[collector]\npush_interval = 30\n";

async fn put(server: &Server, path: &str, headers: &str, body: &str) -> Answer {
    request(server.addr, "PUT", path, headers, body.as_bytes()).await
}

#[tokio::test]
async fn collectors_are_listed_found_changed_and_forgotten() {
    let server = Server::start(WebOptions::default()).await;
    let admin = server.login().await;
    for n in 0..3 {
        let body = format!(r#"{{"name":"c{n}","hostname":"db{n}","version":"3.0.0"}}"#);
        let secret = "X-Registration-Secret: registration-secret\r\n";
        server
            .post("/api/v1/collectors/register", secret, body.as_bytes())
            .await;
    }
    let list = "/api/v1/collectors";
    let page = server
        .get(&format!("{list}?page_size=2"), &admin)
        .await
        .json();
    assert_eq!(
        (page["total"].as_u64(), page["total_pages"].as_u64()),
        (Some(3), Some(2))
    );
    assert_eq!(page["data"][0]["status"], "registered");
    assert_eq!(page["data"][0]["hostname"], "db0");
    for (query, want) in [
        ("hostname=db1", 1),
        ("search=DB", 3),
        ("status=active", 0),
        ("search=nothing", 0),
    ] {
        let found = server.get(&format!("{list}?{query}"), &admin).await.json();
        assert_eq!(found["total"], want, "{query}");
    }
    let one = "/api/v1/collectors/c1";
    let ends = &server.get(one, &admin).await.json()["certificate_expires_at"];
    assert_eq!(ends, "1970-01-01T00:00:09Z");
    assert_eq!(page["data"][0]["certificate_expires_at"], *ends);
    let change = r#"{"description":"the billing one","group":"web"}"#;
    let changed = put(&server, one, &admin, change).await;
    assert_eq!(changed.json()["group"], "web");
    let unnamed = put(&server, one, &admin, r#"{"group":"a/b"}"#).await;
    assert_eq!(unnamed.status, 400, "a group that no path can name");
    assert_eq!(
        server.get(one, &admin).await.json()["description"],
        "the billing one"
    );
    let gone = request(server.addr, "DELETE", one, &admin, b"").await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_eq!(server.get(one, &admin).await.status, 404);
    let again = request(server.addr, "DELETE", one, &admin, b"").await;
    assert_eq!(again.json()["message"], "Collector not found");
}

#[tokio::test]
async fn a_collector_pulls_its_own_configuration_or_its_groups() {
    let server = Server::start(WebOptions::default()).await;
    let (admin, c1) = (server.login().await, bearer(&server.register("c1").await));
    let none = server.get(PULL, &c1).await;
    assert_eq!(none.json()["message"], "collector configuration not found");

    let group = "/api/v1/config-groups/default";
    assert_eq!(put(&server, group, &admin, TOML).await.json()["version"], 1);
    let pulled = server.get(PULL, &c1).await;
    assert_eq!(
        (pulled.status, pulled.header("x-config-version")),
        (200, Some("1"))
    );
    assert_eq!(pulled.body, TOML.as_bytes());
    assert!(
        pulled
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );

    let own = "[collector]\npush_interval = 10\n";
    // Numbers count up over all configurations: a collector takes a number for a text.
    for version in 2..=3 {
        let stored = put(&server, PULL, &admin, own).await.json();
        assert_eq!(
            (&stored["status"], &stored["version"]),
            (&json!("success"), &json!(version))
        );
    }
    let pulled = server.get(PULL, &c1).await;
    assert_eq!(
        (pulled.header("x-config-version"), pulled.body.as_slice()),
        (Some("3"), own.as_bytes())
    );
    let tag = format!("{c1}If-None-Match: {}\r\n", pulled.header("etag").unwrap());
    assert_eq!(server.get(PULL, &tag).await.status, 304);
    let told = server.get("/api/v1/collectors/c1", &admin).await.json();
    assert_eq!(
        (&told["config_version"], &told["config_told_version"]),
        (&json!(3), &json!(3))
    );
    let gone = request(server.addr, "DELETE", PULL, &admin, b"").await;
    assert_eq!(gone.status, 200);
    let pulled = server.get(PULL, &c1).await;
    assert_eq!(pulled.header("x-config-version"), Some("1"), "the group's");
    assert_eq!(put(&server, PULL, &admin, own).await.json()["version"], 5);
    let history = "/api/v1/collectors/c1/config/history";
    let history = server.get(history, &admin).await.json();
    assert_eq!(
        (&history["count"], &history["versions_kept"]),
        (&json!(4), &json!(50))
    );
    let audit = server.get("/api/v1/audit", &admin).await.json();
    let entry = |n: usize| {
        (
            audit["data"][n]["before"].clone(),
            audit["data"][n]["after"].clone(),
        )
    };
    let ten = json!({ "collector.push_interval": "10" });
    assert_eq!(entry(0), (json!({}), ten.clone()), "stored anew");
    assert_eq!(entry(1), (ten, Value::Null), "deleted");
    assert_eq!(history["data"][1]["comment"], "deleted");
}

#[tokio::test]
async fn who_may_push_without_a_token_sees_no_configuration() {
    let server = Server::open().await;
    let admin = server.login().await;
    put(&server, "/api/v1/config-groups/default", &admin, TOML).await;
    for path in [PULL, "/api/v1/collectors/c1/index-candidates"] {
        assert_eq!(server.get(path, "").await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_collector_that_says_what_it_runs_is_believed() {
    let server = Server::start(WebOptions::default()).await;
    let (admin, c1) = (server.login().await, bearer(&server.register("c1").await));
    for _ in 0..3 {
        put(&server, PULL, &admin, TOML).await;
    }
    let newest = server.get(PULL, &admin).await;
    let tag = newest.header("etag").unwrap().to_owned();
    for (said, known, status, want) in [
        ("0", "", 200, json!(null)),
        ("2", "", 200, json!(2)),
        ("none", "", 200, json!(2)),
        ("3", tag.as_str(), 304, json!(3)),
    ] {
        let headers = format!("{c1}X-Config-Version: {said}\r\nIf-None-Match: {known}\r\n");
        let pulled = server.get(PULL, &headers).await;
        assert_eq!(pulled.status, status, "{said}");
        let told = server.get("/api/v1/collectors/c1", &admin).await.json();
        assert_eq!(told["config_told_version"], want, "{said}");
    }
    // None any more, and it says so.
    let gone = request(server.addr, "DELETE", PULL, &admin, b"").await;
    assert_eq!(gone.status, 200);
    for (said, want) in [("3", json!(3)), ("0", json!(0))] {
        let headers = format!("{c1}X-Config-Version: {said}\r\n");
        assert_eq!(server.get(PULL, &headers).await.status, 404, "{said}");
        let told = server.get("/api/v1/collectors/c1", &admin).await.json();
        assert_eq!(told["config_told_version"], want, "{said}");
    }
}

/// 401 makes an old collector ask again at once, for ever (contract Q11).
#[tokio::test]
async fn a_pull_is_never_answered_401() {
    let server = Server::start(WebOptions::default()).await;
    let c2 = bearer(&server.register("c2").await);
    for (name, headers, want) in [
        ("nobody", String::new(), 403),
        ("another, without a configuration", c2.clone(), 404),
        ("forged", bearer("dev-token"), 403),
        ("twice", c2.repeat(2), 403),
        (
            "not a token",
            "Authorization: Basic eDp5\r\n".to_owned(),
            403,
        ),
    ] {
        assert_eq!(server.get(PULL, &headers).await.status, want, "{name}");
    }
    let open = Server::start(WebOptions {
        is_open: true,
        ..WebOptions::default()
    })
    .await;
    assert_eq!(open.get(PULL, "").await.status, 404, "of a demo");
}

/// An original collector asks for the name in its own file, and pushes under the id that it got.
#[tokio::test]
async fn a_pull_gives_the_configuration_of_the_token_whatever_it_asks_for() {
    let server = Server::start(WebOptions::default()).await;
    let admin = server.login().await;
    let tokens = [server.register("c1").await, server.register("c2").await];
    for name in ["c1", "c2"] {
        let text = format!("[collector]\nhostname = \"host-of-{name}\"\n");
        let path = format!("/api/v1/config/{name}");
        assert_eq!(put(&server, &path, &admin, &text).await.status, 200);
    }
    for (name, token) in ["c1", "c2"].iter().zip(tokens) {
        for asked in ["c1", "c2", "collector-001"] {
            let path = format!("/api/v1/config/{asked}");
            let pulled = server.get(&path, &bearer(&token)).await;
            let text = String::from_utf8(pulled.body).unwrap();
            assert!(text.contains(&format!("host-of-{name}")), "{asked}: {text}");
        }
    }
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_its_line() {
    let server = Server::start(WebOptions::default()).await;
    let admin = server.login().await;
    server.register("c1").await;
    for (body, want) in [
        (
            "[collector]\npush_intervall = 3\n",
            "line 2: no collector reads collector.push_intervall: did you mean push_interval?",
        ),
        ("{\"a\": 1}", "line 1"),
        ("[postgres]\ndatabases = [\"a\"]\n", "line 2"),
    ] {
        let refused = put(&server, PULL, &admin, body).await;
        assert_eq!(refused.status, 400, "{body}");
        let details = refused.json()["details"].as_str().unwrap().to_owned();
        assert!(details.contains(want), "{body}: {details}");
    }
    let unknown = put(&server, "/api/v1/config/nobody", &admin, TOML).await;
    assert_eq!(unknown.json()["message"], "Collector not found");
    let stale = put(&server, &format!("{PULL}?base_version=7"), &admin, TOML).await;
    assert_eq!(stale.status, 409);
}

#[tokio::test]
async fn versions_are_kept_compared_and_brought_back() {
    let server = Server::start(WebOptions::default()).await;
    let (admin, _) = (server.login().await, server.register("c1").await);
    let secret = "[postgres]\npassword = \"hush\"\n";
    for text in [TOML, secret] {
        assert_eq!(put(&server, PULL, &admin, text).await.status, 200);
    }
    let base = "/api/v1/collectors/c1/config";
    let diff = server.get(&format!("{base}/diff"), &admin).await.json();
    let lines = diff["diff"].as_str().unwrap();
    assert!(
        lines.contains("-push_interval = 30") && lines.contains("+[postgres]"),
        "{lines}"
    );
    let back = server
        .post(&format!("{base}/rollback"), &admin, br#"{"version":1}"#)
        .await;
    assert_eq!(back.json()["version"], 3);
    let history = server.get(&format!("{base}/history"), &admin).await.json();
    let texts: Vec<&str> = history["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["config"].as_str().unwrap())
        .collect();
    assert_eq!(texts, [TOML, secret, TOML]);
    assert_eq!(history["data"][0]["comment"], "back to version 1");
    let audit = server.get("/api/v1/audit", &admin).await;
    assert!(!String::from_utf8_lossy(&audit.body).contains("hush"));
    let missing = server
        .post(&format!("{base}/rollback"), &admin, br#"{"version":9}"#)
        .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn registration_secrets_are_shown_once_and_revoked() {
    let server = Server::start(WebOptions::default()).await;
    let admin = server.login().await;
    let path = "/api/v1/registration-secrets";
    let body = json!({ "name": "fleet", "max_uses": 3, "expires_at": "2099-01-01T00:00:00Z" });
    let made = server.post(path, &admin, body.to_string().as_bytes()).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 64);
    assert!(
        secret.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "a word in a command line: {secret}"
    );
    let listed = server.get(path, &admin).await.json();
    assert_eq!(
        (&listed["data"][0]["secret"], &listed["data"][0]["status"]),
        (&Value::Null, &json!("active"))
    );
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        request(server.addr, "DELETE", &one, &admin, b"")
            .await
            .status,
        200
    );
    assert_eq!(server.get(&one, &admin).await.json()["status"], "revoked");
    for (bad, want) in [
        (json!({ "name": "" }), "name must"),
        (
            json!({ "name": "x", "expires_at": "2001-01-01T00:00:00Z" }),
            "it has passed",
        ),
        (json!({ "name": "x", "max_uses": 0 }), "max_uses is 0"),
    ] {
        let refused = server.post(path, &admin, bad.to_string().as_bytes()).await;
        assert_eq!(refused.status, 400, "{bad}");
        assert!(
            refused.json()["details"].as_str().unwrap().contains(want),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_a_push_tells_the_configurations_version() {
    let server = Server::open().await;
    let admin = server.login().await;
    server.register("c1").await;
    let push = br#"{"collector_id":"c1","hostname":"h","timestamp":1767225600,"metrics":[]}"#;
    let told = async || {
        let answer = server.push("", push).await;
        let header = answer.header("x-config-version").unwrap().to_owned();
        (answer.json()["next_config_version"].clone(), header)
    };
    assert_eq!(told().await, (json!(0), "0".to_owned()), "none");
    put(&server, PULL, &admin, TOML).await;
    assert_eq!(told().await, (json!(1), "1".to_owned()), "the first");
    for _ in 0..2 {
        put(&server, PULL, &admin, TOML).await;
    }
    assert_eq!(told().await, (json!(3), "3".to_owned()));
    assert_eq!(
        server.get("/api/v1/collectors/c1", &admin).await.json()["id"],
        CollectorId::from_external("c1").to_string()
    );
}
