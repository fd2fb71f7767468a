//! A server with a statement that lacks an index since its plan changed, and one that can be
//! rewritten.

use pga_chaos_tests::Cluster;
use serde_json::{Value, json};

use super::times::ago;
use crate::bodies::position;

/// Rows of a table that takes a while to read.
const ROWS: u64 = 1_000_000;
const SLOW: &str = "SELECT * FROM lines WHERE order_id = $1";
const REWRITABLE: &str =
    "SELECT id FROM lines WHERE (SELECT count(*) FROM orders o WHERE o.id = order_id) > 0";

/// Counters of the two statements after so many minutes of 100 calls a minute: of the first, calls
/// take `before` milliseconds each for 30 minutes, and then `after`.
fn statements(minute: i64, last: i64, (before, after): (i64, i64)) -> Value {
    let calls = minute * 100;
    let slow = minute.min(30) * 100 * before + (minute - 30).max(0) * 100 * after;
    // Calls lie 5 ms off the mean of their half; the halves' means lie apart by so much.
    let late = (minute - 30).max(0) as f64 / minute.max(1) as f64;
    let apart = late * (1.0 - late) * ((after - before) as f64).powi(2);
    let row = |hash: i64, text: &str, total: i64, apart: f64| {
        json!({ "hash": hash, "text": text, "calls": calls, "total_time": total, "rows": calls,
            "mean_time": total as f64 / calls.max(1) as f64, "min_time": 1.0, "max_time": 90.0,
            "stddev_time": (25.0 + apart).sqrt(), "shared_blks_hit": calls * 10,
            "shared_blks_read": calls })
    };
    json!({ "type": "pg_query_stats", "timestamp": ago((last - minute) * 60), "database": "shop",
        "queries": [row(-7, SLOW, slow, apart), row(9, REWRITABLE, calls * 3, 0.0)] })
}

/// A table of a million rows without an index on what it is asked for.
fn inventory() -> Vec<Value> {
    let at = ago(5);
    let column = |name: &str, number: u32, distinct: f64| {
        json!({ "schemaname": "public", "relname": "lines", "attname": name, "attnum": number,
            "type": "integer", "is_not_null": true, "null_frac": 0.0, "avg_width": 4,
            "n_distinct": distinct, "correlation": 0.1 })
    };
    let table = json!({ "schemaname": "public", "relname": "lines", "relkind": "r",
        "reltuples": ROWS, "relpages": 22_000, "relallvisible": 22_000, "n_tup_ins": 0 });
    let index = json!({ "class": "index", "schemaname": "public", "relname": "lines",
        "name": "lines_pkey", "kind": "btree", "columns": ["id"], "include": [],
        "definition": "CREATE UNIQUE INDEX lines_pkey ON public.lines USING btree (id)" });
    let element = |kind: &str, rows: Vec<Value>| {
        json!({ "type": kind, "timestamp": at, "database": "shop", "changed_only": false,
            "rows": rows })
    };
    vec![
        element("pg_table", vec![table]),
        element(
            "pg_column",
            vec![column("id", 1, -1.0), column("order_id", 2, -0.5)],
        ),
        element("pg_schema_object", vec![index]),
    ]
}

/// A plan of a statement that ran, so many minutes ago.
fn plan(hash: i64, minutes: i64, node: Value) -> Value {
    json!({ "type": "explain_plan", "timestamp": ago(minutes * 60), "database": "shop",
        "query_hash": hash, "plan_json": { "Plan": node }, "plan_text": null,
        "source": "auto_explain" })
}

/// Both statements have another plan since half an hour: the one that is slower since then has
/// lost its index, the other one takes what it took.
fn plans() -> Vec<Value> {
    let scan = |kind: &str, index: Option<&str>| {
        json!({ "Node Type": kind, "Relation Name": "lines", "Alias": "lines",
            "Index Name": index, "Startup Cost": 0.4, "Total Cost": 8.4, "Plan Rows": 1,
            "Plan Width": 8, "Filter": "(order_id = $1)" })
    };
    vec![
        plan(-7, 50, scan("Index Scan", Some("lines_order_id_idx"))),
        plan(-7, 40, scan("Index Scan", Some("lines_order_id_idx"))),
        plan(-7, 29, scan("Seq Scan", None)),
        plan(9, 50, scan("Index Scan", Some("lines_pkey"))),
        plan(9, 29, scan("Bitmap Heap Scan", None)),
    ]
}

/// A server with a statement that lacks an index since its plan changed, and one that can be
/// rewritten.
pub(crate) async fn feed(cluster: &Cluster) -> anyhow::Result<()> {
    let mut metrics: Vec<Value> = (0..=60)
        .map(|minute| statements(minute, 60, (20, 62)))
        .collect();
    metrics.extend(inventory());
    metrics.extend(plans());
    let push = json!({ "collector_id": "db-1", "hostname": "db-1", "version": "3.0.0",
        "timestamp": ago(0), "metrics_count": metrics.len(), "metrics": metrics });
    let answer = cluster.push_ok(1, push.to_string()).await?;
    let position = position(&answer)?;
    for node in cluster.ids() {
        cluster.elements(node, "db-1", Some(&position)).await?;
    }
    Ok(())
}
