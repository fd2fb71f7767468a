//! The same clusters with mutual TLS over QUIC on loopback.

use std::time::Duration;

use pga_cluster::Command;
use pga_storage::Position;

use crate::cluster::{Cluster, record, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_commit_on_any_node_and_go_on_when_the_leader_dies() {
    let mut cluster = Cluster::start_quic(3).await;
    for n in 0..30u64 {
        assert_eq!(cluster.push(1 + n % 3, record("c", [n])).await.1, 1);
    }
    let leader = cluster.leader().await;
    let survivor = cluster.follower().await;
    cluster.kill(leader).await;
    let killed = pga_runtime::now();
    assert_eq!(cluster.push(survivor, record("c", [100])).await.1, 1);
    let gap = killed.elapsed();
    assert!(gap < Duration::from_secs(2), "{gap:?}");
    cluster.open(leader).await;
    let (position, accepted, repeated) = cluster.push(leader, record("c", 0..30)).await;
    assert_eq!((accepted, repeated), (0, 30));
    cluster.settle(position).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_node_gets_a_snapshot_over_quic() {
    let mut cluster = Cluster::start_quic(3).await;
    let mut position = Position::default();
    for n in 0..40u64 {
        position = cluster.push(1 + n % 3, record("c", [n])).await.0;
    }
    let flushed = Command::Flushed { position };
    let flushed = cluster.nodes[&2].propose(flushed, soon()).await.unwrap();
    for node in cluster.nodes.values() {
        node.wait_applied(flushed.position, soon()).await.unwrap();
        node.snapshot().await.unwrap();
    }
    cluster.open(4).await;
    let member = cluster.member(4);
    cluster.nodes[&1].add_node(member, soon()).await.unwrap();
    let (position, accepted, repeated) = cluster.push(4, record("c", 0..50)).await;
    assert_eq!((accepted, repeated), (10, 40));
    cluster.settle(position).await;
    let status = cluster.nodes[&4].status(Duration::from_secs(2)).await;
    assert_eq!(status.nodes.len(), 4);
    assert!(status.nodes.iter().all(|node| node.reachable), "{status:?}");
    cluster.nodes[&4]
        .transfer_leader(pga_config::NodeId::new(4), soon())
        .await
        .unwrap();
    assert_eq!(cluster.leader().await, 4);
}
