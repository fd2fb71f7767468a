//! A node is ready while a write that it takes would succeed, and says how old its view is.

use std::time::Duration;

use pga_cluster::{Command, ControlCommand, ProposeError, Unready};
use pga_config::NodeId;

use crate::cluster::{Cluster, record, soon};

/// How soon a node has to say that its quorum is gone.
const UNREADY_WITHIN: Duration = Duration::from_secs(3);
/// How soon it has to be ready once the quorum is back.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Waits until each of `ids` is ready, or none is; how long that took.
async fn wait_ready(cluster: &Cluster, ids: &[u64], ready: bool) -> Duration {
    let started = pga_runtime::now();
    for id in ids {
        while cluster.nodes[id].readiness().is_ok() != ready {
            assert!(
                pga_runtime::now() < started + Duration::from_secs(20),
                "node {id} is not {}",
                if ready { "ready" } else { "unready" }
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    started.elapsed()
}

async fn started() -> Cluster {
    let cluster = Cluster::start(3).await;
    wait_ready(&cluster, &[1, 2, 3], true).await;
    cluster
}

fn others(id: u64) -> Vec<u64> {
    (1..=3).filter(|other| *other != id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_a_quorum_are_ready_and_their_view_is_fresh() {
    let cluster = started().await;
    for node in cluster.nodes.values() {
        assert!(node.view_age().unwrap() < Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_gets_unready_and_the_others_stay_ready() {
    let cluster = started().await;
    let leader = cluster.leader().await;
    cluster.network.cut(NodeId::new(leader));
    let cut = pga_runtime::now();
    // The others elect a leader meanwhile: a fail-over makes nobody unready.
    while cluster.nodes[&leader].readiness().is_ok() {
        for other in others(leader) {
            assert_eq!(cluster.nodes[&other].readiness(), Ok(()), "node {other}");
        }
        assert!(cut.elapsed() < UNREADY_WITHIN, "{:?}", cut.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("leader cut off: unready after {:?}", cut.elapsed());
    let unready = cluster.nodes[&leader].readiness();
    assert!(
        matches!(unready, Err(Unready::Unconfirmed(_))),
        "{unready:?}"
    );
    cluster.network.heal(NodeId::new(leader));
    let took = wait_ready(&cluster, &[leader], true).await;
    eprintln!("leader back: ready after {took:?}");
    assert!(took < READY_WITHIN, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_cut_off_gets_unready() {
    let cluster = started().await;
    let (leader, follower) = (cluster.leader().await, cluster.follower().await);
    cluster.network.cut(NodeId::new(follower));
    let took = wait_ready(&cluster, &[follower], false).await;
    eprintln!("follower cut off: unready after {took:?}");
    assert!(took < UNREADY_WITHIN, "{took:?}");
    assert_eq!(cluster.nodes[&leader].readiness(), Ok(()));
    cluster.network.heal(NodeId::new(follower));
    let took = wait_ready(&cluster, &[follower], true).await;
    eprintln!("follower back: ready after {took:?}");
    assert!(took < READY_WITHIN, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_the_last_node_gets_unready_and_refuses_control_writes() {
    for survives_leader in [true, false] {
        let cluster = started().await;
        let leader = cluster.leader().await;
        let last = if survives_leader {
            leader
        } else {
            cluster.follower().await
        };
        for other in others(last) {
            cluster.network.cut(NodeId::new(other));
        }
        let took = wait_ready(&cluster, &[last], false).await;
        eprintln!("quorum gone, leader left {survives_leader}: unready after {took:?}");
        assert!(took < UNREADY_WITHIN, "{took:?}");
        let node = &cluster.nodes[&last];
        let deadline = pga_runtime::now() + Duration::from_millis(300);
        assert_eq!(
            node.linearizable(deadline).await,
            Err(ProposeError::NoQuorum)
        );
        let limit = Command::Control(ControlCommand::LimitCollectors { max: 7 });
        let proposed = node.propose(limit, pga_runtime::now() + Duration::from_millis(300));
        let refused = proposed.await.unwrap_err();
        // A leader that was asked and is silent may have it in its log.
        let unknown = [ProposeError::NoQuorum, ProposeError::Unknown];
        assert!(unknown.contains(&refused), "{refused}");
        assert!(node.view_age().unwrap() >= Duration::from_secs(2));
        for other in others(last) {
            cluster.network.heal(NodeId::new(other));
        }
        let took = wait_ready(&cluster, &[1, 2, 3], true).await;
        eprintln!("quorum back, leader left {survives_leader}: all ready after {took:?}");
        assert!(took < READY_WITHIN, "{took:?}");
        cluster.push(last, record("c", [1])).await;
    }
}

/// A node that restarts knows of no confirmation until it has applied what was committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_restarts_is_unready_until_it_has_caught_up() {
    let mut cluster = started().await;
    let follower = cluster.follower().await;
    cluster.kill(follower).await;
    let leader = cluster.leader().await;
    for key in 0..200 {
        cluster.push(leader, record("c", [key])).await;
    }
    let committed = cluster.nodes[&leader].linearizable(soon()).await.unwrap();
    let node = cluster.open(follower).await;
    assert!(node.readiness().is_err());
    assert_eq!(node.view_age(), None);
    wait_ready(&cluster, &[follower], true).await;
    assert!(node.applied().borrow().index >= committed.index);
}
