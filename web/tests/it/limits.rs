//! Limits of time, memory and connections.

use std::time::Duration;

use pga_web::{WebLimits, WebOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::push::CYCLE;
use crate::raw_http::{exchange, read_to_end};
use crate::server::Server;

async fn with(limits: WebLimits) -> Server {
    let options = WebOptions {
        allow_anonymous_push: true,
        limits: limits.into(),
        ..WebOptions::default()
    };
    Server::start(options).await
}

#[tokio::test]
async fn slow_clients_are_cut_off() {
    let second = Duration::from_secs(1);
    let limits = WebLimits {
        header_timeout: second,
        body_timeout: second,
        ..WebLimits::default()
    };
    let server = with(limits).await;
    let head = "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n";
    for (name, bytes, want) in [
        ("no byte", String::new(), ""),
        ("31 head never ends", head.to_owned(), "HTTP/1.1 408"),
        (
            "32 body never ends",
            format!("{head}\r\n{{"),
            "HTTP/1.1 408",
        ),
    ] {
        let started = pga_runtime::now();
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_to_end(&mut stream).await).unwrap();
        assert!(
            answer.starts_with(want) && answer.is_empty() == want.is_empty(),
            "{name}: {answer}"
        );
        assert!(started.elapsed() < 8 * second, "{name}");
    }
    let mut drip = TcpStream::connect(server.addr).await.unwrap();
    drip.write_all(format!("{head}\r\n").as_bytes())
        .await
        .unwrap();
    let (mut reader, mut writer) = drip.split();
    let dripping = async {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut answer = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_buf(&mut reader, &mut answer);
    tokio::select! {
        () = dripping => panic!("written to the end"),
        read = tokio::time::timeout(8 * second, reading) => drop(read.unwrap()),
    }
    assert!(answer.starts_with(b"HTTP/1.1 408"), "one byte a time");
    assert!(server.node.pushes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_mid_body_stores_nothing() {
    let server = Server::open().await;
    let head = format!(
        "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        CYCLE.len()
    );
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&CYCLE[..CYCLE.len() - 1]).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(read_to_end(&mut stream).await);
    assert!(server.node.pushes.lock().unwrap().is_empty());
    assert_eq!(server.push("", CYCLE).await.status, 200);
}

#[tokio::test]
async fn a_spent_byte_budget_is_503_until_it_is_free() {
    let limits = WebLimits {
        inflight_bytes: 2 << 20,
        ..WebLimits::default()
    };
    let server = with(limits).await;
    let head = "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n{";
    let mut holder = TcpStream::connect(server.addr).await.unwrap();
    holder.write_all(head.as_bytes()).await.unwrap();
    let deadline = pga_runtime::now() + Duration::from_secs(10);
    loop {
        let answer = server.push("", CYCLE).await;
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some());
            break;
        }
        assert!(pga_runtime::now() < deadline, "the budget is never taken");
    }
    drop(holder);
    while server.push("", CYCLE).await.status != 200 {
        assert!(pga_runtime::now() < deadline, "the budget never comes back");
    }
}

#[tokio::test]
async fn pushes_wait_for_their_turn_but_not_for_long_nor_for_slow_clients() {
    let limits = WebLimits {
        max_pushes: 1,
        max_push_wait: Duration::from_secs(1),
        ..WebLimits::default()
    };
    let server = with(limits).await;
    // A body that does not end has no turn yet.
    let head = "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{";
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(server.push("", CYCLE).await.status, 200);

    let quorum = server.node.quorum.lock().await;
    let (one, other, ()) = tokio::join!(server.push("", CYCLE), server.push("", CYCLE), async {
        let refused = r#"pganalytics_http_refusals_total{reason="queue_wait"} 1"#;
        let deadline = pga_runtime::now() + Duration::from_secs(20);
        loop {
            let metrics = String::from_utf8(server.get("/metrics", "").await.body).unwrap();
            if metrics.contains(refused) {
                break;
            }
            assert!(pga_runtime::now() < deadline, "never refused: {metrics}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(quorum);
    });
    let (taken, refused) = if one.status == 200 {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!((taken.status, refused.status), (200, 503));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.node.pushes.lock().unwrap().len(), 2);

    let both = tokio::join!(server.push("", CYCLE), server.push("", CYCLE));
    assert_eq!((both.0.status, both.1.status), (200, 200));
}

#[tokio::test]
async fn a_connection_over_the_limit_is_closed_at_once() {
    let server = with(WebLimits {
        max_connections: 1,
        ..WebLimits::default()
    })
    .await;
    let live = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut first = TcpStream::connect(server.addr).await.unwrap();
    let mut second = TcpStream::connect(server.addr).await.unwrap();
    drop(second.write_all(live).await);
    let refused = String::from_utf8(read_to_end(&mut second).await).unwrap();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    first.write_all(live).await.unwrap();
    assert!(read_to_end(&mut first).await.starts_with(b"HTTP/1.1 200"));
    let deadline = pga_runtime::now() + Duration::from_secs(10);
    loop {
        let mut third = TcpStream::connect(server.addr).await.unwrap();
        drop(third.write_all(live).await);
        if read_to_end(&mut third).await.starts_with(b"HTTP/1.1 200") {
            break;
        }
        assert!(pga_runtime::now() < deadline, "the slot never comes back");
    }
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let text = String::from_utf8(exchange(server.addr, metrics).await.body).unwrap();
    assert!(
        text.contains("pganalytics_http_connections_total{outcome=\"over_limit\"}"),
        "{text}"
    );
}
