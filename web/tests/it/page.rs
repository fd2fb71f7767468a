//! The web page, and what browsers are told about every answer.

use pga_web::WebOptions;

use crate::raw_http::request;
use crate::server::Server;

#[tokio::test]
async fn every_answer_tells_browsers_what_it_may_do() {
    let server = Server::start(WebOptions::default()).await;
    for (method, path, status) in [
        ("GET", "/", 200),
        ("GET", "/servers/1/queries/-5", 200),
        ("GET", "/api/v1/version", 200),
        ("GET", "/api/v1/users", 401),
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/v1/version", 405),
        ("GET", "/api/v1/metrics/cache", 401),
    ] {
        let answer = request(server.addr, method, path, "", b"").await;
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(
            policy.contains("script-src 'self'"),
            status == 200 && !path.contains("api")
        );
        for (name, want) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(want), "{path}");
        }
        assert_eq!(answer.header("server"), None, "{path}");
    }
}

#[tokio::test]
async fn the_pages_files_are_kept_for_ever_and_the_page_is_asked_for() {
    let server = Server::start(WebOptions::default()).await;
    let page = server.get("/", "").await;
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let text = String::from_utf8(page.body.clone()).unwrap();
    let script = text
        .split('"')
        .find(|part| part.ends_with("app.js"))
        .unwrap();
    let plain = server.get(script, "").await;
    assert!(plain.header("cache-control").unwrap().contains("immutable"));
    let packed = server.get(script, "Accept-Encoding: br, gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 2 < plain.body.len());
    let known = format!("If-None-Match: {}\r\n", page.header("etag").unwrap());
    assert_eq!(server.get("/", &known).await.status, 304);
    // The folder of another version of the program.
    let other = script.replace("/ui/", "/ui/0");
    assert_eq!(server.get(&other, "").await.status, 404);
}
