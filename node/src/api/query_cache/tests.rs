use std::sync::atomic::{AtomicI64, Ordering};

use pga_cluster::{Command, ProposalId, StateLimits};
use pga_storage::query::Select;
use pga_storage::store::catalogue::ColumnType;
use pga_storage::{Element, PushRecord, Sample, SampleForm};

use super::*;

/// A store whose answers are 1, 2, 3 …
#[derive(Debug, Default)]
struct Counting(AtomicI64);

impl ReadStore for Counting {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, pga_storage::Result<Vec<Vec<Row>>>> {
        let next = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let rows = reads.iter().map(|_| vec![Row::new(vec![Value::Int(next)])]);
        let rows = rows.collect();
        Box::pin(async move { Ok(rows) })
    }
}

fn push(state: &mut State, collector: CollectorId, index: u64) {
    let head = PushRecord {
        collector,
        external_id: collector.to_string(),
        hostname: String::new(),
        version: String::new(),
        received_at: Timestamp::from_micros(index.cast_signed()),
        idempotency: None,
        keys: Vec::new(),
        elements: bytes::Bytes::new(),
    };
    let sample = Element::Sample(Sample {
        name: "s".to_owned(),
        labels: Vec::new(),
        time: Timestamp::from_micros(index.cast_signed()),
        value: 1.0,
        form: SampleForm::from_bits(SampleForm::UNIX_SECONDS),
    });
    let record = PushRecord::with_elements(head, &[sample]).encode();
    let command = Command::Ingest(vec![record.into()]);
    state.apply(Position::new(1, index), ProposalId(index.into()), &command);
}

async fn ask(store: &dyn ReadStore, text: &str) -> i64 {
    let select = Select::new(text, vec![ColumnType::Bigint]);
    let rows = store.read(vec![Read::Select(select)]).await.unwrap();
    match rows[0][0].values() {
        [Value::Int(answer)] => *answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_is_kept_until_the_store_has_something_newer_of_its_collector() {
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    let cache = QueryCache::new(1 << 20, None, metrics).unwrap();
    let inner: Arc<dyn ReadStore> = Arc::new(Counting::default());
    let [ours, other] = ["a", "b"].map(CollectorId::from_external);
    let mut state = State::new(StateLimits::default());
    push(&mut state, ours, 1);
    let at = |state: &State, index| {
        cache.store(Arc::clone(&inner), ours, state, Position::new(1, index))
    };
    // The store does not hold the push yet: nothing is kept of what it says.
    assert_eq!(ask(&*at(&state, 0), "q").await, 1);
    assert_eq!(ask(&*at(&state, 1), "q").await, 2);
    assert_eq!(ask(&*at(&state, 1), "q").await, 2);
    assert_eq!(ask(&*at(&state, 1), "another").await, 3);
    // Of another collector: the answer still holds.
    push(&mut state, other, 2);
    assert_eq!(ask(&*at(&state, 2), "q").await, 2);
    // Of this one: it is asked at once, and kept when the store has it.
    push(&mut state, ours, 3);
    assert_eq!(ask(&*at(&state, 2), "q").await, 4);
    assert_eq!(ask(&*at(&state, 3), "q").await, 5);
    assert_eq!(ask(&*at(&state, 3), "q").await, 5);
    // What the cluster found may be about this one, too.
    push(&mut state, CollectorId::FINDINGS, 4);
    assert_eq!(ask(&*at(&state, 4), "q").await, 6);
    let figures = cache.figures().await;
    assert_eq!((figures.hits, figures.misses), (3, 4));
}

#[tokio::test]
async fn what_has_no_room_goes_and_a_cache_of_nothing_is_none() {
    let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
    assert!(QueryCache::new(0, None, metrics.clone()).is_none());
    let cache = QueryCache::new(200, None, metrics).unwrap();
    let inner: Arc<dyn ReadStore> = Arc::new(Counting::default());
    let ours = CollectorId::from_external("a");
    let mut state = State::new(StateLimits::default());
    push(&mut state, ours, 1);
    let store = cache.store(inner, ours, &state, Position::new(1, 1));
    for n in 0..50 {
        ask(&*store, &n.to_string()).await;
    }
    let figures = cache.figures().await;
    assert!(
        figures.bytes <= 200 && figures.evictions >= 40,
        "{figures:?}"
    );
}
