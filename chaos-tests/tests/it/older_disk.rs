//! An older copy of a node's directory is put back while no node runs: what the others saw of it,
//! they have to know from their disks.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Load, until};

use crate::damage::{LIMIT, copy, load, put_the_copy_back, said, votes_again};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_does_not_vote_though_all_nodes_were_stopped() -> anyhow::Result<()> {
    let mut cluster =
        Cluster::start(ClusterOptions::default().with("replication.timeout", "4s")).await?;
    let load = load(&cluster);
    load.acknowledged(20).await?;
    after_kills(&mut cluster, &load).await?;
    after_an_ordered_end(&mut cluster, &load).await?;
    let report = load.verify().await?;
    eprintln!("{report}");
    cluster.wait_converged(LIMIT).await?;
    Ok(())
}

/// The leader and the node with the older disk alone have the last pushes; the third node and the
/// older disk must not go on without them.
async fn after_kills(cluster: &mut Cluster, load: &Load) -> anyhow::Result<()> {
    let (leader, older, third) = roles(cluster).await?;
    let data = cluster.node(older)?.data.clone();
    make_a_copy(cluster, older).await?;
    load.acknowledged(20).await?;
    wrote_down(&cluster.node(third)?.data.clone()).await?;
    cluster.kill(third).await?;
    load.acknowledged(20).await?;
    cluster.strike(leader)?;
    cluster.strike(older)?;
    cluster.kill(leader).await?;
    cluster.kill(older).await?;
    put_the_copy_back(&data)?;
    // At first there is nobody whom it could ask.
    cluster.spawn(older)?;
    gauge_is(
        cluster,
        older,
        "pganalytics_raft_state{state=\"leader\"}",
        0,
    )
    .await?;
    cluster.spawn(third)?;
    gauge_is(cluster, older, "pganalytics_raft_recovering", 1).await?;
    let sample = r#"{"collector_id":"nobody","hostname":"h","timestamp":"2026-01-01T00:00:00Z","version":"3.0.0","metrics":[{"name":"m","value":1,"timestamp":1767225600}]}"#;
    let answer = cluster.push(third, sample, &[]).await?;
    ensure!(
        answer.status == 503,
        "{}: they went on without the leader",
        answer.status
    );
    for id in [older, third] {
        gauge_is(cluster, id, "pganalytics_raft_state{state=\"leader\"}", 0).await?;
    }
    ensure!(
        said(&data, "this node does not vote")?,
        "it did not say why"
    );
    cluster.restart(leader).await?;
    until("it refuses what consensus asks for", LIMIT, async || {
        let kinds = ["pre_vote", "vote", "append"]
            .map(|kind| format!("pganalytics_raft_refusals_total{{kind=\"{kind}\"}}"));
        for name in kinds {
            if value(cluster, older, &name).await.unwrap_or_default() > Some(0) {
                return Ok(());
            }
        }
        Err("nothing refused")
    })
    .await?;
    load.acknowledged(20).await?;
    let leader = cluster.leader().await?;
    votes_again(cluster, leader, older).await
}

async fn after_an_ordered_end(cluster: &mut Cluster, load: &Load) -> anyhow::Result<()> {
    let (_, older, _) = roles(cluster).await?;
    let data = cluster.node(older)?.data.clone();
    fs::remove_dir_all(data.join("logs"))?;
    make_a_copy(cluster, older).await?;
    load.acknowledged(20).await?;
    let ids = cluster.ids();
    cluster.stop(&ids, LIMIT).await?;
    put_the_copy_back(&data)?;
    for id in &ids {
        cluster.spawn(*id)?;
    }
    load.acknowledged(20).await?;
    let leader = cluster.leader().await?;
    votes_again(cluster, leader, older).await?;
    ensure!(
        said(&data, "this node does not vote")?,
        "it did not say why"
    );
    Ok(())
}

/// The leader and the two others.
async fn roles(cluster: &Cluster) -> anyhow::Result<(u64, u64, u64)> {
    let leader = cluster.leader().await?;
    Ok((leader, leader % 3 + 1, (leader + 1) % 3 + 1))
}

/// Copies what a running node has on disk, as at one moment.
async fn make_a_copy(cluster: &Cluster, id: u64) -> anyhow::Result<()> {
    let data = &cluster.node(id)?.data;
    cluster.pause(id).await?;
    for part in ["raft", "store"] {
        copy(&data.join(part), &data.with_extension(part))?;
    }
    cluster.resume(id)
}

/// Waits until a node has written down what it saw after now.
async fn wrote_down(data: &Path) -> anyhow::Result<()> {
    let sightings = || fs::read(data.join("raft/sightings")).unwrap_or_default();
    // What is written next may have been seen before.
    for _ in 0..2 {
        let before = sightings();
        until("it writes down what it saw", LIMIT, async || {
            if sightings() == before {
                Err("the same")
            } else {
                Ok(())
            }
        })
        .await?;
    }
    Ok(())
}

async fn gauge_is(cluster: &Cluster, id: u64, name: &str, want: u64) -> anyhow::Result<()> {
    let said = until("the gauge says so", LIMIT, async || {
        let found = value(cluster, id, name).await;
        let found = found.map_err(|error| format!("{error:#}"))?;
        if found == Some(want) {
            Ok(())
        } else {
            Err(format!("{name} of {id}: {found:?}"))
        }
    })
    .await;
    said.with_context(|| cluster.log_ends())
}

/// A metric of a node, if it has it.
async fn value(cluster: &Cluster, id: u64, name: &str) -> anyhow::Result<Option<u64>> {
    let metrics = cluster.metrics(id).await?;
    let mut lines = metrics.lines();
    Ok(lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok()))
}
