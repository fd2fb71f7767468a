//! Pushes on any node, reads on any node, membership.

use std::time::Duration;

use pga_cluster::{Command, ControlCommand, NewUser, ProposeError, Refusal, UploadId};
use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;

use crate::cluster::{Cluster, record, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_on_any_node_commits_and_a_repeat_elsewhere_is_found() {
    let cluster = Cluster::start(3).await;
    for id in 1..=3 {
        let (_, accepted, repeated) = cluster.push(id, record("c", [1, 2, id + 10])).await;
        let want = if id == 1 { (3, 0) } else { (1, 2) };
        assert_eq!((accepted, repeated), want, "node {id}");
    }
    let (position, ..) = cluster.push(2, record("c", [99])).await;
    cluster.settle(position).await;
    for node in cluster.nodes.values() {
        let accepted = node.with_state(|state| {
            let collector = state.collector(CollectorId::from_external("c"));
            collector.map(|collector| collector.accepted)
        });
        assert_eq!(accepted, Some(6));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_pushes_share_entries() {
    let cluster = Cluster::start(3).await;
    let follower = cluster.follower().await;
    let pushes = (0..500u64).map(|n| cluster.push(follower, record(&format!("c{}", n % 7), [n])));
    let outcomes = futures::future::join_all(pushes).await;
    assert!(outcomes.iter().all(|(_, accepted, _)| *accepted == 1));
    let entries: std::collections::BTreeSet<u64> =
        outcomes.iter().map(|(at, ..)| at.index).collect();
    assert!(entries.len() < 250, "{} entries", entries.len());
    cluster.settle(outcomes[0].0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_linearizable_read_on_any_node_sees_what_was_committed_before_it() {
    let cluster = Cluster::start(3).await;
    for n in 0..20u64 {
        let (position, ..) = cluster.push(1 + n % 3, record("c", [n])).await;
        let reader = &cluster.nodes[&(1 + (n + 1) % 3)];
        let at = reader.linearizable(soon()).await.unwrap();
        assert!(at.index >= position.index, "{at} {position}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_command_says_why_on_any_node() {
    let cluster = Cluster::start(3).await;
    let add = Command::Control(ControlCommand::AddUser {
        user: NewUser {
            username: "ann".into(),
            email: "a@b".into(),
            role: "viewer".into(),
            password_hash: "x".into(),
        },
        at: Timestamp::from_micros(1),
    });
    cluster.nodes[&1]
        .propose(add.clone(), soon())
        .await
        .unwrap();
    for id in 1..=3 {
        let error = cluster.nodes[&id].propose(add.clone(), soon()).await;
        assert_eq!(
            error,
            Err(ProposeError::Refused(Refusal::Taken)),
            "node {id}"
        );
    }
    let commit = Command::CommitUpload {
        upload: UploadId(1),
        parts: 1,
    };
    let error = cluster.nodes[&2].propose(commit, soon()).await;
    assert_eq!(error, Err(ProposeError::Refused(Refusal::UploadIncomplete)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leadership_is_handed_over_and_pushes_go_on() {
    let cluster = Cluster::start(3).await;
    for round in 0..3u64 {
        let leader = cluster.leader().await;
        let to = 1 + leader % 3;
        let pushes = (0..50u64).map(|n| cluster.push(1 + n % 3, record("c", [round * 100 + n])));
        let pushes = futures::future::join_all(pushes);
        let to_node = NodeId::new(to);
        let handed = cluster.nodes[&(1 + to % 3)].transfer_leader(to_node, soon());
        let (outcomes, handed) = tokio::join!(pushes, handed);
        handed.unwrap();
        assert!(
            outcomes.iter().all(|(_, accepted, _)| *accepted == 1),
            "round {round}"
        );
        assert_eq!(cluster.leader().await, to);
    }
    let error = cluster.nodes[&1]
        .transfer_leader(NodeId::new(9), soon())
        .await;
    assert!(
        matches!(error, Err(ProposeError::Membership(_))),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_node_joins_and_another_leaves() {
    let mut cluster = Cluster::start(3).await;
    for n in 0..30u64 {
        cluster.push(1 + n % 3, record("c", [n])).await;
    }
    let follower = cluster.follower().await;
    cluster.open(4).await;
    cluster.nodes[&follower]
        .add_node(cluster.member(4), soon())
        .await
        .unwrap();
    let (position, ..) = cluster.push(4, record("c", [1_000])).await;
    cluster.settle(position).await;
    let leader = cluster.leader().await;
    let leaving = NodeId::new(leader);
    cluster.nodes[&4]
        .remove_node(leaving, soon())
        .await
        .unwrap();
    cluster.kill(leader).await;
    let (position, accepted, _) = cluster.push(4, record("c", [1_001])).await;
    assert_eq!(accepted, 1);
    cluster.settle(position).await;
    let error = cluster.nodes[&4]
        .add_node(cluster.member(leader), soon())
        .await;
    assert!(
        matches!(error, Err(ProposeError::Membership(_))),
        "retired ids never return: {error:?}"
    );
    let status = cluster.nodes[&4].status(Duration::from_secs(1)).await;
    assert_eq!(status.nodes.len(), 3);
    assert!(
        status
            .nodes
            .iter()
            .all(|node| node.reachable && node.id != leaving)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_shows_who_does_not_answer() {
    let mut cluster = Cluster::start(3).await;
    let (position, ..) = cluster.push(1, record("c", [1])).await;
    let follower = cluster.follower().await;
    cluster.kill(follower).await;
    let leader = cluster.leader().await;
    let status = cluster.nodes[&leader]
        .status(Duration::from_millis(300))
        .await;
    assert_eq!(status.leader, Some(NodeId::new(leader)));
    for node in &status.nodes {
        assert_eq!(node.reachable, node.id.get() != follower, "{node:?}");
        assert!(!node.reachable || node.last >= position.index, "{node:?}");
    }
}
