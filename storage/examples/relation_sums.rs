//! What it takes to sum an hour of lists of tables: `cargo run --release --example relation_sums
//! [tables] [share that changes, in percent]`. Prints how long flushes of one list take, and the
//! one that seals the hour.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use pga_config::CollectorId;
use pga_storage::store::{EmbeddedOptions, EmbeddedStore, FlushBatch, FlushElement, StoreWriter};
use pga_storage::{Document, Element, Position, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const HOURS: u64 = 5;
const MINUTES: u64 = 60 * HOURS;
/// Begin of a day.
const START: i64 = 20_000 * 86_400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = |n: usize, usual: u64| -> Result<u64, std::num::ParseIntError> {
        std::env::args()
            .nth(n)
            .map_or(Ok(usual), |text| text.parse())
    };
    let (tables, percent) = (argument(1, 2_000)?, argument(2, 10)?);
    let dir = std::env::temp_dir().join(format!("relation-sums-{}", std::process::id()));
    let store = EmbeddedStore::open(&dir, Uuid::nil(), EmbeddedOptions::default())?;
    let (mut plain, mut sealing) = (Vec::new(), Vec::new());
    for minute in 0..=MINUTES {
        let batch = FlushBatch {
            after: Position::new(1, minute),
            upto: Position::new(1, minute + 1),
            term: 1,
            elements: vec![list(minute, tables, percent)],
        };
        let batch = match minute {
            0 => FlushBatch {
                after: Position::default(),
                ..batch
            },
            _ => batch,
        };
        let begun = pga_runtime::now();
        store.flush(batch).await?;
        let took = begun.elapsed();
        match minute > 0 && minute % 60 == 0 {
            true => sealing.push(took),
            false => plain.push(took),
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let bytes = store.size_bytes().await?;
    writeln!(
        std::io::stdout().lock(),
        "{tables} tables, {percent} % change each minute: a flush {:.2?}, one that seals an hour {:.2?} (medians of {} and {}); {} KiB of store for {HOURS} hours",
        median(&mut plain),
        median(&mut sealing),
        plain.len(),
        sealing.len(),
        bytes / 1024,
    )?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// The list of a minute: what changed, and all once an hour.
fn list(minute: u64, tables: u64, percent: u64) -> FlushElement {
    let is_whole = minute % 60 == 1;
    let is_told = |table: &u64| is_whole || (table + minute * 7) % 100 < percent;
    let rows: Vec<Value> = (0..tables)
        .filter(is_told)
        .map(|n| row(n, minute))
        .collect();
    let time = Timestamp::from_micros((START + minute as i64 * 60) * 1_000_000);
    let body = json!({ "type": "pg_table", "timestamp": time.to_string(), "database": "app",
        "changed_only": !is_whole, "rows": rows });
    FlushElement {
        collector: CollectorId::from_external("collector"),
        index: minute + 1,
        ordinal: 0,
        received_at: time,
        element: Element::Document(Document {
            kind: "pg_table".to_owned(),
            time,
            database: "app".to_owned(),
            body: body.to_string().into_bytes(),
        }),
    }
}

fn row(table: u64, minute: u64) -> Value {
    let n = table * 1_000 + minute * (table % 13 + 1);
    json!({
        "relid": 16_384 + table, "schemaname": "public", "relname": format!("table_{table}"),
        "seq_scan": n, "seq_tup_read": n * 90, "idx_scan": n * 3, "idx_tup_fetch": n * 4,
        "n_tup_ins": n, "n_tup_upd": n / 2, "n_tup_del": n / 9, "n_tup_hot_upd": n / 3,
        "n_tup_newpage_upd": n / 11, "n_live_tup": 5_000 + n, "n_dead_tup": n % 700,
        "n_mod_since_analyze": n % 900, "n_ins_since_vacuum": n % 950,
        "vacuum_count": 0, "autovacuum_count": n / 5_000, "analyze_count": 0,
        "autoanalyze_count": n / 4_000, "heap_blks_read": n / 7, "heap_blks_hit": n * 12,
        "idx_blks_read": n / 8, "idx_blks_hit": n * 9, "toast_blks_read": Value::Null,
        "toast_blks_hit": Value::Null, "reltuples": 5_000.0, "relpages": 88, "relallvisible": 80,
        "xid_age": 100 + minute, "mxid_age": 3, "relkind": "r", "relpersistence": "p",
        "relispartition": false, "last_autovacuum": "2026-11-30T18:00:00Z",
    })
}
