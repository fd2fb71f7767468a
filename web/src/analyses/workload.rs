//! What a server was asked to do.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::plan::{Plan, parse_json, parse_text};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements, QueryOrder, TopQueries};
use serde_json::Value;

use crate::questions;
use crate::{ApiError, NodeApi};

/// Statements of one server that are looked at, those that take most time first.
const MAX_STATEMENTS: u32 = 2_000;
/// Plans of one server that are looked through.
const MAX_PLANS: u32 = 500;

/// A part of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Inclusive.
    pub(crate) from: Timestamp,
    /// Exclusive.
    pub(crate) to: Timestamp,
}

impl Window {
    /// So many hours before a time.
    pub(crate) fn hours_before(to: Timestamp, hours: i64) -> Self {
        let from = Timestamp::from_micros(to.micros() - hours * 3_600_000_000);
        Self { from, to }
    }

    /// How long it is, in seconds.
    pub(crate) fn seconds(self) -> f64 {
        (self.to.micros() - self.from.micros()) as f64 / 1e6
    }
}

/// One statement of one database, over all users.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statement {
    pub(crate) database: String,
    pub(crate) hash: i64,
    pub(crate) text: String,
    pub(crate) calls: i64,
    /// Milliseconds.
    pub(crate) total_ms: f64,
    /// Sum of squared deviations from the mean, of all calls; nothing where some are not known.
    pub(crate) deviations: Option<f64>,
    /// The greatest of its users', in milliseconds.
    pub(crate) max_ms: f64,
    pub(crate) rows: i64,
    pub(crate) blocks_hit: i64,
    pub(crate) blocks_read: i64,
    pub(crate) temp_written: i64,
    pub(crate) wal_bytes: Option<i64>,
    /// Share of the window of which something is known, from 0 to 1.
    pub(crate) coverage: f64,
    /// Users that ran it.
    pub(crate) users: usize,
}

impl Statement {
    /// Milliseconds a call.
    pub(crate) fn mean_ms(&self) -> f64 {
        if self.calls > 0 {
            self.total_ms / self.calls as f64
        } else {
            0.0
        }
    }

    /// Milliseconds that calls differ by; nothing if it was called less than twice, or the samples
    /// do not tell.
    pub(crate) fn deviation_ms(&self) -> Option<f64> {
        let deviations = self.deviations.filter(|_| self.calls > 1)?;
        Some((deviations / self.calls as f64).sqrt())
    }
}

/// Statements by database and hash.
pub(crate) type Statements = BTreeMap<(String, i64), Statement>;

/// Says so if a server has more statements than were looked at.
pub(crate) fn cut<'a>(all: impl IntoIterator<Item = &'a Statement>) -> Option<String> {
    let rows: usize = all.into_iter().map(|one| one.users).sum();
    (rows >= MAX_STATEMENTS as usize).then(|| {
        format!("statements: only the {MAX_STATEMENTS} that took most time were looked at")
    })
}

/// The statements of a server in a window.
pub(crate) async fn statements(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
    database: Option<&str>,
) -> Result<Statements, ApiError> {
    read(api, collector, window, database, true).await
}

/// The same without their texts, which are dear.
pub(crate) async fn sums(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
    database: Option<&str>,
) -> Result<Statements, ApiError> {
    read(api, collector, window, database, false).await
}

async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    window: Window,
    database: Option<&str>,
    has_texts: bool,
) -> Result<Statements, ApiError> {
    let query = TopQueries {
        collector,
        database: database.map(str::to_owned),
        order: QueryOrder::Total,
        from: window.from,
        to: window.to,
        limit: MAX_STATEMENTS,
        has_texts,
    };
    let rows = questions::ask(api, query.collector, &query).await?;
    let mut all = Statements::new();
    for row in rows {
        let key = (row.database_name.clone(), row.query_hash);
        let sum = all.entry(key).or_insert_with(|| Statement {
            database: row.database_name,
            hash: row.query_hash,
            text: row.query_text,
            deviations: Some(0.0),
            ..Statement::default()
        });
        // Of two groups: deviations within them, and of their means from the common one (Chan,
        // 1979).
        let (n, m) = (sum.calls as f64, row.calls as f64);
        if n > 0.0 && m > 0.0 {
            let apart = row.mean_time - sum.mean_ms();
            let between = apart * apart * n * m / (n + m);
            sum.deviations = sum.deviations.map(|known| known + between);
        }
        let within = row.stddev_time.map(|stddev| stddev * stddev * m);
        sum.deviations = sum.deviations.zip(within).map(|(one, other)| one + other);
        sum.users += 1;
        sum.calls += row.calls;
        sum.total_ms += row.total_time;
        sum.max_ms = sum.max_ms.max(row.max_time);
        sum.rows += row.rows;
        sum.blocks_hit += row.shared_blks_hit;
        sum.blocks_read += row.shared_blks_read;
        sum.temp_written += row.temp_blks_written;
        sum.wal_bytes = match (sum.wal_bytes, row.wal_bytes) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
        };
        sum.coverage = sum.coverage.max(row.coverage.unwrap_or(1.0));
    }
    Ok(all)
}

/// The newest plan of each statement of a server.
pub(crate) async fn plans(
    api: &dyn NodeApi,
    collector: CollectorId,
) -> Result<BTreeMap<i64, Plan>, ApiError> {
    let query = Elements {
        collector,
        kind: Some("explain_plan".to_owned()),
        from: None,
        to: None,
        order: ElementOrder::Descending,
        limit: MAX_PLANS,
        cursor: None,
    };
    let page = questions::ask(api, query.collector, &query).await?;
    let mut plans = BTreeMap::new();
    for text in page.data {
        let Ok(element) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        let Some(hash) = element["query_hash"].as_i64() else {
            continue;
        };
        if let Some(plan) = plan_of(&element) {
            plans.entry(hash).or_insert(plan);
        }
    }
    Ok(plans)
}

/// The plan of an element, if it holds one.
pub(crate) fn plan_of(element: &Value) -> Option<Plan> {
    match (&element["plan_json"], element["plan_text"].as_str()) {
        (Value::Null, Some(text)) => parse_text(text).ok(),
        (document, _) => parse_json(document).ok(),
    }
}
