//! The certificates between nodes: replaced and renewed while the cluster takes pushes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use pga_cluster::pki::{CertificateAuthority, Identity, Validity};
use pga_config::NodeId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::bodies::samples;
use crate::peer_port::Stolen;

/// How long each certificate holds.
const LIFETIME: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(60);

/// Name of the files, and the metric that tells the end: of the peers' port, and of HTTPS.
const BOTH: [(&str, &str); 2] = [
    ("node", "pganalytics_certificate_expiry_seconds "),
    ("https", "pganalytics_https_certificate_expiry_seconds "),
];

fn files(cluster: &Cluster, node: u64, name: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
    let pki = cluster.node(node)?.data.join("pki");
    Ok((
        pki.join(name).with_extension("pem"),
        pki.join(name).with_extension("key"),
    ))
}

/// Seconds that the certificate holds which a node runs with.
async fn left(cluster: &Cluster, node: u64, metric: &str) -> anyhow::Result<f64> {
    let metrics = cluster.metrics(node).await?;
    let line = metrics.lines().find_map(|line| line.strip_prefix(metric));
    Ok(line.context("no such metric")?.parse()?)
}

/// Writes files of certificates that end soon.
fn shorten(
    cluster: &Cluster,
    authority: &CertificateAuthority,
    id: u64,
) -> anyhow::Result<[Identity; 2]> {
    let validity = Validity::for_next(LIFETIME);
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let both = [
        authority.issue_node(NodeId::new(id), validity)?,
        authority.issue_https(&names, validity)?,
    ];
    for ((name, _), identity) in BOTH.iter().zip(&both) {
        let (certificate, key) = files(cluster, id, name)?;
        identity.write(&certificate, &key)?;
    }
    Ok(both)
}

/// Pushes to the nodes by turns until it is told to stop; how many pushes there were.
async fn push_always(cluster: &Cluster, stop: &AtomicBool) -> anyhow::Result<u32> {
    let count = AtomicU32::new(0);
    while !stop.load(Ordering::Relaxed) {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let node = u64::from(n % 3) + 1;
        cluster.push_ok(node, samples("c", [n]).to_string()).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(count.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_renew_their_certificates_and_no_push_fails() -> anyhow::Result<()> {
    let lifetime = format!("{}s", LIFETIME.as_secs());
    let options = ClusterOptions {
        tls: true,
        ..ClusterOptions::default()
    };
    let options = options.with("cluster.certificate-lifetime", &lifetime);
    let mut cluster = Cluster::start(options).await?;
    let authority = Stolen::from(&cluster)?.authority;
    let stop = Arc::new(AtomicBool::new(false));
    let pushes = {
        let work = async {
            let mut short = Vec::new();
            // Somebody writes other files: they are taken without a restart.
            for id in cluster.ids() {
                short.push(shorten(&cluster, &authority, id)?);
            }
            for (id, first) in cluster.ids().into_iter().zip(&short) {
                for (kind, first) in BOTH.into_iter().zip(first) {
                    taken(&cluster, id, kind.1).await?;
                    renewed(&cluster, id, kind.0, first).await?;
                }
            }
            // Until the first ones have ended, and what is in use holds still.
            tokio::time::sleep(LIFETIME).await;
            for id in cluster.ids() {
                for (name, metric) in BOTH {
                    let left = left(&cluster, id, metric).await?;
                    ensure!(left > 0.0, "node {id}, {name}: {left} s left");
                }
            }
            stop.store(true, Ordering::Relaxed);
            anyhow::Ok(())
        };
        let (worked, pushes) = tokio::join!(
            async {
                let worked = work.await;
                stop.store(true, Ordering::Relaxed);
                worked
            },
            push_always(&cluster, &stop)
        );
        worked?;
        pushes?
    };
    ensure!(pushes > 100, "{pushes} pushes");

    restarted(&mut cluster).await
}

/// New connections go by the new certificates: the old ones are over.
async fn restarted(cluster: &mut Cluster) -> anyhow::Result<()> {
    cluster.kill(2).await?;
    cluster.restart(2).await?;
    cluster.kill(3).await?;
    until("a push by the two that are left", LIMIT, async || {
        let pushed = cluster.push_ok(1, samples("d", 0..3).to_string()).await;
        pushed.map_err(|error| format!("{error:#}"))
    })
    .await?;
    Ok(())
}

/// Waits until a node runs with files that end soon.
async fn taken(cluster: &Cluster, id: u64, metric: &str) -> anyhow::Result<()> {
    until("the files are taken", LIMIT, async || {
        let left = left(cluster, id, metric).await;
        match left.map_err(|error| format!("{error:#}"))? {
            left if left < 1_000.0 => Ok(()),
            left => Err(format!("{left} s left")),
        }
    })
    .await
}

/// Waits until a node has issued itself another certificate, for the key that it had.
async fn renewed(cluster: &Cluster, id: u64, name: &str, first: &Identity) -> anyhow::Result<()> {
    let (certificate, key) = files(cluster, id, name)?;
    until("it is renewed", LIMIT, async || {
        let found =
            CertificateDer::from_pem_file(&certificate).map_err(|error| error.to_string())?;
        match found == *first.certificate() {
            true => Err("the first one".to_owned()),
            false => Ok(()),
        }
    })
    .await?;
    let found = Identity::read(&certificate, &key)?;
    ensure!(found.key_der() == first.key_der(), "node {id}: another key");
    Ok(())
}
