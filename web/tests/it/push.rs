//! Pushes as clients really send them (contract 2).

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pga_web::ApiError;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::raw_http::{exchange, read_to_end};
use crate::server::Server;

pub(crate) const CYCLE: &[u8] = include_bytes!("../data/push-one-cycle.json");
const COLLECTOR: &str = "6f0f2f8e-3c1b-4f0e-9a55-0d8f3f1c2b7a";

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_encoding_of_real_clients_is_taken_for_what_it_is() {
    let server = Server::open().await;
    let zstd = zstd::bulk::compress(CYCLE, 3).unwrap();
    for (name, headers, body) in [
        ("plain", "", CYCLE.to_vec()),
        ("gzip", "Content-Encoding: gzip\r\n", gzip(CYCLE)),
        ("gzip without label", "", gzip(CYCLE)),
        (
            "zlib labelled gzip",
            "Content-Encoding: gzip\r\n",
            zlib(CYCLE),
        ),
        (
            "plain labelled gzip",
            "Content-Encoding: gzip\r\n",
            CYCLE.to_vec(),
        ),
        ("zstd", "Content-Encoding: zstd\r\n", zstd),
        (
            "odd content type",
            "Content-Type: image/png\r\n",
            CYCLE.to_vec(),
        ),
        (
            "plain labelled br",
            "Content-Encoding: br\r\n",
            CYCLE.to_vec(),
        ),
        (
            "bad token",
            "Authorization: Bearer dev-token\r\n",
            CYCLE.to_vec(),
        ),
    ] {
        let answer = server.push(headers, &body).await;
        let takes = answer.header("accept-encoding");
        assert_eq!(takes, Some("zstd, gzip, deflate"), "{name}");
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let mut json = answer.json();
        assert!(json["processing_time_ms"].take().is_u64(), "{name}");
        let want = json!({
            "status": "success",
            "collector_id": COLLECTOR,
            "metrics_inserted": 14,
            "metrics_repeated": 0,
            "bytes_received": body.len(),
            "processing_time_ms": null,
            "next_config_version": 0,
            "next_check_in_seconds": 60,
            "position": { "group": 0, "term": 3, "index": 17 },
        });
        assert_eq!(json, want, "{name}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains("\"collector_id\":\""), "compact (Q10)");
    }
    let pushes = server.node.pushes.lock().unwrap().clone();
    assert!(
        pushes
            .windows(2)
            .all(|pair| pair[0].elements == pair[1].elements)
    );
    assert_eq!(pushes[0].hostname, "db-01.example.test");
}

#[tokio::test]
async fn a_chunked_body_after_100_continue_is_taken() {
    let server = Server::open().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let head = "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    for chunk in CYCLE.chunks(50_000) {
        stream
            .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
            .await
            .unwrap();
        stream.write_all(chunk).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.node.pushes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_golden_frame_is_a_push() {
    let server = Server::open().await;
    let frame = "efbeadde0100000001000000670000005b33b13700000000000000000000000008050c636f6c6c65\
        63746f725f69640602633108686f73746e616d65060168076d65747269637307010803026f6b010104747970\
        6506077379737374617401780500000000\
        0000f83f0974696d657374616d700200b955690776657273696f6e0605332e302e30";
    let frame = hex::decode(frame).unwrap();
    for body in [frame.clone(), zstd::bulk::compress(&frame, 3).unwrap()] {
        let headers = "Content-Type: application/octet-stream\r\nContent-Encoding: zstd\r\n\
            X-Protocol-Version: 1.0\r\n";
        let answer = server
            .post("/api/v1/metrics/push/binary", headers, &body)
            .await;
        assert_eq!(
            (answer.status, answer.json()["metrics_inserted"].as_u64()),
            (200, Some(1))
        );
    }
    let answer = server.post("/api/v1/metrics/push/binary", "", CYCLE).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn an_idempotency_key_travels_with_a_digest_of_the_content() {
    let server = Server::open().await;
    let push = |value: u8| {
        format!(
            r#"{{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":[{{"name":"a","value":{value}}}]}}"#
        )
    };
    for body in [push(1), push(1), push(2)] {
        assert_eq!(
            server
                .push("Idempotency-Key: k1\r\n", body.as_bytes())
                .await
                .status,
            200
        );
    }
    let pushes = server.node.pushes.lock().unwrap().clone();
    let digests: Vec<_> = pushes
        .iter()
        .map(|push| push.idempotency.as_ref().unwrap().digest)
        .collect();
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    assert_eq!(server.push(&long, push(1).as_bytes()).await.status, 400);
}

#[tokio::test]
async fn errors_of_the_node_have_their_status() {
    let server = Server::open().await;
    let after = Duration::from_millis(1_500);
    for (error, status, retry) in [
        (
            ApiError::Unavailable {
                reason: "no_quorum",
                retry_after: after,
            },
            503,
            Some("2"),
        ),
        (
            ApiError::TooMany {
                reason: "quota",
                retry_after: after,
            },
            429,
            Some("2"),
        ),
        (ApiError::Conflict, 409, None),
        (ApiError::Internal, 500, None),
    ] {
        *server.node.push_error.lock().unwrap() = Some(error.clone());
        let answer = server.push("X-Request-Id: abc-1\r\n", CYCLE).await;
        assert_eq!(answer.status, status, "{error}");
        assert_eq!(answer.header("retry-after"), retry, "{error}");
        let json = answer.json();
        assert_eq!(json["code"], status, "{error}");
        assert_eq!(json["message"], json["error"], "{error}");
        assert_eq!(json["request_id"], "abc-1", "{error}");
        assert_eq!(answer.header("x-request-id"), Some("abc-1"), "{error}");
    }
}

#[tokio::test]
async fn a_full_node_refuses_before_it_reads_what_a_push_holds() {
    let server = Server::open().await;
    *server.node.full.lock().unwrap() = Some(ApiError::Unavailable {
        reason: "log_full",
        retry_after: Duration::from_secs(1),
    });
    for body in [CYCLE, b"no push at all"] {
        let answer = server.push("", body).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1"))
        );
    }
    *server.node.full.lock().unwrap() = None;
    assert_eq!(server.push("", b"no push at all").await.status, 400);
    assert_eq!(server.push("", CYCLE).await.status, 200);
    assert_eq!(server.node.pushes.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_500_and_the_server_lives_on() {
    let server = Server::open().await;
    server.node.push_panics.store(true, Ordering::Relaxed);
    let answer = server.push("", CYCLE).await;
    assert_eq!(
        (answer.status, answer.json()["message"].as_str()),
        (500, Some("Internal error"))
    );
    server.node.push_panics.store(false, Ordering::Relaxed);
    assert_eq!(server.push("", CYCLE).await.status, 200);
    let metrics = server.get("/metrics", "").await;
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(text.contains("pganalytics_http_panics_total 1"), "{text}");
    assert!(
        text.contains("pganalytics_push_elements_total{outcome=\"accepted\"} 14"),
        "{text}"
    );
}

#[tokio::test]
async fn two_requests_share_a_connection_and_stop_ends_it() {
    let server = Server::open().await;
    let one = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let two = "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(server.addr, format!("{one}{two}").as_bytes()).await;
    let body = String::from_utf8(answer.body).unwrap();
    assert!(
        answer.status == 200 && body.contains("\"api\":\"1.0.0\""),
        "{body}"
    );
    let idle = TcpStream::connect(server.addr).await.unwrap();
    tokio::time::timeout(Duration::from_secs(12), server.stop())
        .await
        .unwrap();
    drop(idle);
}
