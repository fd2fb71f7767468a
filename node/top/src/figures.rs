//! What nodes answer, as figures. A figure that no collector sends is missing, not 0.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) id: f64,
    pub(crate) role: String,
    pub(crate) http: String,
    pub(crate) is_reachable: bool,
    pub(crate) committed: f64,
    pub(crate) flushed: f64,
    pub(crate) lag: f64,
    pub(crate) backlog_bytes: f64,
    pub(crate) version: String,
}

/// The cluster as one node sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) term: f64,
    pub(crate) leader: Option<f64>,
    pub(crate) nodes: Vec<Node>,
}

/// A server that is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Server {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) collector: String,
    pub(crate) status: String,
    /// When its collector pushed last, in seconds since 1970.
    pub(crate) last_seen: Option<f64>,
}

/// What a server does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// When the newest of them was measured, in seconds since 1970.
    pub(crate) measured_at: Option<f64>,
    /// Commits and rollbacks a second, between the newest two samples of each database.
    pub(crate) transactions: Option<f64>,
    /// Connections, of all databases.
    pub(crate) connections: Option<f64>,
    /// Share of block reads that shared buffers answered, 0 to 1.
    pub(crate) hit_ratio: Option<f64>,
    /// Active client sessions.
    pub(crate) active: Option<f64>,
    /// Active client sessions by what they wait for, most first.
    pub(crate) waits: Vec<(String, f64)>,
    /// Largest replay lag of a standby, in seconds.
    pub(crate) lag_seconds: Option<f64>,
    /// Standbys that are connected.
    pub(crate) standbys: f64,
    /// Transactions since the oldest freeze of a database.
    pub(crate) freeze_age: Option<f64>,
}

/// What a statement did in the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statement {
    pub(crate) hash: String,
    pub(crate) database: String,
    pub(crate) text: String,
    pub(crate) calls: f64,
    /// Calls a second, over the part of the window that samples cover.
    pub(crate) calls_per_second: f64,
    pub(crate) mean_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) total_ms: f64,
    pub(crate) rows: f64,
    pub(crate) blocks_hit: f64,
    pub(crate) blocks_read: f64,
    pub(crate) temp_blocks: f64,
    pub(crate) wal_bytes: f64,
}

/// An alert that fires.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Alert {
    pub(crate) severity: String,
    pub(crate) name: String,
    pub(crate) server: String,
    pub(crate) message: String,
    pub(crate) fired_at: Option<f64>,
}

fn number(value: &Value, name: &str) -> Option<f64> {
    value.get(name).and_then(Value::as_f64)
}

fn count(value: &Value, name: &str) -> f64 {
    number(value, name).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    let list = value.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// A time as PostgreSQL's collectors and nodes write it, in seconds since 1970.
fn seconds(value: &Value, name: &str) -> Option<f64> {
    let time = OffsetDateTime::parse(value.get(name)?.as_str()?, &Rfc3339).ok()?;
    let micros = i64::try_from(time.unix_timestamp_nanos() / 1_000).ok()?;
    // Exact up to the year 2255 (2^53 microseconds).
    serde_json::json!(micros)
        .as_f64()
        .map(|micros| micros / 1e6)
}

/// Of `/api/v1/cluster/status`.
pub(crate) fn cluster(answer: &Value) -> Cluster {
    let node = |node: &Value| Node {
        id: count(node, "id"),
        role: text(node, "role"),
        http: text(node, "http"),
        is_reachable: node["reachable"] == true,
        committed: count(node, "committed"),
        flushed: count(node, "flushed"),
        lag: count(node, "lag"),
        backlog_bytes: count(node, "backlog_bytes"),
        version: text(node, "version"),
    };
    Cluster {
        term: count(answer, "term"),
        leader: number(answer, "leader"),
        nodes: list(answer, "nodes").iter().map(node).collect(),
    }
}

/// Of `/api/v1/servers`.
pub(crate) fn servers(answer: &Value) -> Vec<Server> {
    let server = |server: &Value| {
        Some(Server {
            id: server.get("id")?.as_i64()?,
            name: text(server, "name"),
            collector: text(server, "collector_id"),
            status: text(server, "status"),
            last_seen: seconds(server, "last_seen"),
        })
    };
    list(answer, "data").iter().filter_map(server).collect()
}

/// Of `/api/v1/alerts?state=firing`, without the one that always fires.
pub(crate) fn alerts(answer: &Value) -> Vec<Alert> {
    let is_real = |alert: &&Value| alert["metric_type"] != "watchdog";
    let alert = |alert: &Value| Alert {
        severity: text(alert, "severity"),
        name: text(alert, "name"),
        server: text(&alert["labels"], "server"),
        message: text(alert, "message"),
        fired_at: seconds(alert, "fired_at"),
    };
    let all = list(answer, "data").iter();
    all.filter(is_real).map(alert).collect()
}

/// Of `/api/v1/collectors/{id}/queries/slow`.
pub(crate) fn statements(answer: &Value, window_seconds: f64) -> Vec<Statement> {
    let statement = |row: &Value| {
        let calls = count(row, "calls");
        let covered = number(row, "coverage").unwrap_or(1.0) * window_seconds;
        Statement {
            hash: row
                .get("query_hash")
                .map(Value::to_string)
                .unwrap_or_default(),
            database: text(row, "database_name"),
            text: text(row, "query_text"),
            calls,
            calls_per_second: if covered > 0.0 { calls / covered } else { 0.0 },
            mean_ms: count(row, "mean_time"),
            max_ms: count(row, "max_time"),
            total_ms: count(row, "total_time"),
            rows: count(row, "rows"),
            blocks_hit: count(row, "shared_blks_hit"),
            blocks_read: count(row, "shared_blks_read"),
            temp_blocks: count(row, "temp_blks_read") + count(row, "temp_blks_written"),
            wal_bytes: count(row, "wal_bytes"),
        }
    };
    list(answer, "queries").iter().map(statement).collect()
}

impl Figures {
    fn measured(&mut self, at: Option<f64>) {
        let newest = self.measured_at.into_iter().chain(at).reduce(f64::max);
        self.measured_at = newest;
    }

    /// Adds `/api/v1/collectors/{id}/databases`.
    pub(crate) fn add_databases(&mut self, answer: &Value) {
        let rows = list(&answer["data"], "database");
        let sum =
            |of: &dyn Fn(&Value) -> Option<f64>| rows.iter().filter_map(of).reduce(|a, b| a + b);
        self.transactions = sum(&|row| {
            let each = number(row, "xact_commit_delta")? + count(row, "xact_rollback_delta");
            let seconds = number(row, "interval_seconds").filter(|seconds| *seconds > 0.0)?;
            Some(each / seconds)
        });
        self.connections = sum(&|row| number(row, "numbackends"));
        let hit = sum(&|row| number(row, "blks_hit_delta"));
        let read = sum(&|row| number(row, "blks_read_delta"));
        let ratio = hit.zip(read).map(|(hit, read)| hit / (hit + read));
        self.hit_ratio = ratio.filter(|ratio| ratio.is_finite());
        for row in rows {
            self.measured(seconds(row, "time"));
        }
    }

    /// Adds the newest elements of other types, in any order.
    pub(crate) fn add_element(&mut self, element: &Value) {
        self.measured(seconds(element, "timestamp"));
        match element["type"].as_str() {
            Some("pg_activity_sample") => self.add_activity(list(element, "rows")),
            Some("pg_sender") => {
                let lag = |row: &Value| number(row, "replay_lag_seconds");
                self.add_standbys(list(element, "rows"), lag);
            }
            Some("pg_replication") => {
                let lag = |row: &Value| number(row, "replay_lag_ms").map(|ms| ms / 1e3);
                self.add_standbys(list(element, "replication_status"), lag);
                self.add_freeze(list(element, "wraparound_risk"), "oldest_table_age");
            }
            Some("pg_database") => self.add_freeze(list(element, "rows"), "xid_age"),
            _ => {}
        }
    }

    fn add_activity(&mut self, rows: &[Value]) {
        let is_active =
            |row: &&Value| row["state"] == "active" && row["backend_type"] == "client backend";
        self.active = Some(0.0);
        for row in rows.iter().filter(is_active) {
            let sessions = count(row, "sessions");
            self.active = self.active.map(|active| active + sessions);
            let wait = match row["wait_event"].as_str() {
                Some(event) => format!("{}: {event}", text(row, "wait_event_type")),
                None => "CPU".to_owned(),
            };
            match self.waits.iter_mut().find(|(known, _)| *known == wait) {
                Some((_, known)) => *known += sessions,
                None => self.waits.push((wait, sessions)),
            }
        }
        self.waits
            .sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    }

    fn add_standbys(&mut self, rows: &[Value], lag: impl Fn(&Value) -> Option<f64>) {
        for row in rows {
            self.standbys += 1.0;
            // A standby that is level with an idle primary has no lag.
            let lag = lag(row).unwrap_or_default();
            self.lag_seconds = Some(self.lag_seconds.unwrap_or_default().max(lag));
        }
    }

    fn add_freeze(&mut self, rows: &[Value], name: &str) {
        let ages = rows.iter().filter_map(|row| number(row, name));
        self.freeze_age = self.freeze_age.into_iter().chain(ages).reduce(f64::max);
    }
}
