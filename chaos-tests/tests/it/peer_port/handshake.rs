//! Rows 67 to 70 and 76: who is let in.

use std::path::Path;

use anyhow::ensure;
use pga_chaos_tests::{Cluster, until};
use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, Identity, Validity};
use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;

use super::Siege;
use super::intruder::{ALPN, PATIENCE, exchange, hello};

/// Code of a refused hello, by reason.
const CLUSTER_MISMATCH: u8 = 1;
const NODE_MISMATCH: u8 = 2;
const VERSION_MISMATCH: u8 = 3;

pub(super) async fn certificates(siege: &Siege) -> anyhow::Result<()> {
    let (stolen, target) = (&siege.stolen, siege.target()?);
    let validity = Validity::for_next(Validity::NODE);
    let other = ClusterId::new(uuid::Uuid::new_v4());
    let other = CertificateAuthority::create(other, validity)?;
    let stranger = other.issue_node(NodeId::new(1), validity)?;
    let past = Validity {
        not_before: Timestamp::from_micros(1_000_000),
        not_after: Timestamp::from_micros(1_700_000_000_000_000),
    };
    let expired = stolen.authority.issue_node(NodeId::new(1), past)?;
    let server = stolen
        .authority
        .issue_https(&["127.0.0.1".to_owned()], validity)?;
    for (name, identity) in [
        ("none", None),
        ("other authority", Some(&stranger)),
        ("expired", Some(&expired)),
        ("server only", Some(&server)),
    ] {
        let before = siege.refused("tls").await?;
        let why = stolen.client(identity, ALPN)?.turned_away(target).await?;
        ensure!(why.contains("handshake failed"), "{name}: {why}");
        siege.counted(name, "tls", before).await?;
    }
    // Of the cluster's authority and for clients, but for no node: they get as far as their hello.
    let hello = hello(1, stolen.cluster, 1, target.id);
    for (name, identity) in [
        (
            "collector's",
            stolen
                .authority
                .issue_collector(CollectorId::FINDINGS, "db1", validity)?,
        ),
        (
            "join token's",
            stolen.authority.issue_join([67; 16], validity)?,
        ),
    ] {
        let row = (name, "node_mismatch", NODE_MISMATCH);
        refused_hello_with(siege, row, &identity, &hello).await?;
    }
    Ok(())
}

/// Says hello with a good certificate of node `certificate`, and checks that it is refused with
/// `code`.
async fn refused_hello(
    siege: &Siege,
    row: (&str, &str, u8),
    certificate: u64,
    hello: &[u8],
) -> anyhow::Result<()> {
    let identity = siege.stolen.identity(certificate)?;
    refused_hello_with(siege, row, &identity, hello).await
}

async fn refused_hello_with(
    siege: &Siege,
    (name, reason, code): (&str, &str, u8),
    identity: &Identity,
    hello: &[u8],
) -> anyhow::Result<()> {
    let (stolen, before) = (&siege.stolen, siege.refused(reason).await?);
    let intruder = stolen.client(Some(identity), ALPN)?;
    let connection = intruder.connect(siege.target()?).await?;
    let answer = exchange(&connection, hello).await?;
    ensure!(answer.get(4) == Some(&code), "{name}: {answer:?}");
    let closed = tokio::time::timeout(PATIENCE, connection.closed()).await?;
    ensure!(closed.to_string().contains(reason), "{name}: {closed}");
    siege.counted(name, reason, before).await
}

pub(super) async fn other_cluster(siege: &Siege) -> anyhow::Result<()> {
    let other = ClusterId::new(uuid::Uuid::new_v4());
    let hello = hello(1, other, 1, siege.target);
    let row = ("other cluster", "cluster_mismatch", CLUSTER_MISMATCH);
    refused_hello(siege, row, 1, &hello).await
}

pub(super) async fn identities(siege: &Siege) -> anyhow::Result<()> {
    let (target, cluster) = (siege.target, siege.stolen.cluster);
    let other = target % 3 + 1;
    for (name, certificate, from, to) in [
        ("its own id", target, target, target),
        ("another node's id", 77, other, target),
        ("meant for another", other, other, 99),
    ] {
        let row = (name, "node_mismatch", NODE_MISMATCH);
        refused_hello(siege, row, certificate, &hello(1, cluster, from, to)).await?;
    }
    Ok(())
}

pub(super) async fn protocols(siege: &Siege) -> anyhow::Result<()> {
    let (stolen, target) = (&siege.stolen, siege.target()?);
    let before = siege.refused("alpn").await?;
    let identity = stolen.identity(1)?;
    let why = stolen
        .client(Some(&identity), b"h3")?
        .turned_away(target)
        .await?;
    ensure!(
        why.contains("handshake failed") || why.contains("application protocol"),
        "{why}"
    );
    siege.counted("other ALPN", "alpn", before).await?;
    let hello = hello(2, stolen.cluster, 1, target.id);
    let row = ("version 2", "version_mismatch", VERSION_MISMATCH);
    refused_hello(siege, row, 1, &hello).await?;
    for reason in ["alpn", "version_mismatch"] {
        until("the refusal is logged", PATIENCE, async || {
            if logged(&siege.cluster, reason) {
                Ok(())
            } else {
                Err(reason)
            }
        })
        .await?;
    }
    Ok(())
}

/// Whether some node's log has a line about a refused connection with this reason.
fn logged(cluster: &Cluster, reason: &str) -> bool {
    fn search(dir: &Path, reason: &str) -> bool {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                return !["buffer", "snapshots", "store"].contains(&name.as_str())
                    && search(&path, reason);
            }
            let is_text = name.contains("log") || name.ends_with("stderr");
            is_text
                && std::fs::read_to_string(&path).is_ok_and(|text| {
                    text.lines()
                        .any(|line| line.contains("connection refused") && line.contains(reason))
                })
        })
    }
    search(cluster.directory(), reason)
}

/// The node gives out no tickets, so that there is nothing to resume a session with, and no data
/// before the handshake.
pub(super) async fn early_data(siege: &Siege) -> anyhow::Result<()> {
    let (stolen, target) = (&siege.stolen, siege.target()?);
    let identity = stolen.identity(1)?;
    let intruder = stolen.client(Some(&identity), ALPN)?;
    for attempt in 0..3 {
        let connecting = intruder.dial(super::intruder::peer_port(target)?, target.id)?;
        let Err(connecting) = connecting.into_0rtt() else {
            anyhow::bail!("attempt {attempt}: early data was possible");
        };
        let connection = tokio::time::timeout(PATIENCE, connecting).await??;
        let hello = hello(1, stolen.cluster, 1, target.id);
        ensure!(
            exchange(&connection, &hello).await?.get(4) == Some(&0),
            "a proper hello"
        );
        connection.close(0_u32.into(), b"done");
    }
    Ok(())
}
