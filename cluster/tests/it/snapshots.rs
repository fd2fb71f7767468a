//! Snapshots as of the flush watermark, and nodes that come back after the log was purged.

use pga_cluster::Command;
use pga_storage::Position;

use crate::cluster::{Cluster, record, samples, soon};

/// Reports `position` flushed, and has every node build a snapshot and purge.
async fn flush(cluster: &Cluster, position: Position) {
    let leader = &cluster.nodes[&cluster.leader().await];
    let flushed = leader.propose(Command::Flushed { position }, soon());
    let at = flushed.await.unwrap().position;
    for node in cluster.nodes.values() {
        node.wait_applied(at, soon()).await.unwrap();
        assert_eq!(*node.flushed().borrow(), position);
        node.snapshot().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_gets_a_snapshot_when_the_log_is_purged() {
    let mut cluster = Cluster::start(3).await;
    let away = cluster.follower().await;
    cluster.push(1, record("c", [1])).await;
    cluster.kill(away).await;
    let stay = *cluster.nodes.keys().next().unwrap();
    let mut flushed = Position::default();
    for n in 0..50u64 {
        flushed = cluster.push(stay, record("c", [100 + n])).await.0;
    }
    for n in 0..20u64 {
        cluster.push(stay, record("c", [1_000 + n])).await;
    }
    flush(&cluster, flushed).await;
    assert_eq!(cluster.network.snapshots(), 0);
    cluster.open(away).await;
    let (position, accepted, repeated) = cluster.push(away, record("c", 100..150)).await;
    assert_eq!(
        (accepted, repeated),
        (0, 50),
        "the window came with the snapshot"
    );
    cluster.settle(position).await;
    assert!(cluster.network.snapshots() > 0, "it came by a snapshot");
    assert_eq!(*cluster.nodes[&away].flushed().borrow(), flushed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_node_gets_a_snapshot_and_what_is_not_flushed() {
    let mut cluster = Cluster::start(3).await;
    let mut flushed = Position::default();
    for n in 0..40u64 {
        flushed = cluster.push(1, record("c", [n])).await.0;
    }
    for n in 0..10u64 {
        cluster.push(1, record("c", [1_000 + n])).await;
    }
    flush(&cluster, flushed).await;
    cluster.open(4).await;
    cluster.nodes[&1]
        .add_node(cluster.member(4), soon())
        .await
        .unwrap();
    let (position, accepted, _) = cluster.push(4, record("c", 0..60)).await;
    assert_eq!(accepted, 20);
    cluster.settle(position).await;
    assert!(cluster.network.snapshots() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_restart_from_their_snapshots_and_the_log_above() {
    let mut cluster = Cluster::start(3).await;
    for round in 0..3u64 {
        let mut flushed = Position::default();
        for n in 0..30u64 {
            let (at, accepted, _) = cluster
                .push(1 + n % 3, record("c", [round * 100 + n]))
                .await;
            assert_eq!(accepted, 1);
            if n == 20 {
                flushed = at;
            }
        }
        flush(&cluster, flushed).await;
        for id in 1..=3 {
            cluster.kill(id).await;
        }
        for id in 1..=3 {
            cluster.open(id).await;
        }
        let known = (0..=round).flat_map(|round| round * 100..round * 100 + 30);
        let (position, accepted, repeated) = cluster.push(2, record("c", known)).await;
        assert_eq!((accepted, u64::from(repeated)), (0, 30 * (round + 1)));
        cluster.settle(position).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_brings_the_store_of_a_node_that_has_its_own() {
    let mut cluster = Cluster::start_embedded(3).await;
    let away = cluster.follower().await;
    let (position, ..) = cluster.push(away, samples("c", 0..10)).await;
    cluster.settle(position).await;
    cluster.flush_own(away).await;
    cluster.kill(away).await;
    let stay = *cluster.nodes.keys().next().unwrap();
    for n in 1..6u64 {
        cluster.push(stay, samples("c", n * 10..n * 10 + 10)).await;
    }
    let living: Vec<u64> = cluster.nodes.keys().copied().collect();
    let (position, ..) = cluster.push(stay, samples("c", [60])).await;
    cluster.settle(position).await;
    for id in living {
        cluster.flush_own(id).await;
        cluster.nodes[&id].snapshot().await.unwrap();
    }
    // Above the snapshot: this reaches the node through the log, and its store by its own flush.
    let (position, ..) = cluster.push(stay, samples("c", [61])).await;
    cluster.open(away).await;
    cluster.nodes[&away]
        .wait_applied(position, soon())
        .await
        .unwrap();
    assert!(cluster.network.snapshots() > 0);
    assert_eq!(cluster.stored(away, "c").await, (0..61).collect::<Vec<_>>());
    cluster.flush_own(away).await;
    assert_eq!(cluster.stored(away, "c").await, (0..62).collect::<Vec<_>>());
    // Again from disk: nothing is stored twice, nothing is missing.
    cluster.kill(away).await;
    cluster.open(away).await;
    let (position, accepted, _) = cluster.push(away, samples("c", 50..70)).await;
    assert_eq!(accepted, 8);
    cluster.settle(position).await;
    cluster.flush_own(away).await;
    assert_eq!(cluster.stored(away, "c").await, (0..70).collect::<Vec<_>>());
}
