//! Tables and indexes: `pg_stats`, `pg_bloat`, `pg_cache`.

use serde_json::{Value, json};

use super::Frame;
use super::numbers::Numbers;

/// Tables of the simulated shop: name, rows, changes per cycle.
pub(super) const TABLES: [(&str, u64, u64); 6] = [
    ("orders", 1_200_000, 430),
    ("order_line", 4_800_000, 1_700),
    ("customer", 90_000, 25),
    ("product", 12_000, 3),
    ("stock", 60_000, 900),
    ("audit", 9_000_000, 2_500),
];

pub(super) fn pg_stats(numbers: Numbers, frame: &Frame<'_>, database: &str) -> Value {
    let counter = |name: &str, rate| numbers.counter(&format!("{database}.{name}"), rate);
    let is_idle = database == "postgres";
    let tables = of_shop(database, |table| table_stats(numbers, frame, table));
    let indexes = of_shop(database, |table| index_stats(numbers, table));
    let scale = if is_idle { 1 } else { 100 };
    json!({
        "type": "pg_stats",
        "timestamp": frame.at,
        "database": database,
        "size_bytes": 7_700_000 * scale + counter("size", 8_192 * scale),
        "connections": numbers.whole(&format!("{database}.connections"), 3, if is_idle { 5 } else { 45 }),
        "blks_hit": counter("hit", 9_000 * scale),
        "blks_read": counter("read", 40 * scale),
        "transactions_committed": counter("committed", 12 * scale),
        "transactions_rolledback": counter("rolledback", scale.div_ceil(10)),
        "tuples_returned": counter("returned", 5_000 * scale),
        "tuples_fetched": counter("fetched", 1_100 * scale),
        "tuples_inserted": counter("inserted", 20 * scale),
        "tuples_updated": counter("updated", 40 * scale),
        "tuples_deleted": counter("deleted", scale),
        "tables": tables,
        "indexes": indexes,
    })
}

/// One value per table; the database `postgres` has none.
fn of_shop(database: &str, value: impl Fn(&(&str, u64, u64)) -> Value) -> Vec<Value> {
    if database == "postgres" {
        return Vec::new();
    }
    TABLES.iter().map(value).collect()
}

fn table_stats(
    numbers: Numbers,
    frame: &Frame<'_>,
    (name, rows, changes): &(&str, u64, u64),
) -> Value {
    let live = rows + numbers.counter(&format!("{name}.live"), *changes);
    json!({
        "schema": "public", "name": name, "live_tuples": live,
        "dead_tuples": numbers.whole(&format!("{name}.dead"), 0, 40_000),
        "modified_since_analyze": numbers.whole(&format!("{name}.modified"), 0, 90_000),
        "size_bytes": live * 120,
        "last_vacuum": "", "last_autovacuum": frame.at,
        "last_analyze": "", "last_autoanalyze": frame.at,
        "vacuum_count": 0, "autovacuum_count": numbers.counter(&format!("{name}.autovacuum"), 1),
    })
}

fn index_stats(numbers: Numbers, (name, rows, changes): &(&str, u64, u64)) -> Value {
    let scans = numbers.counter(&format!("{name}.scans"), changes * 3);
    json!({
        "schema": "public", "name": format!("{name}_pkey"), "table": name, "scans": scans,
        "tuples_read": scans * 2, "tuples_returned": scans, "size_bytes": rows * 22, "status": "USED",
    })
}

pub(super) fn pg_bloat(numbers: Numbers, frame: &Frame<'_>) -> Value {
    frame.by_database("pg_bloat", |database| {
        let tables = of_shop(database, |(name, rows, _)| {
            let dead = numbers.whole(&format!("{name}.dead"), 0, 40_000);
            json!({
                "schema": "public", "table": name, "dead_tuples": dead, "live_tuples": rows,
                "dead_ratio_percent": dead as f64 * 100.0 / (dead + rows) as f64,
                "table_size": format!("{} MB", rows * 120 / 1_048_576), "vacuum_count": 0,
                "autovacuum_count": numbers.counter(&format!("{name}.autovacuum"), 1),
            })
        });
        json!({"table_bloat": tables, "index_bloat": []})
    })
}

pub(super) fn pg_cache(numbers: Numbers, frame: &Frame<'_>) -> Value {
    frame.by_database("pg_cache", |database| {
        let tables = of_shop(database, |(name, _, changes)| {
            let hit = numbers.counter(&format!("{name}.heap_hit"), changes * 50);
            let read = numbers.counter(&format!("{name}.heap_read"), *changes);
            let ratio = hit as f64 * 100.0 / (hit + read).max(1) as f64;
            json!({
                "schema": "public", "table": name, "heap_blks_hit": hit, "heap_blks_read": read,
                "total_heap_blks": hit + read, "heap_cache_hit_ratio": ratio,
                "idx_blks_hit": hit / 2, "idx_blks_read": read / 2,
                "total_idx_blks": hit / 2 + read / 2, "idx_cache_hit_ratio": ratio,
                "toast_blks_hit": 0, "toast_blks_read": 0, "tidx_blks_hit": 0, "tidx_blks_read": 0,
            })
        });
        json!({"table_cache_hit": tables, "index_cache_hit": []})
    })
}
