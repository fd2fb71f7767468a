//! Whether a node is unharmed.

use anyhow::{Context, ensure};
use pga_chaos_tests::Cluster;
use pga_client::Endpoint;
use serde_json::{Value, json};
use uuid::Uuid;

use super::json::{ODD, ODD_NAMES, TIME, VICTIM, huge};
use crate::bodies::{from_new_collector, many_cycles, one_cycle, position};
use crate::encodings::{gzip, plain, zlib, zstd_frame};
use crate::proc::Memory;
use crate::raw_http::{PUSH, exchange, push, request};

/// Good pushes of each kind before memory is measured.
const WARM_UP: u32 = 100;

type Encode = fn(&[u8]) -> anyhow::Result<Vec<u8>>;

/// Each with its label.
const ENCODINGS: [(&str, Encode); 4] = [
    ("identity", plain),
    ("gzip", gzip),
    ("gzip", zlib),
    ("zstd", zstd_frame),
];

/// The node under test, and the collector of the good pushes.
#[derive(Debug)]
pub(super) struct Probe {
    node: Endpoint,
    collector: String,
    good: u64,
    /// Elements that this node acknowledged.
    stored: u64,
    /// Of the last good push.
    position: String,
    memory: Memory,
}

impl Probe {
    /// Watches node 1.
    pub(super) async fn start(cluster: &Cluster) -> anyhow::Result<Self> {
        let node = cluster.node(1)?;
        let ask = async || cluster.metrics(node.id).await.map(drop);
        let mut probe = Self {
            node: node.http.clone(),
            collector: Uuid::new_v4().to_string(),
            good: 0,
            stored: 0,
            position: String::new(),
            memory: Memory::settled(node.pid(), ask).await?,
        };
        probe.warm_up().await?;
        probe.memory = Memory::settled(node.pid(), ask).await?;
        Ok(probe)
    }

    /// Fills the caches with what is good: small, real and large pushes in each encoding.
    async fn warm_up(&mut self) -> anyhow::Result<()> {
        for _ in 0..WARM_UP {
            self.good_push().await?;
        }
        for body in [one_cycle()?, many_cycles()?] {
            for (label, encode) in ENCODINGS {
                let (_, body) = from_new_collector(body.clone());
                let body = encode(body.to_string().as_bytes())?;
                let header = format!("Content-Encoding: {label}\r\n");
                let answer = exchange(self.address(), &request(PUSH, &header, &body)).await?;
                ensure!(answer.status == 200, "{label}: {}", answer.text());
                let answer: Value = serde_json::from_slice(&answer.body)?;
                let stored = answer["metrics_inserted"].as_u64();
                self.stored += stored.context("nothing is counted")?;
            }
        }
        // As large as a push may be, and as much work; it is refused in the end.
        let answer = exchange(self.address(), &huge()).await?;
        ensure!(answer.status == 400, "huge: {}", answer.text());
        Ok(())
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (self.node.host(), self.node.port())
    }

    /// After a row that stored `stored` elements: the process is the same, its memory is back,
    /// nothing else was stored, and a good push on a new connection succeeds.
    pub(super) async fn unharmed(&mut self, stored: u64) -> anyhow::Result<()> {
        self.stored += stored;
        self.good_push().await?;
        let accepted = self.metric("pganalytics_push_elements_total{outcome=\"accepted\"}");
        let accepted = accepted.await?;
        ensure!(
            accepted == self.stored as f64,
            "{accepted} elements stored, {} expected",
            self.stored
        );
        self.as_before().await
    }

    /// The process is the same, and its memory is back.
    pub(super) async fn as_before(&self) -> anyhow::Result<()> {
        let ask = async || self.metric("pganalytics").await.map(drop);
        self.memory.is_back(ask).await
    }

    /// Everything that was refused is stored nowhere.
    pub(super) async fn nothing_else_is_stored(&self, cluster: &Cluster) -> anyhow::Result<()> {
        for id in cluster.ids() {
            let read = cluster
                .elements(id, &self.collector, Some(&self.position))
                .await?;
            ensure!(read.len() as u64 == self.good, "node {id}: {}", read.len());
            let odd = cluster.elements(id, ODD, Some(&self.position)).await?;
            let names: Vec<&str> = odd.iter().filter_map(|odd| odd["name"].as_str()).collect();
            ensure!(
                odd.len() == 1 + ODD_NAMES.len() && names == ODD_NAMES,
                "node {id}: {odd:?}"
            );
            let refused = cluster.elements(id, VICTIM, Some(&self.position)).await?;
            ensure!(refused.is_empty(), "node {id}: {refused:?}");
        }
        Ok(())
    }

    /// One element of this probe's collector; the answer has to be 200.
    pub(super) async fn good_push(&mut self) -> anyhow::Result<()> {
        let body = json!({"collector_id": self.collector, "hostname": "db-1", "version": "3.0.0",
            "timestamp": TIME, "metrics": [{"name": "good", "value": self.good, "timestamp": TIME}]});
        let answer = exchange(self.address(), &push(body.to_string())).await?;
        ensure!(
            answer.status == 200,
            "good push: {} {}",
            answer.status,
            answer.text()
        );
        let answer: Value = serde_json::from_slice(&answer.body)?;
        ensure!(answer["metrics_inserted"] == 1, "good push: {answer}");
        self.position = position(&answer)?;
        self.good += 1;
        self.stored += 1;
        Ok(())
    }

    /// A sample of the node's metrics; 0 if it has none of this name.
    pub(super) async fn metric(&self, sample: &str) -> anyhow::Result<f64> {
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = exchange(self.address(), request).await?;
        let text = String::from_utf8(answer.body)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        Ok(value.map_or(Ok(0.0), str::parse)?)
    }
}
