//! How long the list of top queries takes over a day of 1,000 statements a minute: `cargo run
//! --release -p pga-storage --example top_queries [URL of an empty TimescaleDB]`; without a URL in
//! the embedded store. Prints milliseconds: the median, the 99th percentile and the longest.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use pga_config::{CollectorId, NodeId};
use pga_storage::query::{QueryOrder, Question, TopQueries};
use pga_storage::store::{
    EmbeddedOptions, EmbeddedStore, FlushBatch, FlushElement, Store, StoreOwner, TimescaleOptions,
    TimescaleStore,
};
use pga_storage::{Document, Element, Position, Timestamp};
use serde_json::json;
use uuid::Uuid;

const STATEMENTS: i64 = 1_000;
const MINUTES: i64 = 24 * 60;
const ASKED: usize = 200;
const BEGIN_SECONDS: i64 = 1_772_352_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("top-queries-{}", std::process::id()));
    let store: Arc<dyn Store> = match std::env::args().nth(1) {
        Some(url) => {
            let options = TimescaleOptions::new(&url, StoreOwner::new(1), NodeId::new(1))?;
            Arc::new(TimescaleStore::connect(options)?)
        }
        None => Arc::new(EmbeddedStore::open(
            &dir,
            Uuid::nil(),
            EmbeddedOptions::default(),
        )?),
    };
    store.migrate().await?;
    store.fence(1).await?;
    let collector = CollectorId::from_external("db-1");
    for minute in 0..=MINUTES {
        store.flush(batch(collector, minute)).await?;
    }
    let mut taken = Vec::with_capacity(ASKED);
    for n in 0..ASKED {
        // The window's ends move through five minutes, and with them how many rows are read.
        let end = BEGIN_SECONDS + MINUTES * 60 - n as i64 % 300;
        let query = TopQueries {
            collector,
            database: None,
            order: QueryOrder::Total,
            from: Timestamp::from_micros((end - 86_400) * 1_000_000),
            to: Timestamp::from_micros(end * 1_000_000),
            limit: 20,
            has_texts: true,
        };
        let begun = pga_runtime::now();
        let found = query.ask(&*store).await?;
        taken.push(begun.elapsed().as_secs_f64() * 1e3);
        if found.len() != 20 {
            return Err("not twenty statements".into());
        }
    }
    taken.sort_by(f64::total_cmp);
    let part = |of: f64| taken.get((taken.len() as f64 * of) as usize).copied();
    let figures = [part(0.5), part(0.99), taken.last().copied()].map(Option::unwrap_or_default);
    writeln!(std::io::stdout(), "{figures:.2?} ms")?;
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

/// What a server sends in one minute.
fn batch(collector: CollectorId, minute: i64) -> FlushBatch {
    let index = minute.unsigned_abs();
    let seconds = BEGIN_SECONDS + minute * 60;
    let statement = |hash: i64| {
        let calls = (minute + 1) * (1 + hash % 50);
        json!({"hash": hash, "text": format!("SELECT {hash} FROM orders WHERE id = $1"),
            "calls": calls, "total_time": calls as f64 * (0.1 + hash as f64 / 100.0),
            "mean_time": 1.0, "min_time": 0.1, "max_time": 9.0, "stddev_time": 0.5,
            "rows": calls * 2, "shared_blks_hit": calls * 3, "shared_blks_read": calls,
            "wal_records": calls, "wal_fpi": 0, "wal_bytes": calls * 4})
    };
    let queries: Vec<_> = (1..=STATEMENTS).map(statement).collect();
    let body = json!({"type": "pg_query_stats", "timestamp": seconds, "database": "shop",
        "queries": queries});
    let time = Timestamp::from_micros(seconds * 1_000_000);
    let element = FlushElement {
        collector,
        index: index + 1,
        ordinal: 0,
        received_at: time,
        element: Element::Document(Document {
            kind: "pg_query_stats".to_owned(),
            time,
            database: "shop".to_owned(),
            body: body.to_string().into_bytes(),
        }),
    };
    FlushBatch {
        after: Position::new(u64::from(index > 0), index),
        upto: Position::new(1, index + 1),
        term: 1,
        elements: vec![element],
    }
}
