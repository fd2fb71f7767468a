//! Bad requests: the right refusal, in our error shape, and the next good push succeeds.

use pga_web::{WebLimits, WebOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::push::CYCLE;
use crate::raw_http::{exchange, exchange_raw, read_to_end, request};
use crate::server::Server;

#[tokio::test]
async fn bad_bodies_are_refused_and_leave_no_trace() {
    let server = Server::open().await;
    let many = format!("{{\"metrics\":[{}0]}}", "{},".repeat(999_999));
    let deep = "[".repeat(10_000);
    for (name, headers, body, want) in [
        ("1 empty", "", "", 400),
        ("2 truncated", "", "{", 400),
        ("3 array", "", "[]", 400),
        ("4 depth", "", deep.as_str(), 400),
        ("5 duplicate", "", r#"{"a":1,"a":1}"#, 400),
        ("10 a million", "", many.as_str(), 413),
        ("17 nul", "", r#"{"a":"\u0000"}"#, 422),
        ("28 gzip", "", "\x1f", 400),
        ("29 br", "Content-Encoding: br\r\n", "\x0b\x02\x10", 415),
        ("30 type", "Content-Type: image/png\r\n", "not json", 415),
        (
            "Q5 loose",
            "Content-Encoding: gzip\r\n",
            r#"{"collector_id":"c","hostname":"h","metrics":[]},{"name":1}"#,
            400,
        ),
    ] {
        let answer = server.push(headers, body.as_bytes()).await;
        assert_eq!(
            answer.status,
            want,
            "{name}: {:?}",
            String::from_utf8_lossy(&answer.body)
        );
        let json = answer.json();
        assert_eq!(json["message"], "Invalid metrics data", "{name}");
        assert!(
            json["details"].is_string() && json["request_id"].is_string(),
            "{name}"
        );
    }
    assert!(server.node.pushes.lock().unwrap().is_empty());
    assert_eq!(server.push("", CYCLE).await.status, 200);
}

#[tokio::test]
async fn a_bad_element_is_refused_alone_unless_the_push_is_strict() {
    let server = Server::open().await;
    let body = r#"{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":[
        {"name":"a","value":1},{"type":"pg_log","x":"\u0000"},{"name":"b","value":1}]}"#;
    let answer = server.push("", body.as_bytes()).await;
    let json = answer.json();
    assert_eq!((answer.status, &json["status"]), (200, &"success".into()));
    let first = serde_json::json!([{"index": 1, "type": "pg_log", "reason": "nul"}]);
    assert_eq!(json["rejected"]["count"], 1);
    assert_eq!(json["rejected"]["by_reason"]["nul"], 1);
    assert_eq!(json["rejected"]["first"], first);
    assert_eq!(server.node.pushes.lock().unwrap()[0].elements.len(), 2);
    let noted = server.node.notes.lock().unwrap()[0]
        .problem
        .clone()
        .unwrap();
    assert_eq!((noted.reason, noted.elements), ("nul", 1));
    assert!(
        noted.message.contains("number 1 of type \"pg_log\""),
        "{noted:?}"
    );
    for (flag, status) in [("true", 422), ("false", 200), ("1", 400)] {
        let path = format!("/api/v1/metrics/push?strict={flag}");
        let answer = server.post(&path, "", body.as_bytes()).await;
        assert_eq!(answer.status, status, "{flag}");
    }
    let metrics = server.get("/metrics", "").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let rejected = r#"pganalytics_push_rejected_elements_total{reason="nul"} 3"#;
    assert!(metrics.contains(rejected), "{metrics}");
}

#[tokio::test]
async fn bodies_over_the_cap_are_413_before_they_are_read() {
    let limits = WebLimits {
        wire_body_bytes: 1_000,
        ..WebLimits::default()
    };
    let options = WebOptions {
        allow_anonymous_push: true,
        limits: limits.into(),
        ..WebOptions::default()
    };
    let server = Server::start(options).await;
    let head = "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\n";
    let announced = format!("{head}Content-Length: 99999999\r\n\r\n");
    let answer = exchange(server.addr, announced.as_bytes()).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (413, Some("close"))
    );
    let chunk = format!("3e9\r\n{}\r\n", "x".repeat(1_001));
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
    let answer = exchange(server.addr, chunked.as_bytes()).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (413, Some("close"))
    );
}

#[tokio::test]
async fn unparsable_heads_are_refused_and_the_connection_ends() {
    let server = Server::open().await;
    let many: String = (0..300).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "y".repeat(65 << 10));
    let token = format!("Authorization: Bearer {}\r\n", "y".repeat(1 << 20));
    for (name, headers, want) in [
        (
            "25 two lengths",
            "Content-Length: 1\r\nContent-Length: 2\r\n".to_owned(),
            400,
        ),
        ("25 xchunked", "Transfer-Encoding: xchunked\r\n".into(), 400),
        (
            "25 space before colon",
            "Content-Length : 1\r\n".into(),
            400,
        ),
        ("25 bare line feed", "Content-Length: 1\n".into(), 400),
        (
            "25 length and chunked",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n".into(),
            400,
        ),
        ("26 300 headers", many, 431),
        ("26 64 KiB header", long, 431),
        ("62 1 MiB token", token, 431),
    ] {
        let bytes = format!("POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let answer = exchange(server.addr, bytes.as_bytes()).await;
        assert_eq!(answer.status, want, "{name}");
        assert_eq!(answer.header("connection"), Some("close"), "{name}");
        let json = answer.json();
        assert_eq!(json["code"], want, "{name}");
        assert_eq!(
            json["request_id"].as_str(),
            answer.header("x-request-id"),
            "{name}"
        );
    }
    let both = "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\
        Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let answers = exchange_raw(server.addr, both.as_bytes()).await;
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(
        answers.matches("HTTP/1.1 ").count(),
        1,
        "one request in, one out: {answers}"
    );
    assert_eq!(server.push("", CYCLE).await.status, 200);
}

#[tokio::test]
async fn a_body_behind_its_answer_is_not_taken_for_a_head() {
    let server = Server::open().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let body = "{\n}\n".repeat(1_000);
    let head = format!(
        "POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 404");
    drop(stream.write_all(body.as_bytes()).await);
    let rest = String::from_utf8(read_to_end_of(&mut stream).await).unwrap();
    assert!(!rest.contains("HTTP/1.1 400"), "{rest}");
}

/// What comes until the server closes, after one more request if it does not.
async fn read_to_end_of(stream: &mut TcpStream) -> Vec<u8> {
    let last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    drop(stream.write_all(last).await);
    read_to_end(stream).await
}

#[tokio::test]
async fn unknown_paths_methods_and_unbuilt_routes_have_their_status() {
    let server = Server::open().await;
    for (method, path, want) in [
        ("GET", "/nope", 404),
        ("GET", "/api/v1/nope", 404),
        ("GET", "/..%2f", 404),
        ("GET", "//", 404),
        ("GET", "/%00", 404),
        ("GET", "/api/v1/metrics/push", 405),
        ("DELETE", "/api/v1/health", 405),
        ("PUT", "/api/v1/auth/login", 405),
        ("DELETE", "/api/v1/servers", 405),
        ("GET", "/api/v1/config/collector-001", 403),
    ] {
        let answer = request(server.addr, method, path, "", b"").await;
        assert_eq!(answer.status, want, "{method} {path}");
        let json = answer.json();
        assert_eq!(json["code"], want, "{method} {path}");
        assert_eq!(
            json["request_id"].as_str(),
            answer.header("x-request-id"),
            "{method} {path}"
        );
    }
}
