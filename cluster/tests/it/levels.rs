//! Rolling upgrades: nodes of two feature levels in one cluster.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::transport::{
    FrameReceiver, FrameSender, Peer, ReceivedSnapshot, RpcKind, Service, ServiceError,
};
use pga_cluster::{
    CollectorCertificateCommand, CollectorCommand, Command, ControlCommand, Error, Fatal,
    FeatureLevel, InsightCommand, Moment, NewUser, Outdated, PeopleCommand, ProposeError, Refusal,
    Registration, State,
};
use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;

use crate::cluster::{Cluster, record, soon};

/// Longer than a leader takes to look whether the level can be raised.
const LOOKS: Duration = Duration::from_secs(5);

const fn level(level: u32) -> FeatureLevel {
    FeatureLevel::new(level)
}

/// Waits until every node that runs has applied this level.
async fn wait_level(cluster: &Cluster, want: u32) {
    let deadline = soon();
    for (id, node) in &cluster.nodes {
        while node.with_state(State::feature_level) != level(want) {
            assert!(
                pga_runtime::now() < deadline,
                "node {id} is not at level {want}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Restarts a node with a program that knows `known`.
async fn upgrade(cluster: &mut Cluster, id: u64, known: u32) {
    cluster.kill(id).await;
    cluster.levels.insert(id, level(known));
    cluster.open(id).await;
    cluster.leader().await;
}

fn raise(to: u32) -> Command {
    Command::RaiseLevel {
        level: level(to),
        since: "9.9.9".into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_level_stays_low_until_the_last_node_is_upgraded_then_it_rises() {
    let mut cluster = Cluster::start_levels(&[0, 0, 0]).await;
    cluster.push(1, record("c", [1])).await;
    for (id, n) in [(1, 2), (2, 3)] {
        upgrade(&mut cluster, id, 1).await;
        let (position, ..) = cluster.push(id, record("c", [n])).await;
        cluster.settle(position).await;
    }
    // Node 3 does not know level 1 yet; nothing of it is proposed.
    tokio::time::sleep(LOOKS).await;
    wait_level(&cluster, 0).await;
    let refused = Refusal::FeatureLevel {
        needed: level(1),
        level: level(0),
    };
    for node in cluster.nodes.values() {
        let refused = Err(ProposeError::Refused(refused.clone()));
        assert_eq!(node.propose(raise(1), soon()).await, refused);
    }
    upgrade(&mut cluster, 3, 1).await;
    wait_level(&cluster, 1).await;
    let (position, ..) = cluster.push(3, record("c", [4])).await;
    cluster.settle(position).await;
    let status = cluster.nodes[&2].status(Duration::from_secs(5)).await;
    assert_eq!(status.feature_level, level(1));
    let known: Vec<_> = status.nodes.iter().map(|n| n.feature_level).collect();
    assert_eq!(known, [Some(level(1)); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_level_stays_low_while_a_member_is_down() {
    let mut cluster = Cluster::start_levels(&[0, 0, 0]).await;
    let down = cluster.follower().await;
    cluster.kill(down).await;
    let up: Vec<u64> = cluster.nodes.keys().copied().collect();
    for id in up {
        upgrade(&mut cluster, id, 1).await;
    }
    tokio::time::sleep(LOOKS).await;
    wait_level(&cluster, 0).await;
    cluster.levels.insert(down, level(1));
    cluster.open(down).await;
    wait_level(&cluster, 1).await;
}

/// Who came back with an older program does neither skip what it does not know nor lose it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_node_stops_at_the_level_it_does_not_know() {
    let mut cluster = Cluster::start_levels(&[1, 1, 1]).await;
    wait_level(&cluster, 1).await;
    let id = cluster.follower().await;
    cluster.kill(id).await;
    cluster.levels.insert(id, level(0));
    let error = cluster.try_open(id).await;
    let why = match error {
        Err(Error::Outdated(why)) => why,
        Ok(node) => {
            let mut fatal = node.fatal();
            let why = fatal.wait_for(Option::is_some).await.unwrap().clone();
            match why {
                Some(pga_cluster::Fatal::Outdated(why)) => why,
                other => panic!("{other:?}"),
            }
        }
        Err(other) => panic!("{other}"),
    };
    let Outdated::Level {
        level: needed,
        known,
        ..
    } = &why
    else {
        panic!("{why}");
    };
    assert_eq!((*needed, *known), (level(1), level(0)));
    assert!(why.to_string().contains("install version 3.0.0"), "{why}");
    // With the right program it goes on where it was.
    cluster.network.remove(pga_config::NodeId::new(id));
    if let Some(node) = cluster.nodes.remove(&id) {
        node.shutdown().await;
    }
    cluster.levels.insert(id, level(1));
    cluster.open(id).await;
    let (position, ..) = cluster.push(id, record("c", [1])).await;
    cluster.settle(position).await;
}

/// Tells peers that its node's program knows level 2.
struct Boaster(Arc<dyn Service>);

impl Service for Boaster {
    fn call(
        &self,
        from: Peer,
        kind: RpcKind,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        if kind == RpcKind::Announcement {
            // `{"level": 2, "version": "2"}`
            let boast = Bytes::from_static(b"\x82\xa5level\x02\xa7version\xa12");
            return Box::pin(async { Ok(boast) });
        }
        self.0.call(from, kind, body)
    }

    fn stream(
        &self,
        from: Peer,
        answers: FrameSender,
        requests: FrameReceiver,
    ) -> BoxFuture<'_, ()> {
        self.0.stream(from, answers, requests)
    }

    fn snapshot(
        &self,
        from: Peer,
        header: Bytes,
        snapshot: ReceivedSnapshot,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        self.0.snapshot(from, header, snapshot)
    }
}

/// However it came to be: what it does not know ends it, and it does not go on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_node_stops_at_a_level_that_it_does_not_know() {
    let mut cluster = Cluster::start_levels(&[1, 1, 1]).await;
    wait_level(&cluster, 1).await;
    let id = cluster.follower().await;
    cluster
        .network
        .wrap(NodeId::new(id), |service| Arc::new(Boaster(service)));
    let others: Vec<u64> = (1..=3).filter(|other| *other != id).collect();
    for other in &others {
        upgrade(&mut cluster, *other, 2).await;
    }
    // As the leader it would not raise the level.
    let heir = others[0];
    let led = cluster.nodes[&heir].transfer_leader(NodeId::new(heir), soon());
    led.await.unwrap();
    let mut fatal = cluster.nodes[&id].fatal();
    let ended = tokio::time::timeout(Duration::from_secs(20), fatal.wait_for(Option::is_some));
    let why = ended.await.unwrap().unwrap().clone();
    let Some(Fatal::Outdated(Outdated::Level { level: needed, .. })) = why else {
        panic!("{why:?}");
    };
    assert_eq!(needed, level(2));
    let at = cluster.nodes[&id].with_state(State::feature_level);
    assert_eq!(at, level(1), "it applied what it does not know");
}

/// What would need a snapshot: the log below it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_node_stops_at_its_own_snapshot_and_sets_nothing_aside() {
    let mut cluster = Cluster::start_levels(&[1, 1, 1]).await;
    wait_level(&cluster, 1).await;
    let id = cluster.follower().await;
    let (position, ..) = cluster.push(id, record("c", [1])).await;
    let flushed = Command::Flushed { position };
    cluster.nodes[&id].propose(flushed, soon()).await.unwrap();
    cluster.settle(position).await;
    cluster.nodes[&id].snapshot().await.unwrap();
    cluster.kill(id).await;
    cluster.levels.insert(id, level(0));
    let error = cluster.try_open(id).await.err();
    assert!(matches!(error, Some(Error::Outdated(_))), "{error:?}");
    assert!(!cluster.path(id).join("quarantine").exists());
    cluster.levels.insert(id, level(1));
    cluster.open(id).await;
    cluster.push(id, record("c", [2])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_program_is_too_old_does_not_join() {
    let mut cluster = Cluster::start_levels(&[2, 2, 2]).await;
    wait_level(&cluster, 2).await;
    assert!(cluster.nodes[&1].admits_level(level(1)).is_err());
    cluster.levels.insert(4, level(1));
    cluster.open(4).await;
    let refused = cluster.nodes[&1].add_node(cluster.member(4), soon()).await;
    let Err(ProposeError::Membership(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains("feature level 2"), "{why}");
    assert!(why.contains("install version"), "{why}");
    cluster.kill(4).await;
    cluster.levels.insert(4, level(2));
    cluster.open(4).await;
    let added = cluster.nodes[&1].add_node(cluster.member(4), soon());
    added.await.unwrap();
}

/// What has to be as it was until the last node knows level 8, and then as level 8 has it.
fn of_level_8() -> [Command; 2] {
    let at = Timestamp::from_micros(1_000_000);
    let register = CollectorCommand::Register {
        collector: CollectorId::from_external("db-1"),
        hostname: "db1".into(),
        version: None,
        registration: Registration {
            name: "db1".into(),
            address: None,
            certificate_sha256: [1; 32],
            at,
        },
        secret: None,
    };
    let issued = CollectorCertificateCommand::Issued {
        change: register,
        expires_at: Timestamp::from_micros(2_000_000),
    };
    [
        ControlCommand::CollectorCertificate(issued),
        ControlCommand::Insight(Box::new(InsightCommand::DeleteMoment { id: 1 })),
    ]
    .map(Command::Control)
}

fn person(name: &str, email: &str) -> Command {
    Command::Control(ControlCommand::People(PeopleCommand::Add {
        user: NewUser {
            username: name.into(),
            email: email.into(),
            role: "viewer".into(),
            password_hash: "x".into(),
        },
        full_name: String::new(),
        must_change_password: false,
        at: Timestamp::from_micros(1_000_000),
    }))
}

fn moment() -> Command {
    let at = Timestamp::from_micros(1_000_000);
    let moment = Moment {
        name: "before".into(),
        description: String::new(),
        kind: "manual".into(),
        from: at,
        to: at,
        metadata: None,
        by: "ann".into(),
        at,
    };
    let put = InsightCommand::PutMoment { moment };
    Command::Control(ControlCommand::Insight(Box::new(put)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_level_8_brings_begins_when_the_last_node_knows_it() {
    let mut cluster = Cluster::start_levels(&[7, 7, 7]).await;
    wait_level(&cluster, 7).await;
    for id in [1, 2] {
        upgrade(&mut cluster, id, 8).await;
    }
    tokio::time::sleep(LOOKS).await;
    wait_level(&cluster, 7).await;
    let node = cluster.nodes[&1].clone();
    for command in of_level_8() {
        let refused = node.propose(command, soon()).await;
        let low = Refusal::FeatureLevel {
            needed: level(8),
            level: level(7),
        };
        assert_eq!(refused, Err(ProposeError::Refused(low)));
    }
    // Older nodes apply it alike: two users of one address.
    for command in [moment(), person("ann", "both@x"), person("ben", "Both@x")] {
        node.propose(command, soon()).await.unwrap();
    }
    upgrade(&mut cluster, 3, 8).await;
    wait_level(&cluster, 8).await;
    let taken = node.propose(person("cho", "both@x"), soon()).await;
    let Err(ProposeError::Refused(Refusal::Rule(why))) = taken else {
        panic!("{taken:?}");
    };
    assert!(why.contains("is that of user ann"), "{why}");
    let [issued, delete] = of_level_8();
    node.propose(issued, soon()).await.unwrap();
    let deleted = node.propose(delete.clone(), soon()).await.unwrap();
    let again = node.propose(delete, soon()).await;
    assert_eq!(again, Err(ProposeError::Refused(Refusal::NotFound)));
    cluster.settle(deleted.position).await;
    for node in cluster.nodes.values() {
        node.with_state(|state| {
            let users: Vec<_> = state.users().keys().collect();
            assert_eq!(users, ["ann", "ben"]);
            assert_eq!(state.moments().len(), 0);
            let expires_at = state.certificate_expires_at(CollectorId::from_external("db-1"));
            assert_eq!(expires_at, Some(Timestamp::from_micros(2_000_000)));
        });
    }
}
