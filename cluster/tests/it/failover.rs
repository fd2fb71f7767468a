//! Nodes die, and nothing acknowledged is lost or stored twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pga_cluster::{Command, PushOutcome, Reply, UploadId};
use pga_config::{CollectorId, NodeId};

use crate::cluster::{Cluster, record, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_go_on_when_the_leader_dies() {
    let mut cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let survivor = cluster.follower().await;
    let node = cluster.nodes[&survivor].clone();
    let stop = Arc::new(AtomicBool::new(false));
    let pushing = pga_runtime::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let (mut n, mut gap, mut last) = (0u64, Duration::ZERO, pga_runtime::now());
            while !stop.load(Ordering::Relaxed) {
                // Each push fails the test if it is not acknowledged, or finds itself in the
                // window.
                let outcome = node.push(record("c", [n]), soon()).await.unwrap();
                assert!(
                    matches!(
                        outcome,
                        PushOutcome::Stored {
                            accepted: 1,
                            repeated: 0,
                            ..
                        }
                    ),
                    "{n}: {outcome:?}"
                );
                n += 1;
                gap = gap.max(last.elapsed());
                last = pga_runtime::now();
            }
            (n, gap)
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.kill(leader).await;
    cluster.leader().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let (pushed, gap) = pushing.await.unwrap();
    assert!(gap < Duration::from_secs(2), "longest gap {gap:?}");
    cluster.open(leader).await;
    let (position, ..) = cluster.push(leader, record("c", [u64::MAX])).await;
    cluster.settle(position).await;
    let accepted = cluster.nodes[&leader].with_state(|state| {
        let collector = state.collector(CollectorId::from_external("c"));
        collector.unwrap().accepted
    });
    assert_eq!(accepted, pushed + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_acknowledges_nothing_and_comes_back() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    cluster.push(leader, record("c", [1])).await;
    let id = pga_config::NodeId::new(leader);
    cluster.network.cut(id);
    let alone = cluster.nodes[&leader].clone();
    let lost = pga_runtime::spawn(async move { alone.push(record("c", [2]), soon()).await });
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!lost.is_finished(), "no quorum, no acknowledgement");
    let survivor = *cluster.nodes.keys().find(|node| **node != leader).unwrap();
    let (_, accepted, _) = cluster.push(survivor, record("c", [3])).await;
    assert_eq!(accepted, 1);
    cluster.network.heal(id);
    // The request that waited is answered, and counted once.
    let outcome = lost.await.unwrap().unwrap();
    let PushOutcome::Stored {
        position,
        accepted: 1,
        ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    cluster.settle(position).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_restart_from_disk() {
    let mut cluster = Cluster::start(3).await;
    let mut position = None;
    for n in 0..100u64 {
        position = Some(cluster.push(1 + n % 3, record("c", [n])).await.0);
    }
    cluster.settle(position.unwrap()).await;
    let before = cluster.nodes[&1].with_state(|state| state.collectors().clone());
    for id in 1..=3 {
        cluster.kill(id).await;
    }
    for id in 1..=3 {
        cluster.open(id).await;
    }
    let (position, accepted, repeated) = cluster.push(2, record("c", 0..100)).await;
    assert_eq!((accepted, repeated), (0, 100));
    cluster.settle(position).await;
    let after = cluster.nodes[&1].with_state(|state| state.collectors().clone());
    let accepted = |map: &std::collections::BTreeMap<_, pga_cluster::Collector>| {
        map.values()
            .map(|collector| collector.accepted)
            .sum::<u64>()
    };
    assert_eq!(accepted(&before), accepted(&after));
}

/// It may have lost entries that its followers have: in the old term they would get other entries
/// in the same places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_leader_leads_in_a_new_term_only() {
    let mut cluster = Cluster::start(3).await;
    let (before, ..) = cluster.push(1, record("c", [1])).await;
    let leader = cluster.leader().await;
    for id in 1..=3 {
        cluster.kill(id).await;
    }
    // First the old leader, with the log that it led with.
    cluster.open(leader).await;
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.open(id).await;
    }
    let (after, ..) = cluster.push(1, record("c", [2])).await;
    assert!(after.term > before.term, "{after} after {before}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_all_or_nothing_across_a_failover() {
    let mut cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let survivor = cluster.follower().await;
    let node = cluster.nodes[&survivor].clone();
    let part = |upload, part: u32| Command::UploadPart {
        upload: UploadId(upload),
        part,
        record: record("c", [u64::from(part) + 1_000 * upload as u64]),
    };
    for upload in [1, 2] {
        node.propose(part(upload, 0), soon()).await.unwrap();
        node.propose(part(upload, 1), soon()).await.unwrap();
    }
    let flushable = *node.flushable().borrow();
    cluster.kill(leader).await;
    node.propose(part(1, 2), soon()).await.unwrap();
    let commit = |upload, parts| Command::CommitUpload {
        upload: UploadId(upload),
        parts,
    };
    let done = node.propose(commit(1, 3), soon()).await.unwrap();
    let Reply::Ingested(outcomes) = done.reply else {
        panic!("{:?}", done.reply);
    };
    assert!(matches!(
        outcomes[..],
        [PushOutcome::Stored {
            accepted: 3,
            repeated: 0,
            ..
        }]
    ));
    assert!(
        node.propose(commit(2, 3), soon()).await.is_err(),
        "a part is missing"
    );
    let (position, accepted, _) = cluster.push(survivor, record("c", [2_000, 2_001])).await;
    assert_eq!(accepted, 2, "nothing of the second upload took effect");
    cluster.open(leader).await;
    cluster.settle(position).await;
    let after: BTreeSet<u64> = cluster
        .nodes
        .values()
        .map(|node| node.flushable().borrow().index)
        .collect();
    assert!(
        after.iter().all(|index| *index > flushable.index),
        "{after:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_upload_is_aborted_and_lets_the_flush_go_on() {
    let cluster = Cluster::start(3).await;
    let part = Command::UploadPart {
        upload: UploadId(9),
        part: 0,
        record: record("c", [1]),
    };
    cluster.nodes[&1].propose(part, soon()).await.unwrap();
    let (position, ..) = cluster.push(2, record("c", [2])).await;
    for node in cluster.nodes.values() {
        node.wait_applied(position, soon()).await.unwrap();
        assert!(node.flushable().borrow().index < position.index);
    }
    for node in cluster.nodes.values() {
        let mut flushable = node.flushable();
        let passed = flushable.wait_for(|flushable| flushable.index >= position.index);
        tokio::time::timeout_at(soon(), passed)
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(
        cluster.push(1, record("c", [1])).await.1,
        1,
        "it had no effect"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_is_removed_although_the_first_of_the_others_is_dead() {
    let mut cluster = Cluster::start(4).await;
    let leader = cluster.leader().await;
    let dead = cluster.follower().await;
    cluster.kill(dead).await;
    let asked = *cluster.nodes.keys().find(|id| **id != leader).unwrap();
    let node = &cluster.nodes[&asked];
    node.remove_node(NodeId::new(leader), soon()).await.unwrap();
    let heir = node.leadership().borrow().leader.unwrap().get();
    assert!(![leader, dead].contains(&heir), "{heir} leads");
}
