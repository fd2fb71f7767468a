//! HTTP/1.1 as bytes: what a correct client library would not send.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for the end of a connection.
const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const PUSH: &str = "/api/v1/metrics/push";
pub(crate) const BINARY: &str = "/api/v1/metrics/push/binary";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .chars()
            .take(500)
            .collect()
    }

    /// The only answer in what a connection sent.
    pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .with_context(|| format!("no answer: {text:?}"))?;
        ensure!(
            text.matches("HTTP/1.1 ").count() == 1,
            "one request in, one answer out: {text}"
        );
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        Ok(Self {
            status: status.with_context(|| head.to_owned())?,
            head: head.to_owned(),
            body: body.as_bytes().to_vec(),
        })
    }
}

/// A request with `Content-Length`, the last of its connection.
pub(crate) fn request(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn push(body: impl AsRef<[u8]>) -> Vec<u8> {
    request(PUSH, "", body.as_ref())
}

/// Sends `bytes`, and reads the answer until the node ends the connection.
pub(crate) async fn exchange(address: (&str, u16), bytes: &[u8]) -> anyhow::Result<Answer> {
    Answer::parse(&raw(address, bytes).await?)
}

/// As [`exchange`], whatever came back.
pub(crate) async fn raw(address: (&str, u16), bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (mut reader, mut writer) = TcpStream::connect(address).await?.into_split();
    // The node may answer and close before it has read everything: then writing fails, and reading
    // tells.
    let writing = async {
        let written = writer.write_all(bytes).await;
        written.is_ok().then_some(writer)
    };
    let reading = async {
        let mut out = Vec::new();
        let mut step = vec![0; 64 << 10];
        loop {
            match reader.read(&mut step).await {
                Ok(0) | Err(_) => return out,
                Ok(n) => out.extend_from_slice(step.get(..n).unwrap_or_default()),
            }
        }
    };
    let both = tokio::time::timeout(LIMIT, async { tokio::join!(writing, reading) });
    let (_open, answer) = both.await.context("the node does not end the connection")?;
    Ok(answer)
}
