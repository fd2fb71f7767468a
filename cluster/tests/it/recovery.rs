//! Nodes that lost what they confirmed: they do not vote, are evicted and added again, and nothing
//! acknowledged is lost (LOG-1).

use std::fs;
use std::path::Path;
use std::time::Duration;

use pga_cluster::{ClusterNode, NodeRole};
use pga_config::NodeId;

use crate::cluster::{Cluster, record, samples, soon};

/// Breaks what a node has on disk.
type Damage = fn(&Path);

/// The middle of what was written: a segment ends with zeros for what comes.
fn middle(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2
}

fn flip_a_bit(dir: &Path) {
    let log = dir.join("log/00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    let middle = middle(&bytes);
    bytes[middle] ^= 4;
    fs::write(&log, bytes).unwrap();
}

fn shorten_the_log(dir: &Path) {
    let log = dir.join("log/00000000000000000000.log");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..middle(&bytes)]).unwrap();
}

fn remove_the_marker(dir: &Path) {
    fs::remove_file(dir.join("log/marker")).unwrap();
}

fn empty_the_directory(dir: &Path) {
    fs::remove_dir_all(dir).unwrap();
}

fn remove_the_log(dir: &Path) {
    fs::remove_dir_all(dir.join("log")).unwrap();
}

const DAMAGES: [(&str, Damage); 5] = [
    ("a bit flipped", flip_a_bit),
    ("half of the log", shorten_the_log),
    ("no marker", remove_the_marker),
    ("an empty directory", empty_the_directory),
    ("no log", remove_the_log),
];

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = pga_runtime::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(pga_runtime::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn role(node: &ClusterNode) -> NodeRole {
    node.own_status().role
}

async fn votes_again(cluster: &Cluster, id: u64) {
    let (node, others) = (&cluster.nodes[&id], &cluster.nodes);
    until("the node votes again", || {
        let mut leaders = others
            .values()
            .filter(|node| role(node) == NodeRole::Leader);
        let is_voter = leaders.any(|leader| leader.voters().contains(&NodeId::new(id)));
        is_voter && role(node) == NodeRole::Follower
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_damaged_log_comes_back_as_a_learner_and_then_votes() {
    let mut cluster = Cluster::start(3).await;
    for (n, (name, damage)) in (0u64..).zip(DAMAGES) {
        let id = cluster.follower().await;
        for key in 0..20 {
            cluster.push(id, record("c", [n * 100 + key])).await;
        }
        cluster.kill(id).await;
        damage(&cluster.path(id));
        cluster.open(id).await;
        votes_again(&cluster, id).await;
        let (position, accepted, _) = cluster.push(id, record("c", [n * 100 + 99])).await;
        assert_eq!(accepted, 1, "{name}");
        cluster.settle(position).await;
        assert!(!cluster.path(id).join("recovering").exists(), "{name}");
        // Its vote counts again: with the other follower gone there is a majority.
        let other = (1..=3).find(|other| *other != id && cluster.nodes.contains_key(other));
        let other = other.unwrap();
        cluster.kill(other).await;
        cluster.push(id, record("c", [n * 100 + 98])).await;
        cluster.open(other).await;
        cluster.leader().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_directory_is_found_out_by_the_peers() {
    let mut cluster = Cluster::start(3).await;
    let id = cluster.follower().await;
    cluster.push(id, record("c", [1])).await;
    cluster.kill(id).await;
    let copy = cluster.path(id).with_extension("copy");
    copy_all(&cluster.path(id), &copy);
    cluster.open(id).await;
    let mut last = None;
    for key in 2..50 {
        last = Some(cluster.push(id, record("c", [key])).await.0);
    }
    cluster.settle(last.unwrap()).await;
    cluster.kill(id).await;
    fs::remove_dir_all(cluster.path(id)).unwrap();
    fs::rename(&copy, cluster.path(id)).unwrap();
    cluster.open(id).await;
    until("it begins anew", || cluster.path(id).join("life").exists()).await;
    votes_again(&cluster, id).await;
    let (position, ..) = cluster.push(id, record("c", [50])).await;
    cluster.settle(position).await;
}

/// Nobody has anything in memory any more. And what others saw of the incarnation before says
/// nothing about the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_is_found_out_after_all_nodes_were_restarted() {
    let mut cluster = Cluster::start(3).await;
    let id = cluster.follower().await;
    let other = (1..=3).find(|other| *other != id).unwrap();
    let path = cluster.path(id);
    let copy = path.with_extension("copy");
    for key in 0..5 {
        cluster.push(id, record("c", [key])).await;
    }
    copy_all(&path, &copy);
    for key in 5..50 {
        cluster.push(id, record("c", [key])).await;
    }
    stop_all(&mut cluster).await;
    let peer_watermarks = fs::read(cluster.path(other).join("sightings")).unwrap();
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&copy, &path).unwrap();
    // First alone: nobody is there to ask, for longer than any patience.
    cluster.open(id).await;
    let alone = cluster.nodes[&id].push(
        record("c", [99]),
        pga_runtime::now() + Duration::from_secs(3),
    );
    assert!(alone.await.is_err());
    for id in (1..=3).filter(|other| *other != id) {
        cluster.open(id).await;
    }
    until("it begins anew", || path.join("life").exists()).await;
    votes_again(&cluster, id).await;
    let (position, accepted, repeated) = cluster.push(id, record("c", 0..50)).await;
    assert_eq!((accepted, repeated), (0, 50), "nothing was lost");
    cluster.settle(position).await;
    let incarnation = fs::read(path.join("life")).unwrap();
    stop_all(&mut cluster).await;
    fs::write(cluster.path(other).join("sightings"), peer_watermarks).unwrap();
    for id in 1..=3 {
        cluster.open(id).await;
    }
    let (position, ..) = cluster.push(id, record("c", [50])).await;
    cluster.settle(position).await;
    assert_eq!(fs::read(path.join("life")).unwrap(), incarnation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_majority_begins_again_without_the_rest() {
    let mut cluster = Cluster::start(3).await;
    cluster.push(1, record("c", [1])).await;
    stop_all(&mut cluster).await;
    cluster.open(1).await;
    cluster.open(2).await;
    let (position, accepted, _) = cluster.push(1, record("c", [1, 2])).await;
    assert_eq!(accepted, 1);
    cluster.open(3).await;
    cluster.settle(position).await;
}

/// The store was not put back: it holds more than the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_log_under_a_newer_store_stores_nothing_twice() {
    let mut cluster = Cluster::start_embedded(3).await;
    let id = cluster.follower().await;
    let (path, log) = (cluster.path(id), cluster.path(id).join("log"));
    let copy = path.with_extension("copy");
    cluster.push(id, samples("c", 0..5)).await;
    copy_all(&log, &copy);
    let (position, ..) = cluster.push(id, samples("c", 5..20)).await;
    cluster.settle(position).await;
    cluster.flush_own(id).await;
    stop_all(&mut cluster).await;
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&copy, &log).unwrap();
    for id in 1..=3 {
        cluster.open(id).await;
    }
    until("it begins anew", || path.join("life").exists()).await;
    votes_again(&cluster, id).await;
    let (position, ..) = cluster.push(id, samples("c", 15..30)).await;
    cluster.settle(position).await;
    for id in 1..=3 {
        cluster.flush_own(id).await;
        assert_eq!(cluster.stored(id, "c").await, (0..30).collect::<Vec<_>>());
    }
}

/// All whom it could ask by what it knows are gone; those that are there tell it unasked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_while_all_others_were_replaced_votes_again() {
    let mut cluster = Cluster::start(3).await;
    cluster.push(1, record("c", [1])).await;
    cluster.kill(1).await;
    for id in [4, 5] {
        cluster.open(id).await;
        let member = cluster.member(id);
        cluster.nodes[&2].add_node(member, soon()).await.unwrap();
    }
    let four = NodeId::new(4);
    cluster.nodes[&4]
        .transfer_leader(four, soon())
        .await
        .unwrap();
    for id in [2, 3] {
        let node = NodeId::new(id);
        cluster.nodes[&4].remove_node(node, soon()).await.unwrap();
        cluster.kill(id).await;
    }
    cluster.open(1).await;
    votes_again(&cluster, 1).await;
    cluster.kill(5).await;
    let (position, ..) = cluster.push(1, record("c", [2])).await;
    cluster.settle(position).await;
}

async fn stop_all(cluster: &mut Cluster) {
    for id in 1..=3 {
        cluster.kill(id).await;
    }
}

/// The entry is on the damaged node and on one that is down: the third alone must not be able to
/// elect anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_node_helps_nobody_to_a_majority() {
    let mut cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let followers: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let (behind, damaged) = (followers[0], followers[1]);
    cluster.kill(behind).await;
    let mut last = None;
    for key in 0..20 {
        last = Some(cluster.push(leader, record("c", [key])).await.0);
    }
    cluster.kill(leader).await;
    cluster.kill(damaged).await;
    flip_a_bit(&cluster.path(damaged));
    cluster.open(damaged).await;
    cluster.open(behind).await;
    // Several elections' time.
    let pushed = cluster.nodes[&behind].push(
        record("c", [100]),
        pga_runtime::now() + Duration::from_secs(4),
    );
    assert!(pushed.await.is_err(), "no majority has the entries");
    assert_eq!(role(&cluster.nodes[&damaged]), NodeRole::Recovering);
    assert!(cluster.nodes[&damaged].recovering().is_some());
    cluster.open(leader).await;
    votes_again(&cluster, damaged).await;
    let (position, accepted, repeated) = cluster.push(damaged, record("c", 0..20)).await;
    assert_eq!((accepted, repeated), (0, 20), "nothing was lost");
    assert!(position.index > last.unwrap().index);
    cluster.settle(position).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_that_was_interrupted_goes_on() {
    let mut cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let id = cluster.follower().await;
    let (position, ..) = cluster.push(id, record("c", [1])).await;
    cluster.settle(position).await;
    let others: Vec<u64> = (1..=3).filter(|other| *other != id).collect();
    for node in 1..=3 {
        cluster.kill(node).await;
    }
    flip_a_bit(&cluster.path(id));
    // Nobody is there who could take it in, and its log is empty at the second start.
    for _ in 0..2 {
        cluster.open(id).await;
        assert_eq!(role(&cluster.nodes[&id]), NodeRole::Recovering);
        cluster.kill(id).await;
    }
    cluster.open(id).await;
    for other in others {
        cluster.open(other).await;
    }
    votes_again(&cluster, id).await;
    let (position, ..) = cluster.push(leader, record("c", [2])).await;
    cluster.settle(position).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_logs_on_a_majority_end_the_nodes() {
    let mut cluster = Cluster::start(3).await;
    let (position, ..) = cluster.push(1, record("c", [1])).await;
    cluster.settle(position).await;
    for id in 1..=3 {
        cluster.kill(id).await;
    }
    for id in [1, 2] {
        flip_a_bit(&cluster.path(id));
    }
    for id in 1..=3 {
        cluster.open(id).await;
    }
    for id in [1, 2] {
        let mut fatal = cluster.nodes[&id].fatal();
        let fatal = tokio::time::timeout_at(soon(), fatal.wait_for(Option::is_some)).await;
        let fatal = fatal.unwrap().unwrap().clone();
        assert!(
            matches!(fatal, Some(pga_cluster::Fatal::Damaged(_))),
            "{fatal:?}"
        );
    }
    let alone = cluster.nodes[&3].push(
        record("c", [2]),
        pga_runtime::now() + Duration::from_secs(2),
    );
    assert!(alone.await.is_err());
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
