//! A fleet whose statements, tables and sessions are made up, and the same in every run.

use pga_config::CollectorId;
use serde_json::{Value, json};

/// Seconds from one sample of statements to the next.
pub(crate) const STEP: i64 = 300;
/// Tables of each server.
const TABLES: i64 = 200;
const DATABASE: &str = "shop";
const USER: &str = "app";

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    pub(crate) servers: i64,
    pub(crate) statements: i64,
    pub(crate) days: i64,
}

/// What a statement does in one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) calls: f64,
    pub(crate) ms: f64,
    pub(crate) rows: f64,
    pub(crate) hits: f64,
    pub(crate) reads: f64,
}

/// A number from 0 to 1 that looks random.
fn noise(statement: i64, step: i64) -> f64 {
    let mut mixed = statement.wrapping_mul(0x9e37_79b9).wrapping_add(step) as u64;
    mixed ^= mixed >> 30;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 27;
    mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

impl Fleet {
    /// The name of a server's collector.
    pub(crate) fn name(server: i64) -> String {
        format!("bench-{server}")
    }

    /// All collectors.
    pub(crate) fn collectors(self) -> impl Iterator<Item = CollectorId> {
        (0..self.servers).map(|server| CollectorId::from_external(&Self::name(server)))
    }

    /// What a statement does in the step that begins at a Unix second: few statements do most of
    /// the work, days differ from nights, every seventh of the others is a job that runs each hour.
    pub(crate) fn work(statement: i64, begin: i64) -> Work {
        let step = begin / STEP;
        let is_job = statement > 100 && statement % 7 == 0;
        let hour = begin.rem_euclid(86_400) as f64 / 3_600.0;
        let day = 1.0 + 0.6 * ((hour - 8.0) * std::f64::consts::PI / 12.0).sin();
        let calls = match is_job {
            true if step % 12 == statement % 12 => 20.0,
            true => 0.0,
            false => (6_000.0 / (1.0 + statement as f64).powf(0.7) * day).max(2.0),
        };
        let noise = noise(statement, step);
        let calls = (calls * (0.8 + 0.4 * noise)).round();
        let mean = 0.2 + (statement % 97) as f64 * 0.3;
        let ms = calls * mean * (0.9 + 0.2 * noise);
        Work {
            calls,
            ms,
            rows: calls * 2.0,
            hits: calls * 9.0,
            reads: (calls * noise).round(),
        }
    }

    /// The name of the database and of the user of a statement, and its id.
    pub(crate) fn key(statement: i64) -> ([String; 2], i64) {
        ([DATABASE.to_owned(), USER.to_owned()], statement * 7_919)
    }

    fn text(statement: i64) -> String {
        let table = statement % TABLES;
        match statement / TABLES % 10 {
            0 => format!("SELECT * FROM t{table} WHERE id = $1"),
            1 => format!("SELECT id, amount FROM t{table} WHERE customer_id = $1"),
            2 => format!("SELECT id FROM t{table} WHERE status = $1 AND created_at > $2"),
            3 => format!("SELECT count(*) FROM t{table} WHERE created_at BETWEEN $1 AND $2"),
            4 => format!("INSERT INTO t{table} (customer_id, status, amount) VALUES ($1, $2, $3)"),
            5 => format!("UPDATE t{table} SET status = $1 WHERE id = $2"),
            6 => format!(
                "SELECT a.id, b.amount FROM t{table} a JOIN t{} b ON b.id = a.customer_id WHERE a.status = $1",
                (table + 1) % TABLES
            ),
            7 => format!("SELECT customer_id, sum(amount) FROM t{table} GROUP BY customer_id"),
            8 => format!(
                "SELECT * FROM t{table} WHERE status = $1 ORDER BY created_at DESC LIMIT 20"
            ),
            _ => format!("SELECT * FROM t{table} WHERE lower(status) = $1 OFFSET $2"),
        }
    }

    /// A sample of all statements: what each did up to this moment, added up in `sums`.
    pub(crate) fn sample(sums: &[Work], at: i64) -> Value {
        let row = |(statement, sum): (i64, &Work)| {
            json!({ "hash": Self::key(statement).1, "text": Self::text(statement), "user": USER,
                "calls": sum.calls, "total_time": sum.ms, "mean_time": sum.ms / sum.calls.max(1.0),
                "min_time": 0.1, "max_time": 90.0, "stddev_time": 1.5, "rows": sum.rows,
                "shared_blks_hit": sum.hits, "shared_blks_read": sum.reads,
                "wal_bytes": sum.calls * 120.0 })
        };
        let rows: Vec<Value> = (0..).zip(sums).map(row).collect();
        json!({ "type": "pg_query_stats", "timestamp": at, "database": DATABASE, "queries": rows })
    }

    /// Adds what all statements do in the step that begins at a Unix second.
    pub(crate) fn add(sums: &mut [Work], begin: i64) {
        for (statement, sum) in (0..).zip(sums) {
            let work = Self::work(statement, begin);
            sum.calls += work.calls;
            sum.ms += work.ms;
            sum.rows += work.rows;
            sum.hits += work.hits;
            sum.reads += work.reads;
        }
    }

    /// All tables, columns, indexes and settings of a server at a Unix second.
    pub(crate) fn inventory(at: i64) -> Vec<Value> {
        let element = |kind: &str, rows: Vec<Value>| {
            let database = if kind == "pg_setting" { "" } else { DATABASE };
            json!({ "type": kind, "timestamp": at, "database": database, "changed_only": false,
                "rows": rows })
        };
        let table = |n: i64| {
            json!({ "schemaname": "public", "relname": format!("t{n}"), "relkind": "r",
                "relid": (16_384 + n).to_string(), "reltuples": 50_000 * (1 + n % 20),
                "relpages": 1_200 * (1 + n % 20), "relallvisible": 1_000, "n_dead_tup": 100,
                "n_tup_ins": at / 60 })
        };
        let columns = ["id", "customer_id", "status", "created_at", "amount"];
        let column = |n: i64| {
            columns.into_iter().zip(1..).map(move |(name, number)| {
                json!({ "schemaname": "public", "relname": format!("t{n}"), "attname": name,
                    "attnum": number, "type": if name == "status" { "text" } else { "integer" },
                    "is_not_null": true, "null_frac": 0.0, "avg_width": 8,
                    "n_distinct": if number == 3 { 8.0 } else { -0.5 }, "correlation": 0.1 })
            })
        };
        let object = |n: i64| {
            json!({ "class": "index", "schemaname": "public", "relname": format!("t{n}"),
                "name": format!("t{n}_pkey"), "kind": "btree", "columns": ["id"], "include": [],
                "definition": format!("CREATE UNIQUE INDEX t{n}_pkey ON public.t{n} USING btree (id)") })
        };
        let index = |n: i64| {
            json!({ "schemaname": "public", "relname": format!("t{n}"), "relpages": 300,
                "indexrelname": format!("t{n}_pkey"), "idx_scan": at / 60, "is_valid": true,
                "is_ready": true, "is_unique": true, "is_primary": true })
        };
        let setting = |(name, value, unit): (&str, &str, &str)| json!({ "name": name, "setting": value, "unit": unit, "context": "user" });
        let settings = [
            ("shared_buffers", "16384", "8kB"),
            ("work_mem", "4096", "kB"),
            ("max_wal_size", "1024", "MB"),
        ];
        vec![
            element("pg_table", (0..TABLES).map(table).collect()),
            element("pg_column", (0..TABLES).flat_map(column).collect()),
            element("pg_schema_object", (0..TABLES).map(object).collect()),
            element("pg_index", (0..TABLES).map(index).collect()),
            element("pg_setting", settings.map(setting).into()),
        ]
    }

    /// Sessions at a Unix second.
    pub(crate) fn sessions(at: i64) -> Value {
        let row = |state: &str, wait: Option<&str>, sessions: i64| {
            json!({ "database": DATABASE, "user": USER, "application": "web", "state": state,
                "backend_type": "client backend", "wait_event_type": wait,
                "wait_event": wait.map(|_| "DataFileRead"), "query_id": 7_919, "sessions": sessions })
        };
        let rows = [
            row("active", None, 2 + at / 10 % 3),
            row("active", Some("IO"), 1),
            row("idle", Some("Client"), 20),
        ];
        json!({ "type": "pg_activity_sample", "timestamp": at, "database": "", "rows": rows })
    }
}
