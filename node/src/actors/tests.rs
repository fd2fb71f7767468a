//! Sessions and the flusher over a log that is a vector, and a real embedded store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use pga_cluster::{Command, Committed, Leadership, ProposeError, PushOutcome};
use pga_config::{CollectorId, Config, NodeId, Values};
use pga_runtime::Instant;
use pga_storage::query::{Elements, Question};
use pga_storage::store::{EmbeddedOptions, EmbeddedStore};
use pga_storage::{Element, Position, PushRecord, Sample, SampleForm, StoreWriter, Timestamp};
use pga_web::{AdmissionPermit, ApiError, Push, Taken};
use ractor::{Actor, ActorCell, ActorRef};
use tokio::sync::{Semaphore, watch};

use super::flusher::Flusher;
use super::sessions::{SessionTable, Sessions, SessionsArgs, SessionsHandle};
use crate::admitted_push::AdmittedPush;
use crate::context::Context;
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::replica::{BufferedPush, BufferedRange, Replica};
use crate::replicator::Replicator;
use crate::supervision::{ChildSpec, NodeRoot, RootArgs, RootMsg};

/// A log of one node that commits at once.
#[derive(Debug)]
struct VecLog {
    records: Mutex<Vec<Bytes>>,
    flushable: watch::Sender<Position>,
    flushed: watch::Sender<Position>,
    leadership: watch::Sender<Leadership>,
    /// Whether it takes entries now; pushes wait until it does.
    takes: watch::Sender<bool>,
}

impl Default for VecLog {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            flushable: watch::channel(Position::default()).0,
            flushed: watch::channel(Position::default()).0,
            leadership: watch::channel(Leadership::default()).0,
            takes: watch::channel(true).0,
        }
    }
}

impl Replica for VecLog {
    fn push(&self, record: Bytes, _: Instant) -> BoxFuture<'_, Result<PushOutcome, ProposeError>> {
        let accepted = PushRecord::decode(&record).unwrap().keys.len();
        let mut records = self.records.lock().unwrap();
        records.push(record);
        let position = Position::new(1, records.len() as u64);
        drop(records);
        self.flushable.send_replace(position);
        let mut takes = self.takes.subscribe();
        Box::pin(async move {
            takes.wait_for(|takes| *takes).await.unwrap();
            Ok(PushOutcome::Stored {
                position,
                accepted: u32::try_from(accepted).unwrap(),
                repeated: 0,
            })
        })
    }

    fn propose(&self, _: Command, _: Instant) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        Box::pin(async { Err(ProposeError::NoQuorum) })
    }

    fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    fn flushable(&self) -> watch::Receiver<Position> {
        self.flushable.subscribe()
    }

    fn flushed(&self) -> watch::Receiver<Position> {
        self.flushed.subscribe()
    }

    fn set_flushed(&self, position: Position) {
        self.flushed.send_replace(position);
    }

    fn backlog_bytes(&self) -> u64 {
        0
    }

    fn log_bytes(&self) -> u64 {
        0
    }

    fn known(&self, _: CollectorId) -> (bool, usize) {
        (true, 1)
    }

    fn buffered(
        &self,
        after: Position,
        upto: Position,
        _: u64,
    ) -> BoxFuture<'_, Result<BufferedRange, pga_storage::Error>> {
        let records = self.records.lock().unwrap();
        let pushes = (1u64..)
            .zip(records.iter())
            .filter(|(index, _)| *index > after.index && *index <= upto.index)
            .map(|(index, record)| BufferedPush {
                position: Position::new(1, index),
                record: record.clone(),
                accepted: vec![true; PushRecord::decode(record).unwrap().keys.len()],
            })
            .collect();
        let range = BufferedRange {
            pushes,
            upto,
            held_from: Position::new(1, 1),
        };
        Box::pin(async move { Ok(range) })
    }
}

struct Node {
    context: Arc<Context>,
    log: Arc<VecLog>,
    store: Arc<EmbeddedStore>,
    sessions: SessionsHandle,
    root: ActorRef<RootMsg>,
    _dir: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.root.stop(None);
    }
}

async fn node(flags: &[(&str, &str)]) -> Node {
    let mut values = Values::default();
    values.add_flag("node.id", "1");
    values.add_flag("node.data-dir", "/tmp/pga");
    values.add_flag("store.flush-interval", "5ms");
    for (key, value) in flags {
        values.add_flag(key, value);
    }
    let config = Arc::new(Config::try_from(values).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let id = uuid::Uuid::from_u128(7);
    let store = EmbeddedStore::open(dir.path(), id, EmbeddedOptions::default());
    let store = Arc::new(store.unwrap());
    store.migrate().await.unwrap();
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let log = Arc::new(VecLog::default());
    let replica: Arc<dyn Replica> = Arc::clone(&log) as Arc<dyn Replica>;
    let context = Arc::new(Context {
        node: NodeId::new(1),
        replicator: Arc::new(Replicator::new(
            Arc::clone(&replica),
            &config,
            metrics.clone(),
        )),
        replica,
        store: Arc::clone(&store) as Arc<dyn StoreWriter>,
        metrics: metrics.clone(),
        faults: Faults::default(),
        live: Config::clone(&config).into(),
        config,
    });
    let table = Arc::new(SessionTable::default());
    let args = RootArgs {
        children: vec![sessions(&context, &table), flusher(&context)],
        metrics,
        given_up: watch::channel(None).0,
    };
    let (root, _) = Actor::spawn(None, NodeRoot, args).await.unwrap();
    Node {
        sessions: SessionsHandle::new(table, Duration::from_secs(10)),
        context,
        log,
        store,
        root,
        _dir: dir,
    }
}

fn sessions(context: &Arc<Context>, table: &Arc<SessionTable>) -> ChildSpec {
    let (context, table) = (Arc::clone(context), Arc::clone(table));
    ChildSpec {
        name: "sessions",
        start: Box::new(move |supervisor: ActorCell| {
            let args = SessionsArgs {
                context: Arc::clone(&context),
                table: Arc::clone(&table),
            };
            Box::pin(async move {
                let spawned = Actor::spawn_linked(None, Sessions, args, supervisor).await?;
                Ok(spawned.0.get_cell())
            })
        }),
    }
}

fn flusher(context: &Arc<Context>) -> ChildSpec {
    let context = Arc::clone(context);
    ChildSpec {
        name: "flusher",
        start: Box::new(move |supervisor: ActorCell| {
            let context = Arc::clone(&context);
            Box::pin(async move {
                let spawned = Actor::spawn_linked(None, Flusher, context, supervisor).await?;
                Ok(spawned.0.get_cell())
            })
        }),
    }
}

fn push(collector: &str, series: &str, n: usize) -> AdmittedPush {
    let sample = |i: usize| {
        Element::Sample(Sample {
            name: format!("{series}_{i}"),
            labels: Vec::new(),
            time: Timestamp::from_micros(1_767_225_600_000_000),
            value: 1.0,
            form: SampleForm::from_bits(SampleForm::UNIX_SECONDS),
        })
    };
    let push = Push {
        collector: CollectorId::from_external(collector),
        external_id: collector.to_owned(),
        hostname: "h".to_owned(),
        version: String::new(),
        received_at: Timestamp::default(),
        idempotency: None,
        elements: (0..n).map(sample).collect(),
        body_bytes: 100,
    };
    AdmittedPush {
        push,
        permit: AdmissionPermit::default(),
    }
}

async fn stored(node: &Node, collector: &str) -> usize {
    let query = Elements {
        collector: CollectorId::from_external(collector),
        kind: None,
        from: None,
        to: None,
        order: Default::default(),
        limit: 1_000,
        cursor: None,
    };
    query.ask(&*node.store).await.unwrap().data.len()
}

/// Waits until the store holds everything up to `index`.
async fn flushed(node: &Node, index: u64) {
    let mut flushed = node.context.replica.flushed();
    let reached = flushed.wait_for(|position| position.index >= index);
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_panicking_session_is_counted_and_its_push_is_acknowledged_all_the_same() {
    let node = node(&[]).await;
    node.sessions.push(push("c", "a", 2)).await.unwrap();
    node.context.faults.arm("session");
    let ack = node.sessions.push(push("c", "b", 3)).await.unwrap();
    assert_eq!((ack.accepted, ack.position.index), (3, 2));
    flushed(&node, 2).await;
    assert_eq!(stored(&node, "c").await, 5);
    let restarts = &node.context.metrics.restarts;
    assert_eq!(restarts.with_label_values(&["session"]).get(), 1);
}

/// Of a bucket of 60 elements 20 are left, whoever dies in between.
#[tokio::test]
async fn what_a_collector_has_used_outlives_its_session_() {
    let node = node(&[("limits.max-elements-per-second", "1")]).await;
    let first = node.sessions.push(push("c", "a", 40)).await.unwrap();
    assert_eq!(first.accepted, 40);
    node.context.faults.arm("session");
    let refused = node.sessions.push(push("c", "b", 30)).await.unwrap_err();
    let is_refused = |error: &ApiError| {
        matches!(
            error,
            ApiError::TooMany {
                reason: "elements_rate",
                ..
            }
        )
    };
    assert!(is_refused(&refused), "{refused:?}");
    let restarts = &node.context.metrics.restarts;
    assert_eq!(restarts.with_label_values(&["session"]).get(), 1);
    node.sessions.push(push("c", "c", 15)).await.unwrap();
    let refused = node.sessions.push(push("c", "d", 15)).await.unwrap_err();
    assert!(is_refused(&refused), "{refused:?}");
    node.sessions.push(push("other", "a", 60)).await.unwrap();
}

#[tokio::test]
async fn what_a_push_took_is_free_once_its_outcome_is_known_and_not_before() {
    let node = node(&[("sessions.max-in-flight", "1")]).await;
    let share = Arc::new(Semaphore::new(1));
    let admitted = |series| {
        let admitted = push("c", series, 1);
        let taken = admitted.permit.take_one(&share);
        assert_eq!(taken, Taken::Now, "{series}: still taken");
        admitted
    };
    // A client goes away: its push goes on, and holds what it took.
    node.log.takes.send_replace(false);
    let mut gone = Box::pin(node.sessions.push(admitted("gone")));
    while node.log.flushable.borrow().index == 0 {
        assert!((&mut gone).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(gone);
    assert_eq!(share.available_permits(), 0);
    let busy = node.sessions.push(push("c", "busy", 1)).await.unwrap_err();
    assert!(
        matches!(
            busy,
            ApiError::TooMany {
                reason: "collector_busy",
                ..
            }
        ),
        "{busy:?}"
    );
    node.log.takes.send_replace(true);
    while share.available_permits() == 0 {
        tokio::task::yield_now().await;
    }
    // A session dies with a push in its hands, and the next one answers it.
    node.context.faults.arm("session");
    node.sessions.push(admitted("survives")).await.unwrap();
    node.sessions.push(admitted("last")).await.unwrap();
    assert_eq!(share.available_permits(), 1);
}

#[tokio::test]
async fn a_panicking_flusher_is_counted_and_stores_everything_once() {
    let node = node(&[]).await;
    for round in 0..6 {
        if round % 2 == 0 {
            node.context.faults.arm("flusher");
        }
        let series = format!("s{round}");
        node.sessions.push(push("c", &series, 4)).await.unwrap();
        flushed(&node, round + 1).await;
    }
    assert_eq!(stored(&node, "c").await, 24);
    let restarts = &node.context.metrics.restarts;
    assert_eq!(restarts.with_label_values(&["flusher"]).get(), 3);
}

#[tokio::test]
async fn limits_of_a_collector_and_of_sessions_refuse_before_anything_is_proposed() {
    let node = node(&[
        ("sessions.max", "2"),
        ("limits.max-series-per-collector", "10"),
    ])
    .await;
    node.sessions.push(push("a", "x", 8)).await.unwrap();
    let refused = node.sessions.push(push("a", "y", 3)).await.unwrap_err();
    assert!(
        matches!(
            refused,
            ApiError::TooMany {
                reason: "series_limit",
                ..
            }
        ),
        "{refused:?}"
    );
    node.sessions.push(push("a", "z", 2)).await.unwrap();
    node.sessions.push(push("b", "x", 1)).await.unwrap();
    let refused = node.sessions.push(push("c", "x", 1)).await.unwrap_err();
    assert!(matches!(
        refused,
        ApiError::Unavailable {
            reason: "sessions_full",
            ..
        }
    ));
    assert_eq!(node.context.replica.flushable().borrow().index, 3);
    assert_eq!(node.context.metrics.sessions.get(), 2);
}

#[tokio::test]
async fn a_collector_that_sends_too_much_is_told_when_to_come_back() {
    let node = node(&[
        ("limits.max-elements-per-second", "1"),
        ("limits.max-new-series-per-hour", "100"),
    ])
    .await;
    let reason = |refused: ApiError| match refused {
        ApiError::TooMany {
            reason,
            retry_after,
        } => (reason, retry_after.as_secs_f64().round() as u64),
        other => panic!("{other:?}"),
    };
    // A minute's worth at once, and then one each second.
    node.sessions.push(push("a", "x", 60)).await.unwrap();
    let refused = node.sessions.push(push("a", "x", 10)).await.unwrap_err();
    assert_eq!(reason(refused), ("elements_rate", 10));
    let refused = node.sessions.push(push("a", "y", 50)).await.unwrap_err();
    assert_eq!(reason(refused), ("series_rate", 360));
    node.sessions.push(push("b", "x", 50)).await.unwrap();
    assert_eq!(node.context.replica.flushable().borrow().index, 2);
}

#[tokio::test]
async fn idle_sessions_end_and_open_again() {
    let node = node(&[("sessions.idle-timeout", "50ms"), ("sessions.max", "1")]).await;
    node.sessions.push(push("a", "x", 1)).await.unwrap();
    let ended = async {
        while node.context.metrics.sessions.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .unwrap();
    node.sessions.push(push("b", "x", 1)).await.unwrap();
}
