//! Statements: `pg_query_stats`.

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::Frame;
use super::numbers::Numbers;

/// A statement as `pg_stat_statements` shows it, and how it behaves.
struct Statement {
    text: &'static str,
    calls_per_cycle: u64,
    mean_ms: f64,
    rows_per_call: u64,
}

const fn statement(
    text: &'static str,
    calls_per_cycle: u64,
    mean_ms: f64,
    rows_per_call: u64,
) -> Statement {
    Statement {
        text,
        calls_per_cycle,
        mean_ms,
        rows_per_call,
    }
}

const STATEMENTS: [Statement; 12] = [
    statement("SELECT * FROM orders WHERE id = $1", 4_200, 0.22, 1),
    statement(
        "SELECT l.* FROM order_line l WHERE l.order_id = $1 ORDER BY l.position",
        4_100,
        0.61,
        6,
    ),
    statement(
        "INSERT INTO orders (customer_id, total, note) VALUES ($1, $2, $3) RETURNING id",
        410,
        0.94,
        1,
    ),
    statement(
        "INSERT INTO order_line (order_id, product_id, quantity) VALUES ($1, $2, $3)",
        1_650,
        0.31,
        1,
    ),
    statement(
        "UPDATE stock SET on_hand = on_hand - $1 WHERE product_id = $2",
        1_640,
        0.44,
        1,
    ),
    statement(
        "SELECT c.id, c.email FROM customer c WHERE lower(c.email) = lower($1)",
        310,
        1.8,
        1,
    ),
    statement(
        "UPDATE customer SET last_seen = now() WHERE id = $1",
        300,
        0.5,
        1,
    ),
    statement(
        "INSERT INTO audit (actor, action, detail) VALUES ($1, $2, $3)",
        2_400,
        0.27,
        1,
    ),
    statement(
        "SELECT p.id, p.name, s.on_hand FROM product p JOIN stock s ON s.product_id = p.id WHERE p.category = $1",
        520,
        7.4,
        50,
    ),
    statement(
        "SELECT date_trunc($1, created), sum(total) FROM orders WHERE created > now() - $2::interval GROUP BY 1",
        4,
        910.0,
        24,
    ),
    statement(
        "DELETE FROM audit WHERE created < now() - $1::interval",
        1,
        1_450.0,
        2_100,
    ),
    statement("SELECT count(*) FROM orders WHERE status = $1", 12, 88.0, 1),
];

pub(super) fn pg_query_stats(numbers: Numbers, frame: &Frame<'_>, database: &str) -> Value {
    let query = |statement| query(numbers, database, statement);
    let queries: Vec<Value> = STATEMENTS.iter().map(query).collect();
    json!({
        "type": "pg_query_stats", "timestamp": frame.at, "database": database, "queries": queries,
    })
}

fn query(numbers: Numbers, database: &str, statement: &Statement) -> Value {
    let text = statement.text;
    let mean = statement.mean_ms;
    let calls = numbers.counter(&format!("{database}.{text}"), statement.calls_per_cycle);
    json!({
        "hash": xxh3_64(text.as_bytes()).cast_signed(), "text": text, "calls": calls,
        "total_time": calls as f64 * mean, "mean_time": mean,
        "min_time": mean * 0.1, "max_time": mean * 40.0, "stddev_time": mean * 0.7,
        "rows": calls * statement.rows_per_call,
        "shared_blks_hit": calls * 3, "shared_blks_read": calls / 50,
        "shared_blks_dirtied": calls / 20, "shared_blks_written": calls / 200,
        "local_blks_hit": 0, "local_blks_read": 0, "local_blks_dirtied": 0, "local_blks_written": 0,
        "temp_blks_read": 0, "temp_blks_written": 0,
        "blk_read_time": calls as f64 * 0.003, "blk_write_time": 0.0,
        "wal_records": calls / 4, "wal_fpi": calls / 400, "wal_bytes": calls * 31,
    })
}
