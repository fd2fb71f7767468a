//! An HTTP/1.1 client that sends exactly what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn parse(bytes: &[u8]) -> Self {
        let split = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| {
                panic!("no HTTP answer: {:?}", String::from_utf8_lossy(bytes));
            });
        let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
        let status = head[9..12].parse().unwrap();
        Self {
            status,
            head,
            body: bytes[split + 4..].to_vec(),
        }
    }
}

/// One request with `Content-Length` on a connection of its own.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    exchange(addr, &[head.as_bytes(), body].concat()).await
}

/// Sends bytes and reads to the end of the connection.
pub(crate) async fn exchange(addr: SocketAddr, bytes: &[u8]) -> Answer {
    Answer::parse(&exchange_raw(addr, bytes).await)
}

pub(crate) async fn exchange_raw(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may answer and close before it has read everything.
    drop(stream.write_all(bytes).await);
    read_to_end(&mut stream).await
}

pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut out = Vec::new();
    let mut step = vec![0; 64 << 10];
    loop {
        let read = timeout(Duration::from_secs(20), stream.read(&mut step));
        match read.await.expect("the server closes in time") {
            Ok(0) | Err(_) => return out,
            Ok(n) => out.extend_from_slice(&step[..n]),
        }
    }
}
