use std::sync::Mutex;

use futures::future::BoxFuture;
use pga_cluster::{Committed, Leadership};
use pga_config::{CollectorId, Values};
use pga_storage::{Document, Element, Position, Timestamp};
use tokio::sync::watch;

use pga_storage::PushRecord;
use pga_web::Push;

use super::*;
use crate::replica::BufferedRange;

/// A replica that acknowledges everything, except what `fails` says.
#[derive(Debug, Default)]
struct Fake {
    commands: Mutex<Vec<Command>>,
    pushes: Mutex<Vec<Bytes>>,
    backlog: u64,
    log: u64,
    fails: Option<fn(&Command) -> bool>,
}

const STORED: PushOutcome = PushOutcome::Stored {
    position: Position::new(1, 9),
    accepted: 2,
    repeated: 0,
};

impl Replica for Fake {
    fn push(&self, record: Bytes, _: Instant) -> BoxFuture<'_, Result<PushOutcome, ProposeError>> {
        self.pushes.lock().unwrap().push(record);
        Box::pin(async { Ok(STORED) })
    }

    fn propose(
        &self,
        command: Command,
        _: Instant,
    ) -> BoxFuture<'_, Result<Committed, ProposeError>> {
        let fails = self.fails.is_some_and(|fails| fails(&command));
        self.commands.lock().unwrap().push(command);
        Box::pin(async move {
            if fails {
                return Err(ProposeError::Unknown);
            }
            Ok(Committed {
                position: Position::new(1, 9),
                reply: Reply::Ingested(vec![STORED]),
            })
        })
    }

    fn leadership(&self) -> watch::Receiver<Leadership> {
        watch::channel(Leadership::default()).1
    }

    fn flushable(&self) -> watch::Receiver<Position> {
        watch::channel(Position::default()).1
    }

    fn flushed(&self) -> watch::Receiver<Position> {
        watch::channel(Position::default()).1
    }

    fn set_flushed(&self, _: Position) {}

    fn backlog_bytes(&self) -> u64 {
        self.backlog
    }

    fn log_bytes(&self) -> u64 {
        self.log
    }

    fn known(&self, _: CollectorId) -> (bool, usize) {
        (true, 1)
    }

    fn buffered(
        &self,
        _: Position,
        _: Position,
        _: u64,
    ) -> BoxFuture<'_, Result<BufferedRange, pga_storage::Error>> {
        Box::pin(async { Ok(BufferedRange::default()) })
    }
}

fn replicator(fake: Arc<Fake>, flags: &[(&str, &str)]) -> Replicator {
    let mut values = Values::default();
    values.add_flag("node.id", "1");
    values.add_flag("node.data-dir", "/tmp/pga");
    for (key, value) in flags {
        values.add_flag(key, value);
    }
    let config = Config::try_from(values).unwrap();
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    Replicator::new(fake, &config, metrics)
}

/// A push of `n` elements that do not compress.
fn push(n: usize, element_bytes: usize) -> Arc<AdmittedPush> {
    let elements: Vec<_> = (0..n)
        .map(|_| {
            let body = (0..element_bytes).map(|_| pga_runtime::random()).collect();
            Element::Document(Document {
                kind: "x".into(),
                time: Timestamp::default(),
                database: String::new(),
                body,
            })
        })
        .collect();
    let push = Push {
        collector: CollectorId::from_external("c"),
        external_id: "c".into(),
        hostname: "h".into(),
        version: String::new(),
        received_at: Timestamp::default(),
        idempotency: None,
        body_bytes: (n * element_bytes) as u64,
        elements,
    };
    Arc::new(AdmittedPush {
        push,
        permit: AdmissionPermit::default(),
    })
}

#[tokio::test]
async fn a_small_push_is_one_record() {
    let fake = Arc::new(Fake::default());
    let ack = replicator(Arc::clone(&fake), &[])
        .replicate(push(3, 100))
        .await
        .unwrap();
    assert_eq!((ack.accepted, ack.position), (2, Position::new(1, 9)));
    assert_eq!(fake.pushes.lock().unwrap().len(), 1);
    assert!(fake.commands.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_large_push_is_split_and_the_parts_hold_every_element_once() {
    let fake = Arc::new(Fake::default());
    let push = push(40, 10_000);
    let replicator = replicator(Arc::clone(&fake), &[("replication.split-size", "64KiB")]);
    replicator.replicate(Arc::clone(&push)).await.unwrap();
    let commands = fake.commands.lock().unwrap();
    let mut parts: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::UploadPart { part, record, .. } => Some((*part, record.clone())),
            _ => None,
        })
        .collect();
    parts.sort_by_key(|(part, _)| *part);
    assert!(parts.len() >= 6, "{}", parts.len());
    assert!(parts.iter().all(|(_, record)| record.len() < 100_000));
    let back: Vec<_> = parts
        .iter()
        .flat_map(|(_, record)| PushRecord::decode(record).unwrap().elements().unwrap())
        .collect();
    assert_eq!(back, push.push.elements);
    assert!(matches!(
        commands.last(),
        Some(Command::CommitUpload { parts: n, .. }) if *n as usize == parts.len()
    ));
}

#[tokio::test]
async fn an_upload_that_fails_is_aborted() {
    let fake = Arc::new(Fake {
        fails: Some(|command| matches!(command, Command::UploadPart { part: 1, .. })),
        ..Fake::default()
    });
    let replicator = replicator(Arc::clone(&fake), &[("replication.split-size", "64KiB")]);
    let refused = replicator.replicate(push(40, 10_000)).await.unwrap_err();
    assert!(matches!(
        refused,
        ApiError::Unavailable {
            reason: "outcome_unknown",
            ..
        }
    ));
    let has_abort = || {
        let commands = fake.commands.lock().unwrap();
        assert!(
            !commands
                .iter()
                .any(|c| matches!(c, Command::CommitUpload { .. }))
        );
        commands
            .iter()
            .any(|c| matches!(c, Command::AbortUpload { .. }))
    };
    while !has_abort() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_buffer_or_log_refuses_before_anything_is_proposed() {
    for (name, backlog, log, limit) in [
        ("buffer_full", 2 << 20, 0, ("buffer.max-size", "1MiB")),
        ("log_full", 0, 129 << 20, ("log.max-size", "128MiB")),
    ] {
        let fake = Arc::new(Fake {
            backlog,
            log,
            ..Fake::default()
        });
        let replicator = replicator(Arc::clone(&fake), &[limit]);
        let refused = replicator.replicate(push(1, 10)).await.unwrap_err();
        let ApiError::Unavailable { reason, .. } = refused else {
            panic!("{name}: {refused:?}")
        };
        assert_eq!(reason, name);
        assert!(fake.pushes.lock().unwrap().is_empty(), "{name}");
        let refusals = &replicator.metrics.refusals;
        assert_eq!(refusals.with_label_values(&[name]).get(), 1, "{name}");
    }
}
