//! Charts of whole hours are read from sums, which stay true whatever comes late.

use pga_storage::query::{Aggregate, Measure, Point, Question, Series};
use pga_storage::store::catalogue::{TableId, tables_of};
use pga_storage::store::{Retention, Store};
use pga_storage::{Element, Timestamp};
use serde_json::json;

use super::data::{batch, collector, document};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// Begin of a day.
const START: i64 = 20_000 * DAY;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// Every ten minutes from the `from`th on; databases differ, and levels go up and down.
fn samples(from: i64, to: i64) -> Vec<Element> {
    let mut elements = Vec::new();
    for n in from..to {
        for (database, factor) in [("app", 3), ("shop", 5)] {
            elements.push(document(json!({
                "type": "pg_stats", "timestamp": START + n * 600, "database": database,
                "databases": [{ "database": database, "numbackends": n * factor % 17,
                    "transactions_committed": n * n * factor }],
            })));
        }
    }
    elements
}

fn chart(step: i64, from: i64, to: i64, database: Option<&str>) -> Series {
    let mut tables = tables_of("pg_stats").map(TableId::table);
    let table = tables.find(|table| table.name == "metrics_pg_stats_database");
    let measure = |column, aggregate| Measure { column, aggregate };
    Series {
        table: table.unwrap(),
        measures: vec![
            measure("numbackends", Aggregate::Avg),
            measure("numbackends", Aggregate::Min),
            measure("numbackends", Aggregate::Max),
            measure("xact_commit_delta", Aggregate::Sum),
        ],
        collector: collector(),
        database: database.map(str::to_owned),
        from: at(from),
        to: at(to),
        step_micros: step * 1_000_000,
        limit: 10_000,
    }
}

async fn points(store: &dyn Store, series: Series) -> Vec<Point> {
    series.ask(store).await.unwrap()
}

/// The same chart from rows: points of ten minutes, one row each, put together here.
async fn from_rows(store: &dyn Store, series: Series) -> Vec<Point> {
    let step = series.step_micros;
    let fine = Series {
        step_micros: 600_000_000,
        ..series
    };
    let mut all: Vec<Point> = Vec::new();
    for point in points(store, fine).await {
        let begin = Timestamp::from_micros(point.time.micros().div_euclid(step) * step);
        let of = |known: &&mut Point| (known.time, &known.database) == (begin, &point.database);
        let Some(known) = all.iter_mut().find(of) else {
            all.push(Point {
                time: begin,
                ..point
            });
            continue;
        };
        let both = |n: usize, join: fn(f64, f64) -> f64| {
            let values = known.values[n].into_iter().chain(point.values[n]);
            values.reduce(join)
        };
        let values = &point.values;
        let weight = (known.samples as f64, point.samples as f64);
        known.values = vec![
            Some(
                (known.values[0].unwrap() * weight.0 + values[0].unwrap() * weight.1)
                    / (weight.0 + weight.1),
            ),
            both(1, f64::min),
            both(2, f64::max),
            both(3, |a, b| a + b),
        ];
        known.samples += point.samples;
    }
    all.sort_by(|a, b| (a.time, &a.database).cmp(&(b.time, &b.database)));
    all
}

fn same(what: &str, found: &[Point], want: &[Point]) {
    assert_eq!(found.len(), want.len(), "{what}: {found:?}");
    for (found, want) in found.iter().zip(want) {
        let key = |point: &Point| (point.time, point.database.clone(), point.samples);
        assert_eq!(key(found), key(want), "{what}");
        for (a, b) in found.values.iter().zip(&want.values) {
            let is_same = match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
                _ => a == b,
            };
            assert!(is_same, "{what}: {found:?}, wanted {want:?}");
        }
    }
}

async fn flush(store: &dyn Store, elements: Vec<Element>) {
    let after = store.watermark().await.unwrap().position.index;
    let flushed = store.flush(batch(after, after + 1, elements)).await;
    flushed.unwrap();
}

pub(crate) async fn charts_of_hours_are_those_of_their_rows(store: &dyn Store, _other: &dyn Store) {
    // Three days and a half, in batches of every size; hours 30 to 40 come late, and so does one
    // sample of the first hour.
    let end = 84 * 6;
    let (mut from, mut size) = (1, 1);
    while from < end {
        let to = (from + size).min(end);
        let mut elements = samples(from, to);
        elements.retain(|element| !(180..240).contains(&number(element)) && number(element) != 3);
        flush(store, elements).await;
        (from, size) = (to, size % 23 + 2);
    }
    flush(store, samples(180, 240)).await;
    flush(store, samples(3, 4)).await;
    let last = START + end * 600;
    for (name, step, from, to, database) in [
        ("hours", HOUR, START, last, None),
        ("of one database", HOUR, START, last, Some("shop")),
        ("days", DAY, START, last, None),
        (
            "three hours, odd ends",
            3 * HOUR,
            START + 1_234,
            last - 4_321,
            None,
        ),
        ("two days", 2 * DAY, START + HOUR, last - HOUR, Some("app")),
    ] {
        let found = points(store, chart(step, from, to, database)).await;
        let want = from_rows(store, chart(step, from, to, database)).await;
        same(name, &found, &want);
    }
}

fn number(element: &Element) -> i64 {
    (element.time().micros() / 1_000_000 - START) / 600
}

pub(crate) async fn a_chart_of_sealed_hours_reads_no_rows(store: &dyn Store, _other: &dyn Store) {
    flush(store, samples(0, 72 * 6 + 1)).await;
    let month = |step| chart(step, START, START + 72 * HOUR, None);
    let (hours, days) = (
        points(store, month(HOUR)).await,
        points(store, month(DAY)).await,
    );
    assert_eq!((hours.len(), days.len()), (2 * 72, 2 * 3));
    // Without any row the answers are the same: they are of sums alone, which are kept as long as
    // the usual retention has it.
    let retention = Retention::all(at(START)).with("pg_stats", at(START + 400 * DAY));
    assert!(store.drop_old(retention.clone()).await.unwrap() > 0);
    assert_eq!(points(store, month(600)).await, [], "there are no rows");
    same("hours", &points(store, month(HOUR)).await, &hours);
    same("days", &points(store, month(DAY)).await, &days);
    // What comes late for an hour that lost its rows does not take its sums away.
    flush(store, samples(5, 6)).await;
    same("a late row", &points(store, month(HOUR)).await, &hours);
    // And the sums go, too, when nothing is to be left.
    let all = Retention::all(at(START + 400 * DAY));
    assert!(store.drop_old(all).await.unwrap() > 0);
    assert_eq!(points(store, month(HOUR)).await, [], "nothing is left");
}

pub(crate) async fn what_cannot_be_added_as_whole_numbers_is_charted(
    store: &dyn Store,
    _other: &dyn Store,
) {
    let large = i64::MAX - 1_000;
    let element = |n: i64, kind: &str| {
        document(json!({
            "type": kind, "timestamp": START + n * 600, "database": "app", "size_bytes": large,
            "system_identifier": large.to_string(), "wal_bytes": n * 50, "lsn": "0/10",
        }))
    };
    // An hour is sealed with the first row after it.
    for n in 0..9 {
        flush(store, vec![element(n, "pg_stats"), element(n, "pg_wal")]).await;
    }
    let chart = |kind: &str, column, aggregate, step| Series {
        table: tables_of(kind).next().unwrap().table(),
        measures: vec![Measure { column, aggregate }],
        ..chart(step, START, START + 2 * HOUR, None)
    };
    for step in [600, HOUR] {
        let sizes = chart("pg_stats", "database_size", Aggregate::Avg, step);
        for point in points(store, sizes).await {
            assert_eq!(point.values, [Some(large as f64)], "{step}");
        }
        let written = chart("pg_wal", "wal_bytes_delta", Aggregate::Sum, step);
        let written = points(store, written).await;
        let all: f64 = written.iter().filter_map(|point| point.values[0]).sum();
        assert_eq!(all, 400.0, "{step}: {written:?}");
    }
}
