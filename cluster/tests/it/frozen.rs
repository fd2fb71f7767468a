//! What earlier versions wrote is read: a node starts from the frozen directory of each.
//!
//! `golden/node/<name>` is the data directory of a cluster of one with an embedded store, stopped
//! in order: a snapshot, entries of every kind above it, and a store that holds a part of them. To
//! freeze the directory of a new format, run this test with `PGA_WRITE_GOLDEN=<name>`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pga_cluster::{
    Alert, AlertChange, AlertCommand, AlertRoute, AlertRouteCommand, AlertState, AlertingCommand,
    AuditEntry, Batching, BufferLimits, ClusterKeyCommand, ClusterNode, ClusterOptions,
    CollectorCertificateCommand, CollectorCommand, CollectorHealth, CollectorHealthCommand,
    Command, ConfigCommand, ConfigTarget, ConfigText, ControlCommand, Decision, FeatureLevel,
    InsightCommand, Member, Moment, NewUser, Notification, PeopleCommand, PushOutcome, RaftTimings,
    Registration, RegistrationSecret, RegistrationSecretCommand, Resealed, RuleEntry, SealedConfig,
    SessionCommand, SnapshotPolicy, State, StateLimits, TokenKey, TokenKeyCommand, UploadId,
};
use pga_config::{CollectorId, NodeId};
use pga_storage::StoreWriter;
use pga_storage::store::{EmbeddedOptions, EmbeddedStore};
use pga_storage::{Store, Timestamp};

use crate::cluster::{record, samples, soon};
use crate::network::Network;

const CLUSTER: &str = "5f0e1d2c3b4a59687786958493a2b1c0";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/node")
}

async fn open(dir: &Path) -> (ClusterNode, Arc<EmbeddedStore>) {
    let node = NodeId::new(1);
    let cluster: pga_cluster::ClusterId = CLUSTER.parse().unwrap();
    let options = EmbeddedOptions::default();
    let store = EmbeddedStore::open(&dir.join("store"), cluster.get(), options);
    let store = Arc::new(store.unwrap());
    let options = ClusterOptions {
        node,
        cluster,
        members: vec![member()],
        dir: dir.join("raft"),
        timings: RaftTimings::default(),
        buffer: BufferLimits {
            segment_bytes: 64 << 10,
            ..BufferLimits::default()
        },
        batching: Batching::default(),
        snapshots: SnapshotPolicy::default(),
        limits: StateLimits::default(),
        own_store: Some(Arc::clone(&store) as Arc<dyn Store>),
        flushed: store.watermark().await.unwrap().position,
        app: None,
        feature_level: FeatureLevel::CURRENT,
        registry: prometheus::Registry::new(),
    };
    let network = Network::new(dir.join("network"));
    let connect = |service| Ok(network.attach(node, service));
    (ClusterNode::start(options, connect).await.unwrap(), store)
}

fn member() -> Member {
    Member {
        node: NodeId::new(1),
        quic: "127.0.0.1:1".into(),
        http: "http://127.0.0.1:8081".into(),
    }
}

fn user(name: &str) -> NewUser {
    NewUser {
        username: name.into(),
        email: format!("{name}@example.com"),
        role: "admin".into(),
        password_hash: "$argon2id$".into(),
    }
}

/// Every kind of change, in two halves: a snapshot holds the first.
fn controls() -> [Vec<ControlCommand>; 2] {
    let at = Timestamp::from_micros(1_000_000);
    let first = vec![
        ControlCommand::Bootstrap {
            token_key: Bytes::from_static(b"sealed key"),
            ca_key: Bytes::from_static(b"sealed ca"),
            admin: user("admin"),
            registration_secret_hash: [3; 32],
            at,
        },
        ControlCommand::LimitCollectors { max: 1_000 },
        ControlCommand::AddJoinToken {
            certificate_sha256: [5; 32],
            expires_at: Timestamp::from_micros(9_000_000),
            at,
        },
        ControlCommand::RetireNode {
            node: NodeId::new(9),
        },
    ];
    let second = vec![
        ControlCommand::AddUser {
            user: user("ann"),
            at,
        },
        ControlCommand::LoggedIn { user_id: 1, at },
        ControlCommand::RegisterCollector {
            collector: CollectorId::from_external("db-1"),
            name: "db 1".into(),
            hostname: "db1.example.com".into(),
            address: Some("10.0.0.9".into()),
            version: Some("1.0".into()),
            certificate_sha256: [4; 32],
            at,
        },
        ControlCommand::SetNode {
            node: NodeId::new(1),
            quic: "127.0.0.1:1".into(),
            http: "http://127.0.0.1:8081".into(),
        },
        ControlCommand::UseJoinToken {
            certificate_sha256: [5; 32],
            quic: "127.0.0.1:10".into(),
            http: "http://127.0.0.1:8090".into(),
            at,
        },
    ];
    [first, second]
}

/// What feature level 2 brought.
fn level_2() -> Vec<ControlCommand> {
    let at = Timestamp::from_micros(2_000_000);
    let secret = RegistrationSecret {
        name: "fleet".into(),
        description: String::new(),
        sha256: [7; 32],
        created_by: "admin".into(),
        created_at: at,
        expires_at: None,
        max_uses: None,
        uses: 0,
        last_used_at: None,
        is_revoked: false,
    };
    let store = ConfigCommand::Store {
        target: ConfigTarget::Group("default".into()),
        base: None,
        text: ConfigText::plain("[tls]\nverify = true\n"),
        author: "admin".into(),
        comment: String::new(),
        at,
    };
    let entry = AuditEntry {
        at,
        actor: "admin".into(),
        user_id: Some(1),
        address: "::1".into(),
        action: "collector-config.store".into(),
        target: "group default".into(),
        before: None,
        after: None,
        request_id: "r".into(),
    };
    let begin = SessionCommand::Begin {
        session: 7,
        user_id: 1,
        address: "::1".into(),
        expires_at: Timestamp::from_micros(9_000_000),
        at,
    };
    let update = PeopleCommand::Update {
        user_id: 1,
        email: None,
        full_name: Some("The Admin".into()),
        role: None,
        is_active: None,
        at,
    };
    let create = RegistrationSecretCommand::Create { id: 9, secret };
    vec![
        ControlCommand::RegistrationSecret(create),
        ControlCommand::Audited {
            change: Box::new(ControlCommand::CollectorConfig(store)),
            entry,
        },
        ControlCommand::Session(begin),
        ControlCommand::People(update),
    ]
}

/// What feature level 3 brought.
fn level_3() -> Vec<ControlCommand> {
    let at = Timestamp::from_micros(3_000_000);
    let alert = Alert {
        fingerprint: 7,
        rule: "C1".into(),
        state: AlertState::Firing,
        fired_at: Some(at),
        incident: 1,
        ..Alert::default()
    };
    let changes = vec![AlertChange {
        id: None,
        base: 0,
        alert,
    }];
    let notify = AlertCommand::Notify {
        queue: vec![Notification {
            key: "k".into(),
            ..Notification::default()
        }],
        groups: Vec::new(),
    };
    let rule = RuleEntry {
        text: "id = \"C1\"".into(),
        author: "admin".into(),
        at,
        version: 1,
    };
    let put_rules = AlertingCommand::PutRules {
        rules: vec![("C1".into(), rule)],
    };
    vec![
        ControlCommand::Alert(Box::new(AlertCommand::Evaluated { at, changes })),
        ControlCommand::Alert(Box::new(notify)),
        ControlCommand::Alerting(Box::new(put_rules)),
    ]
}

/// What feature level 4 brought.
fn level_4() -> Vec<ControlCommand> {
    let at = Timestamp::from_micros(4_000_000);
    let decision = Decision {
        verdict: "dismissed".into(),
        note: String::new(),
        by: "admin".into(),
        at,
    };
    let moment = Moment {
        name: "before".into(),
        description: String::new(),
        kind: "manual".into(),
        from: at,
        to: at,
        metadata: None,
        by: "admin".into(),
        at,
    };
    [
        InsightCommand::Decide {
            finding: 7,
            decision,
        },
        InsightCommand::PutMoment { moment },
    ]
    .map(|command| ControlCommand::Insight(Box::new(command)))
    .into()
}

/// What feature level 5 brought.
fn level_5() -> Vec<ControlCommand> {
    let key = TokenKey {
        sealed: Bytes::from_static(b"sealed second key"),
        at: Timestamp::from_micros(5_000_000),
    };
    let followed_before = Timestamp::from_micros(0);
    vec![ControlCommand::TokenKey(TokenKeyCommand::Add {
        id: 1,
        key,
        followed_before,
    })]
}

/// What feature level 6 brought.
fn level_6() -> Vec<ControlCommand> {
    let route = AlertRoute {
        name: "databases".into(),
        matchers: Vec::new(),
        channel: 1,
        goes_on: false,
        group_by: None,
        group_wait: Some(5),
        group_interval: None,
        repeat_interval: None,
    };
    let routes = AlertRouteCommand::Replace {
        base: 0,
        routes: vec![route],
        by: "ann".into(),
        at: Timestamp::from_micros(5_000_000),
    };
    let seal = ClusterKeyCommand::Seal {
        replaces: None,
        key: [6; 32],
        secrets: vec![Resealed {
            was: Bytes::from_static(b"sealed ca"),
            is: Bytes::from_static(b"sealed ca anew"),
        }],
        at: Timestamp::from_micros(6_000_000),
    };
    vec![
        ControlCommand::AlertRoute(routes),
        ControlCommand::ClusterKey(seal),
    ]
}

/// What feature level 6 brought about a collector that is known.
fn health() -> ControlCommand {
    ControlCommand::CollectorHealth(CollectorHealthCommand::Note {
        collector: CollectorId::from_external("c"),
        health: CollectorHealth {
            last_error: None,
            ahead_ms: Some(-1_500),
        },
    })
}

/// What feature level 7 brought.
fn level_7() -> Vec<ControlCommand> {
    let seal = ConfigCommand::Seal {
        texts: vec![SealedConfig {
            target: ConfigTarget::Group("default".into()),
            version: 1,
            at: Timestamp::from_micros(2_000_000),
            text: ConfigText::plain("sealed:0102030405060708:AAAA"),
        }],
    };
    vec![ControlCommand::CollectorConfig(seal)]
}

/// What feature level 8 brought.
fn level_8() -> Vec<ControlCommand> {
    let at = Timestamp::from_micros(8_000_000);
    let register = CollectorCommand::Register {
        collector: CollectorId::from_external("db-8"),
        hostname: "db8.example.com".into(),
        version: None,
        registration: Registration {
            name: "db 8".into(),
            address: None,
            certificate_sha256: [8; 32],
            at,
        },
        secret: None,
    };
    let moment = Moment {
        name: "to be deleted".into(),
        description: String::new(),
        kind: "post_deploy".into(),
        from: at,
        to: at,
        metadata: None,
        by: "admin".into(),
        at,
    };
    let insight = [
        InsightCommand::PutMoment { moment },
        InsightCommand::DeleteMoment { id: 2 },
    ];
    let issued = CollectorCertificateCommand::Issued {
        change: register,
        expires_at: Timestamp::from_micros(9_000_000),
    };
    let insight = insight.map(|command| ControlCommand::Insight(Box::new(command)));
    let mut commands = vec![ControlCommand::CollectorCertificate(issued)];
    commands.extend(insight);
    commands
}

/// What a node of feature level 8 or later left.
fn has_level_8(state: &State) {
    let expires_at = state.certificate_expires_at(CollectorId::from_external("db-8"));
    assert_eq!(expires_at, Some(Timestamp::from_micros(9_000_000)));
    let before = state.certificate_expires_at(CollectorId::from_external("db-1"));
    assert_eq!(before, None, "it registered as before level 8");
    assert_eq!(state.moments().len(), 1);
    assert_eq!(state.deleted_moments()[&2].kind, "post_deploy");
}

/// What a node of feature level 7 or later left.
fn has_level_7(state: &State) {
    let is_sealed: Vec<_> = state
        .all_configs()
        .map(|(_, one)| one.text.is_sealed())
        .collect();
    assert_eq!(is_sealed, [true]);
}

/// What a node of feature level 6 or later left.
fn has_level_6(state: &State) {
    let routes = state.alert_routes();
    assert_eq!((routes.version, &*routes.routes[0].name), (1, "databases"));
    let noted = state.collector_health(CollectorId::from_external("c"));
    assert_eq!(noted.and_then(|noted| noted.ahead_ms), Some(-1_500));
    assert_eq!(state.cluster_key().map(|key| key.id), Some([6; 32]));
    assert_eq!(state.ca_key().unwrap().as_ref(), b"sealed ca anew");
}

/// What a node of feature level 5 or later left.
fn has_level_5(state: &State) {
    assert_eq!(state.token_keys()[&1].sealed.as_ref(), b"sealed second key");
}

/// What a node of feature level 4 or later left.
fn has_level_4(state: &State) {
    assert_eq!(state.decisions()[&7].verdict, "dismissed");
    assert_eq!(state.moments()[&1].name, "before");
}

/// What a node of feature level 3 or later left.
fn has_level_3(state: &State) {
    assert_eq!(state.alert_of(7).map(|(id, _)| id), Some(1));
    assert!(state.alerts()[&1].is_firing());
    assert_eq!(state.notifications()[&1].key, "k");
    assert_eq!(state.alert_rules()["C1"].version, 1);
}

/// What a node of feature level 2 or later left.
fn has_level_2(state: &State) {
    assert_eq!(state.person(1).full_name, "The Admin");
    assert_eq!(state.registration_secrets()[&9].name, "fleet");
    assert_eq!(state.session(7).map(|session| session.user_id), Some(1));
    let config = state.config_of(CollectorId::from_external("db-1"));
    assert_eq!(config.map(|config| config.version), Some(1));
    assert_eq!(state.audit().count(), 1);
    let entry = state.collector_entry(CollectorId::from_external("c"));
    assert_eq!(entry.server_id, 1);
}

async fn control(node: &ClusterNode, command: ControlCommand) {
    let command = Command::Control(command);
    node.propose(command, soon()).await.unwrap();
}

async fn push(node: &ClusterNode, record: Bytes) -> (u32, u32) {
    match node.push(record, soon()).await.unwrap() {
        PushOutcome::Stored {
            accepted, repeated, ..
        } => (accepted, repeated),
        other => panic!("{other:?}"),
    }
}

/// Writes the directory of this version.
async fn freeze(dir: &Path) {
    let (node, store) = open(dir).await;
    node.initialize(vec![member()]).await.unwrap();
    while node.with_state(State::feature_level) < FeatureLevel::CURRENT {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let [first, second] = controls();
    let before = [
        first,
        level_2(),
        level_3(),
        level_4(),
        level_5(),
        level_6(),
        level_7(),
    ];
    for command in before.concat() {
        control(&node, command).await;
    }
    push(&node, samples("c", 0..3)).await;
    control(&node, health()).await;
    for command in level_8() {
        control(&node, command).await;
    }
    crate::cluster::flush(&node, &store).await;
    node.snapshot().await.unwrap();
    for command in second {
        control(&node, command).await;
    }
    push(&node, samples("c", 3..5)).await;
    crate::cluster::flush(&node, &store).await;
    push(&node, samples("c", 5..7)).await;
    let upload = UploadId(77);
    let part = |part, keys: [u64; 1]| Command::UploadPart {
        upload,
        part,
        record: record("big", keys),
    };
    for command in [
        part(0, [1]),
        part(1, [2]),
        Command::CommitUpload { upload, parts: 2 },
        Command::AbortUpload {
            upload: UploadId(78),
        },
    ] {
        // What is refused is an entry too.
        drop(node.propose(command, soon()).await);
    }
    node.shutdown().await;
    // Its file is whole once nobody holds the store any more.
    drop((node, store));
    let wal = dir.join("store/store.db-wal");
    let closed = async {
        while wal.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed)
        .await
        .unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_from_what_each_earlier_version_left() {
    if let Ok(version) = std::env::var("PGA_WRITE_GOLDEN") {
        let dir = tempfile::tempdir().unwrap();
        freeze(dir.path()).await;
        for part in ["raft/log", "raft/snapshots", "store"] {
            copy(&dir.path().join(part), &golden().join(&version).join(part));
        }
    }
    for version in fs::read_dir(golden()).unwrap() {
        let version = version.unwrap().path();
        let dir = tempfile::tempdir().unwrap();
        copy(&version, dir.path());
        let (node, store) = open(dir.path()).await;
        let at = node.linearizable(soon()).await.unwrap();
        assert!(at.index >= 18, "{}: {at}", version.display());
        node.with_state(|state| {
            let users: Vec<_> = state.users().keys().cloned().collect();
            assert_eq!(users, ["admin", "ann"]);
            assert!(state.user("admin").unwrap().last_login.is_some());
            assert_eq!(state.max_collectors(), Some(1_000));
            assert!(state.is_retired(NodeId::new(9)));
            // The next id after the highest one that was ever given out.
            assert!(state.address_book().contains_key(&NodeId::new(10)));
            assert_eq!(state.token_key().unwrap().as_ref(), b"sealed key");
            let known: Vec<_> = ["c", "big", "db-1"]
                .map(|id| state.collector(CollectorId::from_external(id)).is_some())
                .into();
            assert_eq!(known, [true; 3]);
            assert_eq!(state.open_uploads().count(), 0);
            let level = version.display().to_string();
            let level = level
                .rsplit_once("level-")
                .map_or(0, |(_, level)| level.parse().unwrap());
            let checks = [
                (2, has_level_2 as fn(&State)),
                (3, has_level_3),
                (4, has_level_4),
                (5, has_level_5),
                (6, has_level_6),
                (7, has_level_7),
                (8, has_level_8),
            ];
            for (_, check) in checks.into_iter().filter(|(since, _)| *since <= level) {
                check(state);
            }
        });
        // What was pushed then is known now, and what waited for a flush is flushed.
        assert_eq!(push(&node, samples("c", 0..8)).await, (1, 7));
        assert_eq!(push(&node, record("big", [1, 2, 3])).await, (1, 2));
        let before = store.watermark().await.unwrap().position;
        node.wait_applied(at, pga_runtime::now() + Duration::from_secs(5))
            .await
            .unwrap();
        assert!(before.index < node.flushable().borrow().index);
        node.shutdown().await;
    }
}
