//! Idle connections, which the server parks, are served as any other when they speak again.

use std::time::Duration;

use pga_web::{WebLimits, WebOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::push::CYCLE;
use crate::raw_http::{exchange, read_to_end};
use crate::server::Server;

const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(30);

/// Until this many connections are parked, one of which may be silent since it was opened.
async fn until_parked(server: &Server, wanted: u32) {
    let deadline = pga_runtime::now() + PATIENCE;
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let line = format!("\npganalytics_http_connections_parked {wanted}\n");
    loop {
        let text = String::from_utf8(exchange(server.addr, request).await.body).unwrap();
        if text.contains(&line) {
            return;
        }
        assert!(
            pga_runtime::now() < deadline,
            "never {wanted} parked: {text}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads one answer whose body is not empty.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = String::new();
    loop {
        let mut step = [0; 4096];
        let n = timeout(PATIENCE, stream.read(&mut step)).await;
        let n = n.unwrap().unwrap();
        assert_ne!(n, 0, "closed after {read:?}");
        read.push_str(std::str::from_utf8(&step[..n]).unwrap());
        let Some((head, body)) = read.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (name == "content-length").then(|| value.parse::<usize>().unwrap())
        });
        if length.is_some_and(|length| body.len() >= length) {
            return read;
        }
    }
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    answer(stream).await
}

#[tokio::test]
async fn a_parked_connection_serves_the_next_request() {
    let server = Server::open().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    let push = [
        format!(
            "POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            CYCLE.len()
        )
        .as_bytes(),
        CYCLE,
    ]
    .concat();
    for request in [LIVE.as_bytes(), &push, LIVE.as_bytes()] {
        let answered = ask(&mut stream, request).await;
        assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
        until_parked(&server, 1).await;
    }
    assert_eq!(server.node.pushes.lock().unwrap().len(), 1);
    // Byte by byte, the first of which ends the parking.
    for byte in LIVE.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    until_parked(&server, 1).await;
    // Two requests at once.
    stream
        .write_all([LIVE, LIVE].concat().as_bytes())
        .await
        .unwrap();
    let mut answers = answer(&mut stream).await;
    while answers.matches("HTTP/1.1 200").count() < 2 {
        answers.push_str(&answer(&mut stream).await);
    }
    // What is refused below hyper is so after parking too.
    until_parked(&server, 1).await;
    stream
        .write_all(b"GET /livez HTTP/1.1\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let refused = String::from_utf8(read_to_end(&mut stream).await).unwrap();
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
}

#[tokio::test]
async fn the_time_limits_hold_for_parked_connections() {
    let limits = WebLimits {
        header_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(5),
        ..WebLimits::default()
    };
    let options = WebOptions {
        allow_anonymous_push: true,
        limits: limits.into(),
        ..WebOptions::default()
    };
    let server = Server::start(options).await;
    let mut half = TcpStream::connect(server.addr).await.unwrap();
    let mut idle = TcpStream::connect(server.addr).await.unwrap();
    for stream in [&mut half, &mut idle] {
        let answered = ask(stream, LIVE.as_bytes()).await;
        assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    }
    until_parked(&server, 2).await;
    half.write_all(b"GET /livez HTTP/1.1\r\nHo").await.unwrap();
    let ended = String::from_utf8(read_to_end(&mut half).await).unwrap();
    assert!(ended.starts_with("HTTP/1.1 408"), "{ended}");
    assert_eq!(read_to_end(&mut idle).await, b"");
}

#[tokio::test]
async fn a_server_that_stops_closes_parked_connections() {
    let server = Server::open().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    ask(&mut stream, LIVE.as_bytes()).await;
    until_parked(&server, 1).await;
    let started = pga_runtime::now();
    server.stop().await;
    assert_eq!(read_to_end(&mut stream).await, b"");
    let drain_timeout = WebLimits::default().drain_timeout;
    assert!(started.elapsed() < drain_timeout, "cut off, not closed");
}
