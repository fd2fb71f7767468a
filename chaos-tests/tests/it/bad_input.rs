//! Bad input to a running cluster (`docs/bad-input.md`): the right refusal, and afterwards the same
//! process, the same memory within 5 %, nothing stored, and a good push that succeeds.
//!
//! A row's name begins with its number in `docs/bad-input.md`, which a test compares.

mod frames;
mod heads;
mod http2;
mod json;
mod probe;
mod slow;

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions};
use serde_json::Value;

pub(crate) use self::frames::frame_of;
use self::probe::Probe;
use crate::peer_port;
use crate::raw_http::exchange;

/// One request, and what has to come back.
#[derive(Clone, Debug)]
struct Row {
    name: &'static str,
    /// Bytes of the whole connection.
    request: Vec<u8>,
    status: u16,
    /// Part of the answer's body, at `details` or `message`.
    says: &'static str,
    /// The request did not ask for it, and still the connection has to end.
    closes: bool,
    /// Elements that it stores.
    stores: u64,
}

impl Row {
    fn refused(name: &'static str, request: Vec<u8>, status: u16, says: &'static str) -> Self {
        Self {
            name,
            request,
            status,
            says,
            closes: false,
            stores: 0,
        }
    }

    fn closed(name: &'static str, request: Vec<u8>, status: u16, says: &'static str) -> Self {
        Self {
            closes: true,
            ..Self::refused(name, request, status, says)
        }
    }

    fn stored(name: &'static str, request: Vec<u8>, stores: u64) -> Self {
        Self {
            stores,
            ..Self::refused(name, request, 200, "")
        }
    }

    async fn check(&self, probe: &mut Probe) -> anyhow::Result<()> {
        let answer = exchange(probe.address(), &self.request).await?;
        let text = answer.text();
        ensure!(answer.status == self.status, "{} {text}", answer.status);
        ensure!(text.contains(self.says), "{text}");
        if self.status >= 400 {
            let error: Value = serde_json::from_slice(&answer.body).context(text)?;
            ensure!(error["code"] == self.status, "{error}");
            ensure!(error["error"] == error["message"], "{error}");
            ensure!(
                error["request_id"].is_string() && error["message"].is_string(),
                "{error}"
            );
        }
        if matches!(self.status, 429 | 503) {
            ensure!(
                answer.header("retry-after").is_some(),
                "no Retry-After: {}",
                answer.head
            );
        }
        if self.closes {
            ensure!(
                answer.header("connection") == Some("close"),
                "{}",
                answer.head
            );
        }
        probe.unharmed(self.stores).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_leaves_no_trace() -> anyhow::Result<()> {
    let options = ClusterOptions::default()
        .with("limits.header-timeout", "4s")
        .with("limits.body-timeout", "4s")
        .with("limits.write-timeout", "2s")
        .with("replication.timeout", "8s");
    let mut cluster = Cluster::start(options).await?;
    let token = cluster.register_collector(1, "bad-input").await?;
    let mut probe = Probe::start(&cluster).await?;
    let rows = json::rows(&token)?.into_iter();
    let mut wrong = Vec::new();
    for row in rows.chain(frames::rows()?).chain(heads::rows()) {
        if let Err(error) = row.check(&mut probe).await {
            wrong.push(format!("{}: {error:#}", row.name));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let repeated = json::same_acknowledgement(&mut probe).await;
    repeated.context("21 the same batch")?;
    for counted in ["fields", "type_elements"] {
        let name = format!("pganalytics_push_unknown_{counted}_total");
        ensure!(probe.metric(&name).await? == 1.0, "{name}");
    }
    http2::rows(&mut probe).await?;
    slow::rows(&mut probe).await?;
    probe.nothing_else_is_stored(&cluster).await?;
    slow::no_quorum(&mut cluster, &mut probe).await
}

#[test]
fn every_row_is_documented_and_checked() -> anyhow::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bad-input.md");
    let text = std::fs::read_to_string(path).context(path)?;
    let documented: BTreeSet<u32> = text.lines().filter_map(number).collect();
    let rows = json::rows("")?
        .into_iter()
        .chain(frames::rows()?)
        .chain(heads::rows());
    let names = rows
        .map(|row| row.name)
        .chain(http2::NAMES)
        .chain(slow::NAMES)
        .chain(peer_port::NAMES);
    let checked: BTreeSet<u32> = names
        .filter_map(|name| name.split(' ').next()?.parse().ok())
        .collect();
    ensure!(
        documented == checked,
        "documented, not checked: {:?}; checked, not documented: {:?}",
        documented.difference(&checked),
        checked.difference(&documented)
    );
    Ok(())
}

/// The number that a table row begins with.
fn number(line: &str) -> Option<u32> {
    line.strip_prefix("| ")?.split(' ').next()?.parse().ok()
}
