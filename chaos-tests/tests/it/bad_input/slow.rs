//! Rows 31 to 37: clients that are slow, silent, many or gone, and a cluster without a quorum.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use pga_chaos_tests::{Cluster, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::json::VICTIM;
use super::probe::Probe;
use crate::raw_http::{Answer, PUSH, exchange, push};

pub(super) const NAMES: [&str; 7] = [
    "31 head that never ends",
    "32 body of one byte at a time",
    "33 client that never reads",
    "35 10,000 idle connections",
    "36 no quorum",
    "37 client that leaves in the body",
    "37 client that closes its side in the body",
];
const LIMIT: Duration = Duration::from_secs(60);
const IDLE: usize = 10_000;

pub(super) async fn rows(probe: &mut Probe) -> anyhow::Result<()> {
    let [head, body, reader, idle, _, leaves, half] = NAMES;
    slow_head(probe).await.context(head)?;
    probe.unharmed(0).await.context(head)?;
    slow_body(probe).await.context(body)?;
    probe.unharmed(0).await.context(body)?;
    never_reads(probe).await.context(reader)?;
    probe.unharmed(0).await.context(reader)?;
    idle_connections(probe).await.context(idle)?;
    probe.unharmed(0).await.context(idle)?;
    leaves_in_the_body(probe, true).await.context(leaves)?;
    probe.unharmed(0).await.context(leaves)?;
    leaves_in_the_body(probe, false).await.context(half)?;
    probe.unharmed(0).await.context(half)
}

fn body() -> String {
    format!(
        r#"{{"collector_id":"{VICTIM}","hostname":"h","timestamp":1767225600,"metrics":[{{"name":"a","value":1}}]}}"#
    )
}

/// A push that would be good, up to the last `missing` bytes.
fn incomplete(missing: usize) -> Vec<u8> {
    let body = body();
    let head = format!(
        "POST {PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = [head, body].concat().into_bytes();
    bytes.truncate(bytes.len() - missing);
    bytes
}

/// Sends `start` at once, then a byte now and then, until the node has answered and closed.
async fn drip(probe: &Probe, start: &[u8], byte: &[u8]) -> anyhow::Result<Answer> {
    let (mut reader, mut writer) = TcpStream::connect(probe.address()).await?.into_split();
    writer.write_all(start).await?;
    let dripping = async {
        while writer.write_all(byte).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending().await
    };
    let mut answer = Vec::new();
    let reading = async {
        let mut step = vec![0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut step).await {
            answer.extend_from_slice(step.get(..n).unwrap_or_default());
        }
    };
    tokio::select! {
        () = dripping => {}
        read = tokio::time::timeout(LIMIT, reading) => read.context("never cut off")?,
    }
    Answer::parse(&answer)
}

async fn slow_head(probe: &Probe) -> anyhow::Result<()> {
    let start = format!("POST {PUSH} HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    let answer = drip(probe, start.as_bytes(), b"y").await?;
    ensure!(answer.status == 408, "{answer:?}");
    ensure!(answer.header("connection") == Some("close"), "{answer:?}");
    Ok(())
}

async fn slow_body(probe: &Probe) -> anyhow::Result<()> {
    let start = format!("POST {PUSH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{{");
    let answer = drip(probe, start.as_bytes(), b" ").await?;
    ensure!(answer.status == 408, "{answer:?}");
    ensure!(answer.header("connection") == Some("close"), "{answer:?}");
    Ok(())
}

/// Asks again and again, and takes no answer: the node gives up writing.
async fn never_reads(probe: &Probe) -> anyhow::Result<()> {
    let refused = "pganalytics_http_refusals_total{reason=\"write_timeout\"}";
    let before = probe.metric(refused).await?;
    let mut stream = TcpStream::connect(probe.address()).await?;
    let ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let asking = async {
        while stream.write_all(&ask).await.is_ok() {}
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(LIMIT, asking)
        .await
        .context("never cut off")??;
    let after = probe.metric(refused).await?;
    ensure!(after > before, "{refused} {after}");
    Ok(())
}

/// They are within the limit, so a healthy client is served; each goes when it has said nothing for
/// long enough.
async fn idle_connections(probe: &mut Probe) -> anyhow::Result<()> {
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE / 100 {
        let address = probe.address();
        let connecting = (0..100).map(|_| TcpStream::connect(address));
        idle.extend(try_join_all(connecting).await?);
    }
    probe.good_push().await.context("while they are open")?;
    let closing = idle.iter_mut().map(|stream| async move {
        match stream.read(&mut [0]).await {
            Ok(0) => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
            other => anyhow::bail!("{other:?}"),
        }
    });
    let closing = tokio::time::timeout(LIMIT, try_join_all(closing));
    closing.await.context("idle connections stay")??;
    Ok(())
}

async fn leaves_in_the_body(probe: &Probe, wholly: bool) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(probe.address()).await?;
    stream.write_all(&incomplete(1)).await?;
    if wholly {
        drop(stream);
        return Ok(());
    }
    stream.shutdown().await?;
    let mut rest = Vec::new();
    let reading = stream.read_to_end(&mut rest);
    tokio::time::timeout(LIMIT, reading)
        .await
        .context("never closed")??;
    ensure!(
        rest.is_empty() || Answer::parse(&rest)?.status == 400,
        "{}",
        String::from_utf8_lossy(&rest)
    );
    Ok(())
}

/// Row 36; the last, since it stops the other nodes.
pub(super) async fn no_quorum(cluster: &mut Cluster, probe: &mut Probe) -> anyhow::Result<()> {
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != 1).collect();
    for id in &others {
        cluster.pause(*id).await?;
    }
    let refused = exchange(probe.address(), &push(body())).await;
    for id in &others {
        cluster.resume(*id)?;
    }
    let answer = refused?;
    ensure!(answer.status == 503, "{answer:?}");
    ensure!(answer.header("retry-after").is_some(), "{answer:?}");
    until("pushes succeed again", LIMIT, async || {
        probe
            .good_push()
            .await
            .map_err(|error| format!("{error:#}"))
    })
    .await?;
    probe.as_before().await
}
