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
use super::model::{Difference, Key, Row, Sample, differences};

/// Histories of one run; each is another collector's.
const HISTORIES: u32 = 40;
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
    /// Another server answers, whose markers are no older: a part of its identity tells.
    Promotion(usize),
    /// The client does not say which server it is.
    Anonymous,
    /// The client leaves out the standard deviation.
    NoDeviation,
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
        2 => (0usize..3).prop_map(Event::Promotion),
        1 => Just(Event::Anonymous),
        1 => Just(Event::NoDeviation),
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
    calls: BTreeMap<Key, (i64, i64)>,
    has_since: bool,
    /// From which sample on the client tells levels apart, if ever.
    levels_from: Option<i64>,
    identity: [i64; 3],
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
            Event::Promotion(part) => {
                self.identity[*part] += 1;
                for (calls, _) in self.calls.values_mut() {
                    *calls += 5_000;
                }
                // What nobody had run on the server before.
                self.calls.entry((2, None)).or_insert((9_000, time - 1));
            }
            Event::Evict(hash) => self.calls.retain(|(other, _), _| other != hash),
            _ => {}
        }
        let has_levels = self.levels_from.is_some_and(|from| time >= from);
        if has_levels {
            self.split();
        }
        for (hash, calls) in calls.into_iter().enumerate() {
            let level = has_levels.then_some(calls % 3 > 0);
            if calls > 0 {
                let key = (hash as i64, level);
                let entry = self.calls.entry(key).or_insert((0, time - 1));
                entry.0 += calls;
            }
        }
        let mut rows = Vec::new();
        for (key, (calls, since)) in &self.calls {
            let row = self.row(*calls, *since, event);
            if let (Event::Twice(twice), true) = (event, *calls > 4)
                && *twice == key.0
            {
                rows.push((*key, self.row(3, *since, event)));
                rows.push((*key, self.row(calls - 3, *since, event)));
            } else {
                rows.push((*key, row));
            }
        }
        Sample {
            time,
            stats_reset: (!self.has_since).then_some(self.stats_reset),
            server: match event {
                Event::Anonymous | Event::Silence => [None; 3],
                _ => self.identity.map(Some),
            },
            rows,
        }
    }

    /// What was counted under one key belongs to the top level from now on.
    fn split(&mut self) {
        let all = std::mem::take(&mut self.calls);
        let top = all.into_iter().map(|((hash, level), counted)| {
            let level = Some(level.unwrap_or(true));
            ((hash, level), counted)
        });
        self.calls = top.collect();
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
            stddev_time: (!matches!(event, Event::NoDeviation)).then_some(calls as f64 / 8.0),
        }
    }
}

/// A history, and the pushes in which its samples arrive.
fn history() -> impl Strategy<Value = (Vec<Sample>, Vec<Vec<usize>>)> {
    let steps = prop::collection::vec(step(), 1..24);
    let pushes = (any::<bool>(), 1usize..6, any::<u64>());
    let levels = prop_oneof![Just(None), (0i64..4_000).prop_map(|at| Some(BEGIN + at))];
    let server = (any::<bool>(), levels);
    (steps, server, pushes).prop_flat_map(|(steps, server, (is_shuffled, size, _))| {
        let (has_since, levels_from) = server;
        let mut server = Server {
            stats_reset: BEGIN - 100_000,
            calls: BTreeMap::new(),
            has_since,
            levels_from,
            identity: [7_000_000_000_000_000_000, 1, 1],
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
    let row = |((hash, level), row): &(Key, Row)| {
        let mut json = json!({"hash": hash, "calls": row.calls, "total_time": row.total_time});
        if let Some(rows) = row.rows {
            json["rows"] = json!(rows);
        }
        if let Some(since) = row.stats_since {
            json["stats_since"] = json!(since);
        }
        if let Some(level) = level {
            json["toplevel"] = json!(level);
        }
        if let Some(stddev) = row.stddev_time {
            json["stddev_time"] = json!(stddev);
        }
        json
    };
    let rows: Vec<Json> = sample.rows.iter().map(row).collect();
    let mut body = json!({"type": "pg_query_stats", "timestamp": sample.time, "database": "shop",
        "queries": rows});
    if let Some(reset) = sample.stats_reset {
        body["stats_reset"] = json!(reset);
    }
    if let [Some(system), Some(timeline), Some(address)] = sample.server {
        body["system_identifier"] = json!(system);
        body["timeline"] = json!(timeline);
        body["server_address"] = json!(format!("10.0.0.{address}"));
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

/// (time, calls, total time, rows, deviation, gap) of each point.
type Points = Vec<(i64, i64, f64, i64, Option<i64>, bool)>;

/// Calls and coverage of statements.
type Listed = BTreeMap<i64, (f64, f64)>;

/// In thousandths.
fn rounded(deviation: f64) -> i64 {
    (deviation * 1e3).round() as i64
}

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
        .map(|p| {
            let (time, deviation) = (p.time.micros() / 1_000_000, p.stddev_time.map(rounded));
            (time, p.calls, p.total_time, p.rows, deviation, p.gap)
        })
        .collect()
}

/// The points of a statement from the model: those of its levels are added.
fn expected_points(all: &BTreeMap<Key, Vec<Difference>>, hash: i64) -> Points {
    let mut at: BTreeMap<i64, Vec<&Difference>> = BTreeMap::new();
    for (_, differences) in all.iter().filter(|((other, _), _)| *other == hash) {
        for difference in differences {
            at.entry(difference.to).or_default().push(difference);
        }
    }
    let point = |(time, all): (i64, Vec<&Difference>)| {
        let calls: i64 = all.iter().map(|d| d.calls).sum();
        let total: f64 = all.iter().map(|d| d.total_time).sum();
        let squares: Option<f64> = all.iter().map(|d| d.squares).sum();
        let mean = total / calls as f64;
        let variance = squares.map(|squares| squares / calls as f64 - mean * mean);
        let deviation = variance.filter(|variance| *variance >= 0.0).map(f64::sqrt);
        let rows = all.iter().map(|d| d.rows.unwrap_or(0)).sum();
        let is_gap = all.iter().any(|d| d.is_gap);
        (time, calls, total, rows, deviation.map(rounded), is_gap)
    };
    at.into_iter().map(point).collect()
}

/// What the list of the store says of the window.
async fn listed(store: &dyn Store, collector: CollectorId, window: (i64, i64)) -> Listed {
    let query = TopQueries {
        collector,
        database: None,
        order: QueryOrder::Calls,
        from: at(window.0),
        to: at(window.1),
        limit: 100,
        has_texts: true,
    };
    let listed = query.ask(store).await.unwrap();
    let rows = listed.len();
    let listed: Listed = listed
        .iter()
        .map(|q| (q.query_hash, (q.calls as f64, q.coverage.unwrap())))
        .collect();
    assert_eq!(listed.len(), rows, "a statement is one row");
    listed
}

/// The same from the model: each difference is spread over its interval.
fn expected(all: &BTreeMap<Key, Vec<Difference>>, window: (i64, i64)) -> Listed {
    let inside = |d: &Difference| (d.to.min(window.1) - d.from.max(window.0)).max(0) as f64;
    let mut sums = Listed::new();
    for ((hash, _), differences) in all {
        let calls: f64 = differences
            .iter()
            .map(|d| d.calls as f64 * inside(d) / (d.to - d.from) as f64)
            .sum();
        let known = differences.iter().filter(|d| !d.is_gap);
        let covered = known.map(inside).sum::<f64>() / (window.1 - window.0) as f64;
        let sum = sums.entry(*hash).or_default();
        *sum = (sum.0 + calls, sum.1.max(covered));
    }
    sums
}

/// Whether the list has the statements with calls, rounded either way where they end in a half.
fn agree(listed: &Listed, expected: &Listed) -> bool {
    expected
        .iter()
        .all(|(hash, (calls, covered))| match listed.get(hash) {
            Some(found) => {
                (found.0 - calls).abs() <= 0.5 + 1e-6 && (found.1 - covered).abs() < 1e-6
            }
            None => *calls <= 0.5 + 1e-6,
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
        for (hash, _) in want.keys() {
            let want = expected_points(&want, *hash);
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
