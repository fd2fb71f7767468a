//! What tables and indexes did is the same from sums as from lists, whatever comes late.

use std::collections::BTreeMap;

use pga_storage::query::{Activity, Question, RelationActivity};
use pga_storage::store::relation_sums::RelationSums;
use pga_storage::store::{Retention, Store};
use pga_storage::{Element, Timestamp};
use serde_json::json;

use super::data::{batch, collector, document};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// Begin of a day.
const START: i64 = 20_000 * DAY;
const STEP: i64 = 600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// What a table has counted: it is reset before the 200th list, and idle in between.
fn scans(n: i64, relation: i64) -> i64 {
    let begun = if n >= 200 { 200 } else { 0 };
    (n - begun) / (relation + 1) * (relation + 2)
}

fn counted(n: i64, relation: i64) -> (i64, i64) {
    (scans(n, relation), 1_000 + 7 * n)
}

/// The `n`th list: what changed since the one before, and all once an hour.
fn list(n: i64) -> Element {
    let is_whole = n % 6 == 1;
    let changed =
        |relation: &i64| is_whole || n == 0 || counted(n, *relation) != counted(n - 1, *relation);
    let relations = (0..5).filter(changed);
    let rows = relations.map(|relation| {
        let (seq_scan, total) = counted(n, relation);
        let mut row = json!({ "relid": relation, "schemaname": "public", "relname": format!("t{relation}"),
            "seq_scan": seq_scan });
        if relation == 2 {
            row["total_vacuum_time"] = json!(total as f64 / 4.0);
        }
        row
    });
    document(
        json!({ "type": "pg_table", "timestamp": START + n * STEP, "database": "app",
        "changed_only": !is_whole, "rows": rows.collect::<Vec<_>>() }),
    )
}

async fn flush(store: &dyn Store, elements: Vec<Element>) {
    let after = store.watermark().await.unwrap().position.index;
    let flushed = store.flush(batch(after, after + 1, elements)).await;
    flushed.unwrap();
}

async fn asked(store: &dyn Store, from: i64, to: i64, step: Option<i64>) -> Activity {
    question(from, to, step).ask(store).await.unwrap()
}

fn question(from: i64, to: i64, step: Option<i64>) -> RelationActivity {
    RelationActivity {
        of: RelationSums::of("pg_table").unwrap(),
        collector: collector(),
        database: None,
        relation: None,
        from: at(from),
        to: at(to),
        step,
        is_sealed_only: false,
    }
}

type Counts = BTreeMap<(i64, i64), (f64, Option<f64>)>;

fn counts(activity: &Activity) -> Counts {
    let of = RelationSums::of("pg_table").unwrap();
    let place = |name: &str| of.counters.iter().position(|counter| *counter == name);
    let (scans, vacuum) = (place("seq_scan"), place("total_vacuum_time"));
    let rows = activity.relations.iter();
    rows.map(|row| {
        let sums = (
            row.sums[scans.unwrap()].unwrap_or_default(),
            row.sums[vacuum.unwrap()],
        );
        ((row.span, row.id), sums)
    })
    .collect()
}

/// The same from the numbers that the lists were made of.
fn want(from: i64, to: i64, step: Option<i64>, last: i64) -> Counts {
    let mut all = Counts::new();
    for n in 1..=last {
        let time = START + n * STEP;
        for relation in (0..5).filter(|_| (from..to).contains(&time)) {
            let (before, now) = (counted(n - 1, relation), counted(n, relation));
            let scanned = if now.0 < before.0 {
                now.0
            } else {
                now.0 - before.0
            };
            // Everything of a table begins anew at once, as PostgreSQL resets it.
            let vacuumed = if now.0 < before.0 {
                now.1
            } else {
                now.1 - before.1
            };
            if scanned == 0 && relation != 2 {
                continue;
            }
            let span = step.map_or(0, |step| time.div_euclid(step));
            let of = all.entry((span, relation)).or_default();
            of.0 += scanned as f64;
            if relation == 2 {
                *of.1.get_or_insert(0.0) += vacuumed as f64 / 4.0;
            }
        }
    }
    all
}

pub(crate) async fn what_relations_did_is_summed(store: &dyn Store, _other: &dyn Store) {
    // Batches of every size; hours 10 and 11 come late, and so does one list of the first hour.
    let last = 60 * 6;
    let is_late = |n: &i64| (60..72).contains(n) || *n == 3;
    let (mut from, mut size) = (0, 1);
    while from <= last {
        let to = (from + size).min(last + 1);
        flush(
            store,
            (from..to).filter(|n| !is_late(n)).map(list).collect(),
        )
        .await;
        (from, size) = (to, size % 23 + 2);
    }
    flush(store, (60..72).map(list).collect()).await;
    flush(store, vec![list(3)]).await;
    let end = START + last * STEP + 1;
    for (name, from, to, step) in [
        ("all", START, end, None),
        ("hours", START, end, Some(HOUR)),
        ("days", START, end, Some(DAY)),
        ("odd ends", START + 4_321, end - 8_765, Some(HOUR)),
        ("within an hour", START + 3_900, START + 6_900, None),
        ("nothing", START - DAY, START, None),
    ] {
        let found = asked(store, from, to, step).await;
        assert_eq!(counts(&found), want(from, to, step, last), "{name}");
        assert_eq!(found.from, at(from), "{name}");
    }
    // The last list began an hour that is not over.
    let sealed = RelationActivity {
        is_sealed_only: true,
        ..question(START + 4_321, end, None)
    };
    let sealed = sealed.ask(store).await.unwrap();
    let hours = want(START + 2 * HOUR, START + 60 * HOUR, None, last);
    assert_eq!(counts(&sealed), hours);
    let found = asked(store, START, end, None).await;
    let first = found.relations.first().unwrap();
    let names = first.names.iter().flatten().map(String::as_str);
    let names: Vec<&str> = names.collect();
    assert_eq!(
        (first.database.as_str(), first.id, names),
        ("app", 0, vec!["public", "t0"])
    );
}

pub(crate) async fn sums_of_relations_outlive_their_lists(store: &dyn Store, _other: &dyn Store) {
    let last = 72 * 6;
    flush(store, (0..=last).map(list).collect()).await;
    let end = START + 72 * HOUR;
    let before = asked(store, START, end, Some(DAY)).await;
    assert_eq!(counts(&before), want(START, end, Some(DAY), last));
    // Without any list the answer is the same.
    let retention = Retention::all(at(START)).with("pg_table", at(START + 400 * DAY));
    assert!(store.drop_old(retention).await.unwrap() > 0);
    assert_eq!(asked(store, START, end, Some(DAY)).await, before);
    // A list that comes late for an hour that lost its own does not take its sums away.
    flush(store, vec![list(5)]).await;
    assert_eq!(asked(store, START, end, Some(DAY)).await, before);
    let all = Retention::all(at(START + 400 * DAY));
    assert!(store.drop_old(all).await.unwrap() > 0);
    assert_eq!(asked(store, START, end, Some(DAY)).await.relations, []);
}

pub(crate) async fn lists_of_any_shape_are_stored(store: &dyn Store, _other: &dyn Store) {
    let row = |n: i64| {
        json!({ "relid": 1, "relname": [1], "seq_scan": i64::MAX - 100 + n,
        "total_vacuum_time": 1.7e308, "n_tup_ins": "1", "heap_blks_hit": n % 2 * i64::MAX })
    };
    for n in 0..60 {
        let rows = [
            json!([row(n)]),
            json!("none"),
            json!([null, 7, { "relid": "x" }]),
        ];
        let lists = rows.map(|rows| {
            document(json!({ "type": "pg_table", "timestamp": START + n * STEP, "database": 3, "rows": rows }))
        });
        flush(store, lists.to_vec()).await;
    }
    let found = asked(store, START, START + 10 * HOUR, None).await;
    assert_eq!(found.relations.len(), 1, "{found:?}");
}
