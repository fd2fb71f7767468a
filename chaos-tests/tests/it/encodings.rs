//! The encodings that real clients use (contract 2.1), to any node.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use pga_chaos_tests::{Cluster, ClusterOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bodies::{elements, from_new_collector, one_cycle, position, same_elements};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_encoding_of_real_clients_is_taken_by_any_node() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    for (name, encode, label) in [
        (
            "gzip",
            gzip as fn(&[u8]) -> anyhow::Result<Vec<u8>>,
            Some("gzip"),
        ),
        ("zlib labelled gzip", zlib, Some("gzip")),
        ("plain labelled gzip", plain, Some("gzip")),
        ("zstd", zstd_frame, Some("zstd")),
        ("zstd without a label", zstd_frame, None),
        ("plain", plain, None),
    ] {
        for to in cluster.ids() {
            let (collector, push) = from_new_collector(one_cycle()?);
            let headers: Vec<_> = label
                .map(|label| ("content-encoding", label))
                .into_iter()
                .collect();
            let answer = cluster
                .push(to, encode(push.to_string().as_bytes())?, &headers)
                .await?;
            ensure!(
                answer.status == 200,
                "{name} to node {to}: {}",
                answer.text_start()
            );
            let at = position(&serde_json::from_slice(&answer.body)?)?;
            let read = cluster.elements(to % 3 + 1, &collector, Some(&at)).await?;
            same_elements(name, elements(&push)?, &read)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_that_expects_a_100_is_taken() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    for id in cluster.ids() {
        let (collector, push) = from_new_collector(one_cycle()?);
        let answer = chunked(&cluster, id, push.to_string().as_bytes()).await?;
        let at = position(&answer)?;
        let read = cluster.elements(id, &collector, Some(&at)).await?;
        same_elements("chunked", elements(&push)?, &read)?;
    }
    Ok(())
}

/// As libcurl does it: the head, a wait for the 100, then the body in chunks.
async fn chunked(cluster: &Cluster, id: u64, body: &[u8]) -> anyhow::Result<Value> {
    let node = &cluster.node(id)?.http;
    let mut stream = TcpStream::connect((node.host(), node.port())).await?;
    let head = format!(
        "POST /api/v1/metrics/push HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        node.authority()
    );
    stream.write_all(head.as_bytes()).await?;
    let mut start = [0; 12];
    let read = stream.read_exact(&mut start);
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .context("no 100")??;
    ensure!(
        &start == b"HTTP/1.1 100",
        "{}",
        String::from_utf8_lossy(&start)
    );
    for chunk in body.chunks(10_000) {
        stream
            .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
            .await?;
        stream.write_all(chunk).await?;
        stream.write_all(b"\r\n").await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.contains("HTTP/1.1 200"), "{answer}");
    let start = answer.find("{\"").with_context(|| answer.clone())?;
    let mut values = serde_json::Deserializer::from_str(&answer[start..]).into_iter();
    values.next().context("no JSON")?.map_err(Into::into)
}

pub(crate) fn plain(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(body.to_vec())
}

pub(crate) fn gzip(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

pub(crate) fn zlib(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

pub(crate) fn zstd_frame(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(zstd::encode_all(body, 3)?)
}
