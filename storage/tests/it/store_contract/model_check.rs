//! Random histories in any order of arrival: both stores give the model's answers for every window.

use pga_storage::query::{QueryOrder, Question, Timeline, TopQueries};
use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::store::{FlushBatch, FlushElement, Store};
use pga_storage::{Element, Position, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::data::document;
use super::model::{Difference, Row, Sample, differences};

/// Histories of one run; each is another collector's.
const HISTORIES: u32 = 24;
/// The first sample's time, in seconds.
const BEGIN: i64 = 1_700_000_000;

/// What happens before a sample is taken.
#[derive(Clone, Debug)]
enum Event {
    /// Statements run.
    Work,
    /// Counting begins anew.
    Reset,
    /// Another server answers, which began to count earlier.
    Failover(i64),
    /// A statement leaves the list, to begin anew when it returns.
    Evict(i64),
    /// The database does not answer: all counters are zero.
    Silence,
    /// One statement stands in two rows.
    Twice(i64),
    /// The client leaves out the counter of rows.
    NoRows,
    /// A float falls a little, by rounding.
    Jitter,
}

/// A sample to be taken: seconds since the one before, what happens, and the calls of each
/// statement.
type Step = (i64, Event, [i64; 3]);

fn step() -> impl Strategy<Value = Step> {
    let event = prop_oneof![
        8 => Just(Event::Work),
        1 => Just(Event::Reset),
        1 => (1i64..2_000).prop_map(Event::Failover),
        2 => (0i64..3).prop_map(Event::Evict),
        1 => Just(Event::Silence),
        1 => (0i64..3).prop_map(Event::Twice),
        2 => Just(Event::NoRows),
        1 => Just(Event::Jitter),
    ];
    let seconds = prop_oneof![6 => Just(60i64), 1 => 1i64..300, 1 => 3_600i64..400_000];
    (seconds, event, prop::array::uniform3(0i64..40))
}

/// A server that counts.
#[derive(Debug)]
struct Server {
    stats_reset: i64,
    calls: BTreeMap<i64, (i64, i64)>,
    has_since: bool,
}

impl Server {
    /// Runs statements until `time`, and takes the sample.
    fn sample(&mut self, time: i64, event: &Event, calls: [i64; 3]) -> Sample {
        match event {
            Event::Reset => {
                self.calls.clear();
                self.stats_reset = time - 1;
            }
            Event::Failover(earlier) => {
                self.stats_reset -= earlier;
                for (calls, since) in self.calls.values_mut() {
                    (*calls, *since) = (*calls + 7 * earlier, *since - earlier);
                }
            }
            Event::Evict(hash) => drop(self.calls.remove(hash)),
            _ => {}
        }
        for (hash, calls) in calls.into_iter().enumerate() {
            if calls > 0 {
                let entry = self.calls.entry(hash as i64).or_insert((0, time - 1));
                entry.0 += calls;
            }
        }
        let mut rows = Vec::new();
        for (hash, (calls, since)) in &self.calls {
            let row = self.row(*calls, *since, event);
            if let (Event::Twice(twice), true) = (event, *calls > 4)
                && twice == hash
            {
                rows.push((*hash, self.row(3, *since, event)));
                rows.push((*hash, self.row(calls - 3, *since, event)));
            } else {
                rows.push((*hash, row));
            }
        }
        Sample {
            time,
            stats_reset: (!self.has_since).then_some(self.stats_reset),
            rows,
        }
    }

    fn row(&self, calls: i64, since: i64, event: &Event) -> Row {
        let calls = if matches!(event, Event::Silence) {
            0
        } else {
            calls
        };
        let total = calls as f64 * 2.0;
        Row {
            calls,
            total_time: match event {
                Event::Jitter if calls > 0 => total - 0.5,
                _ => total,
            },
            rows: (!matches!(event, Event::NoRows)).then_some(calls * 3),
            stats_since: self.has_since.then_some(since),
        }
    }
}

/// A history, and the pushes in which its samples arrive.
fn history() -> impl Strategy<Value = (Vec<Sample>, Vec<Vec<usize>>)> {
    let steps = prop::collection::vec(step(), 1..24);
    let pushes = (any::<bool>(), 1usize..6, any::<u64>());
    (steps, any::<bool>(), pushes).prop_flat_map(|(steps, has_since, (is_shuffled, size, _))| {
        let mut server = Server {
            stats_reset: BEGIN - 100_000,
            calls: BTreeMap::new(),
            has_since,
        };
        let mut time = BEGIN;
        let samples: Vec<Sample> = steps
            .iter()
            .map(|(seconds, event, calls)| {
                time += seconds;
                server.sample(time, event, *calls)
            })
            .filter(|sample| !sample.rows.is_empty())
            .collect();
        let order: Vec<usize> = (0..samples.len()).collect();
        let order = if is_shuffled {
            Just(order).prop_shuffle().boxed()
        } else {
            Just(order.into_iter().rev().collect()).boxed()
        };
        let pushes = order.prop_map(move |order: Vec<usize>| {
            order
                .chunks(size)
                .map(<[usize]>::to_vec)
                .collect::<Vec<_>>()
        });
        (Just(samples), pushes)
    })
}

fn element(sample: &Sample) -> Element {
    let row = |(hash, row): &(i64, Row)| {
        let mut json = json!({"hash": hash, "calls": row.calls, "total_time": row.total_time});
        if let Some(rows) = row.rows {
            json["rows"] = json!(rows);
        }
        if let Some(since) = row.stats_since {
            json["stats_since"] = json!(since);
        }
        json
    };
    let rows: Vec<Json> = sample.rows.iter().map(row).collect();
    let mut body = json!({"type": "pg_query_stats", "timestamp": sample.time, "database": "shop",
        "queries": rows});
    if let Some(reset) = sample.stats_reset {
        body["stats_reset"] = json!(reset);
    }
    document(body)
}

async fn flush(store: &dyn Store, collector: CollectorId, elements: Vec<Element>) {
    let after = store.watermark().await.unwrap().position;
    let upto = Position::new(1, after.index + 1);
    let element = |(ordinal, element)| FlushElement {
        collector,
        index: upto.index,
        ordinal: u32::try_from(ordinal).unwrap(),
        received_at: Timestamp::from_micros(0),
        element,
    };
    let elements = elements.into_iter().enumerate().map(element).collect();
    let batch = FlushBatch {
        after,
        upto,
        term: 1,
        elements,
    };
    store.flush(batch).await.unwrap();
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// (time, calls, total time, rows) of each point.
type Points = Vec<(i64, i64, f64, i64)>;

async fn points(store: &dyn Store, collector: CollectorId, query_hash: i64) -> Points {
    let query = Timeline {
        query_hash,
        collector: Some(collector),
        database: None,
        from: at(0),
        to: at(2 * BEGIN),
        limit: 1_000,
    };
    let points = query.ask(store).await.unwrap();
    let point = points.iter();
    point
        .map(|p| (p.time.micros() / 1_000_000, p.calls, p.total_time, p.rows))
        .collect()
}

/// Calls of each statement in the window, as the list of the store says.
async fn listed(store: &dyn Store, collector: CollectorId, window: (i64, i64)) -> Vec<(i64, i64)> {
    let query = TopQueries {
        collector,
        database: None,
        order: QueryOrder::Calls,
        from: at(window.0),
        to: at(window.1),
        limit: 100,
    };
    let listed = query.ask(store).await.unwrap();
    let mut listed: Vec<_> = listed.iter().map(|q| (q.query_hash, q.calls)).collect();
    listed.sort_unstable();
    listed
}

/// The same from the model: each difference is spread over its interval.
fn expected(all: &BTreeMap<i64, Vec<Difference>>, window: (i64, i64)) -> Vec<(i64, f64)> {
    let share = |d: &Difference| {
        let inside = d.to.min(window.1) - d.from.max(window.0);
        d.calls as f64 * inside.max(0) as f64 / (d.to - d.from) as f64
    };
    let calls = |differences: &Vec<Difference>| differences.iter().map(share).sum();
    all.iter().map(|(hash, all)| (*hash, calls(all))).collect()
}

/// Whether the list has the statements with calls, rounded either way where they end in a half.
fn agree(listed: &[(i64, i64)], expected: &[(i64, f64)]) -> bool {
    let listed: BTreeMap<i64, i64> = listed.iter().copied().collect();
    expected.iter().all(|(hash, calls)| {
        let listed = listed.get(hash).copied().unwrap_or_default();
        (listed as f64 - calls).abs() <= 0.5 + 1e-6
    })
}

pub(crate) async fn differences_are_those_of_the_model(store: &dyn Store, _other: &dyn Store) {
    let mut runner = TestRunner::deterministic();
    for n in 0..HISTORIES {
        let (samples, pushes) = history().new_tree(&mut runner).unwrap().current();
        let collector = CollectorId::from_external(&format!("history-{n}"));
        for push in &pushes {
            let elements = push.iter().map(|at| element(&samples[*at])).collect();
            flush(store, collector, elements).await;
        }
        let want = differences(&samples);
        let case = || format!("history {n}\n{samples:#?}\nin pushes {pushes:?}");
        for (hash, want) in &want {
            let want: Points = want
                .iter()
                .map(|d| (d.to, d.calls, d.total_time, d.rows.unwrap_or(0)))
                .collect();
            let got = points(store, collector, *hash).await;
            assert_eq!(got, want, "statement {hash} of {}", case());
        }
        let last = samples.last().map_or(BEGIN, |sample| sample.time);
        let third = (last - BEGIN) / 3;
        for window in [
            (BEGIN, last + 60),
            (BEGIN + third, BEGIN + 2 * third),
            (last - 90, last),
        ] {
            let got = listed(store, collector, window).await;
            let want = expected(&want, window);
            assert!(agree(&got, &want), "{got:?} {want:?} {window:?} {}", case());
        }
    }
}
