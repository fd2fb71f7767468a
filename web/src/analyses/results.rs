//! Whether what was recommended was done, and whether it has helped.
//!
//! Somebody says that it was done (`implement`), or an hourly look finds it: the index is there,
//! the setting has its new value, a dropped index is gone. From then on the statements that it was
//! for are compared with the same hours of the week before, or of the day before, until seven days
//! are over.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::comparison::{Comparison, Row, Status, Tolerance};
use pga_insight::results::{Change, Measured, Verdict, judge, measure};
use pga_storage::{Position, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::findings::{Newest, Run, current, keep, newest};
use super::inventory::{self, Inventory};
use super::workload::Window;
use super::{Done, Order, comparison, indexes, parameters, rewrites};
use crate::control_plane::view;
use crate::{ApiError, NodeApi};

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_results";
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// From the change until a measurement begins, and its least length.
const SETTLES: i64 = 10 * MINUTE;
/// Calls after the change that a measurement needs.
const MIN_CALLS: f64 = 30.0;
/// Days after which a measurement is final, and after which what never came has failed.
const FINAL: i64 = 7 * DAY;
const NEVER: i64 = 14 * DAY;
/// How far back recommendations are looked for.
const KNOWN: i64 = 30 * DAY;

/// Something that was done (contract: OptimizationResult).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The recommendation's number, which is also that of its implementation.
    pub(crate) id: u64,
    /// `index`, `rewrite` or `parameter`.
    pub(crate) source: String,
    /// What was recommended.
    pub(crate) finding: Value,
    /// Whose.
    pub(crate) collector_id: String,
    /// Since when it is done.
    pub(crate) since: Timestamp,
    /// Whether it was seen on the server; else somebody said so.
    pub(crate) is_seen: bool,
    /// `pending`, `implemented`, `no_improvement`, `reverted` or `failed`.
    pub(crate) status: String,
    /// Why.
    pub(crate) reason: String,
    /// What was measured last, and when.
    pub(crate) measured: Option<(Measured, Timestamp)>,
}

fn later(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(time.micros() + micros)
}

fn server_of(text: &str) -> CollectorId {
    CollectorId::from_external(text)
}

/// All outcomes as of the last look.
pub(crate) async fn outcomes(
    api: &dyn NodeApi,
    min_position: Option<Position>,
) -> Result<Vec<Outcome>, ApiError> {
    let runs = newest(api, Newest::of(KIND).at(min_position).enough(1), |_| true).await?;
    let rows = runs.first().and_then(|run| run["findings"].as_array());
    let rows = rows.into_iter().flatten();
    Ok(rows
        .filter_map(|row| serde_json::from_value(row.clone()).ok())
        .collect())
}

/// Everything that is recommended, with its source and server.
async fn recommended(
    api: &dyn NodeApi,
    at: Timestamp,
) -> Result<Vec<(&'static str, String, Value)>, ApiError> {
    let mut all = Vec::new();
    for (source, kind) in [
        ("index", indexes::KIND),
        ("rewrite", rewrites::KIND),
        ("parameter", parameters::KIND),
    ] {
        for found in current(api, kind, later(at, -KNOWN)).await? {
            let server = found.server;
            let rows = found.findings.into_iter();
            all.extend(rows.map(|row| (source, server.clone(), row)));
        }
    }
    Ok(all)
}

/// What somebody said was done, by its number, and when.
fn said(api: &dyn NodeApi) -> BTreeMap<u64, Timestamp> {
    let said = view(api, |state| {
        let done = state.decisions().iter();
        let done = done.filter(|(_, one)| one.verdict == "implemented");
        done.map(|(id, one)| (*id, one.at)).collect()
    });
    said.unwrap_or_default()
}

/// What somebody said was done and nobody has looked at yet: what is not among those that are
/// known.
pub(crate) async fn waiting(
    api: &dyn NodeApi,
    known: &[Outcome],
) -> Result<Vec<Outcome>, ApiError> {
    let mut said = said(api);
    said.retain(|id, _| !known.iter().any(|one| one.id == *id));
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let mut of = BTreeMap::new();
    for (source, server, finding) in recommended(api, Timestamp::now()).await? {
        if let Some(id) = finding["id"].as_u64().filter(|id| said.contains_key(id)) {
            of.insert(id, (source, server, finding));
        }
    }
    let outcome = |(id, since)| {
        let (source, collector_id, finding) = of.remove(&id).unwrap_or_default();
        Outcome {
            id,
            source: source.to_owned(),
            finding,
            collector_id,
            since,
            is_seen: false,
            status: "pending".to_owned(),
            reason: "it is looked at within the hour".to_owned(),
            measured: None,
        }
    };
    Ok(said.into_iter().map(outcome).collect())
}

/// Adds what was done since the last look: what somebody said, and what the servers show.
async fn find_new(
    api: &dyn NodeApi,
    servers: &mut Servers<'_>,
    outcomes: &mut Vec<Outcome>,
    order: &Order,
) -> Result<(), ApiError> {
    let known: BTreeSet<u64> = outcomes.iter().map(|one| one.id).collect();
    let said = said(api);
    for (source, server, finding) in recommended(api, order.at).await? {
        let Some(id) = finding["id"].as_u64().filter(|id| !known.contains(id)) else {
            continue;
        };
        let is_done = servers.is_done(source, &server, &finding).await?;
        let click = said.get(&id).copied();
        if is_done != Some(true) && click.is_none() {
            continue;
        }
        outcomes.push(Outcome {
            id,
            source: source.to_owned(),
            finding,
            collector_id: server,
            since: click.unwrap_or(order.at),
            is_seen: is_done == Some(true),
            status: "pending".to_owned(),
            reason: "not measured yet".to_owned(),
            measured: None,
        });
    }
    Ok(())
}

/// Looks what was done, and measures it.
pub(crate) async fn all(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    let mut outcomes = outcomes(api, None).await?;
    let mut servers = Servers::new(api, order.at);
    find_new(api, &mut servers, &mut outcomes, order).await?;
    let (mut rows_read, mut measured) = (0, 0);
    for outcome in &mut outcomes {
        if matches!(outcome.status.as_str(), "failed" | "no_improvement") {
            continue;
        }
        rows_read += look_again(api, &mut servers, outcome, order.at).await?;
        measured += usize::from(outcome.measured.is_some());
    }
    let rows = outcomes.iter().map(serde_json::to_value);
    let rows = rows.collect::<Result<Vec<Value>, _>>();
    let run = Run {
        kind: KIND,
        collector: None,
        database: String::new(),
        judged: Vec::new(),
        by: order.by.clone(),
        started: order.at,
        ended: Timestamp::now(),
        rows_read,
        findings: rows.map_err(|_| ApiError::Internal)?,
        notes: Vec::new(),
    };
    let position = keep(api, run).await?;
    Ok(Done {
        found: measured,
        rows_read,
        position: Some(position),
        ..Done::default()
    })
}

/// What servers hold, each read once.
struct Servers<'a> {
    api: &'a dyn NodeApi,
    at: Timestamp,
    read: BTreeMap<(String, String), Inventory>,
}

impl<'a> Servers<'a> {
    fn new(api: &'a dyn NodeApi, at: Timestamp) -> Self {
        Self {
            api,
            at,
            read: BTreeMap::new(),
        }
    }

    async fn inventory(&mut self, server: &str, database: &str) -> Result<&Inventory, ApiError> {
        let key = (server.to_owned(), database.to_owned());
        if !self.read.contains_key(&key) {
            let read = inventory::read(self.api, server_of(server), database, self.at).await?;
            self.read.insert(key.clone(), read);
        }
        self.read.get(&key).ok_or(ApiError::Internal)
    }

    /// Whether the server shows that a recommendation was followed; nothing if it cannot.
    async fn is_done(
        &mut self,
        source: &str,
        server: &str,
        finding: &Value,
    ) -> Result<Option<bool>, ApiError> {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        if source == "parameter" {
            if !matches!(text("scope"), "reload" | "restart") {
                return Ok(None);
            }
            let inventory = self.inventory(server, "").await?;
            let value = inventory.setting(text("parameter_name"));
            let wanted = text("recommended_value");
            return Ok(value.and_then(|value| is_near(&value, wanted)));
        }
        if source != "index" {
            return Ok(None);
        }
        let inventory = self.inventory(server, text("database_name")).await?;
        if !inventory.is_known() {
            return Ok(None);
        }
        let (schema, table) = (text("schema_name"), text("table_name"));
        let columns = finding["column_names"].as_array().into_iter().flatten();
        let columns: Vec<&str> = columns.filter_map(Value::as_str).collect();
        Ok(match text("kind") {
            "create" | "extend" => Some(inventory.has_index(schema, table, &columns)),
            kind if kind.starts_with("drop") => {
                Some(!inventory.has_index_named(schema, table, text("index_name")))
            }
            _ => None,
        })
    }
}

/// Whether a value is within a tenth of another; nothing if one of them is no number or size.
fn is_near(value: &str, wanted: &str) -> Option<bool> {
    if value == wanted {
        return Some(true);
    }
    let number = |text: &str| {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (digits, unit) = text.split_at(digits.unwrap_or(text.len()));
        let factor = match unit.trim() {
            "" | "ms" | "B" => 1.0,
            "kB" => 1_024.0,
            "8kB" => 8_192.0,
            "MB" => 1_048_576.0,
            "16MB" => 16.0 * 1_048_576.0,
            "GB" => 1_073_741_824.0,
            "s" => 1_000.0,
            "min" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return None,
        };
        Some(digits.parse::<f64>().ok()? * factor)
    };
    let (value, wanted) = (number(value)?, number(wanted)?);
    Some((value - wanted).abs() <= 0.1 * wanted.abs())
}

/// Looks whether it is still there, and measures it. Answers how many rows were read.
async fn look_again(
    api: &dyn NodeApi,
    servers: &mut Servers<'_>,
    outcome: &mut Outcome,
    at: Timestamp,
) -> Result<usize, ApiError> {
    let age = at.micros() - outcome.since.micros();
    let (source, server) = (outcome.source.clone(), outcome.collector_id.clone());
    match servers.is_done(&source, &server, &outcome.finding).await? {
        Some(true) if !outcome.is_seen => {
            outcome.is_seen = true;
            outcome.since = at;
            say(outcome, "pending", "seen on the server just now");
            return Ok(0);
        }
        Some(false) if outcome.is_seen => {
            say(outcome, "reverted", "it is gone again from the server");
            return Ok(0);
        }
        Some(false) if age >= NEVER => {
            say(
                outcome,
                "failed",
                "it was never seen on the server in 14 days",
            );
            return Ok(0);
        }
        Some(false) => {
            say(outcome, "pending", "the server does not show it yet");
            return Ok(0);
        }
        Some(true) | None => {}
    }
    match (SETTLES + HOUR..=FINAL + DAY).contains(&age) {
        true => measure_again(api, outcome, at).await,
        false => Ok(0),
    }
}

fn say(outcome: &mut Outcome, status: &str, reason: &str) {
    outcome.status = status.to_owned();
    outcome.reason = reason.to_owned();
}

/// Compares before and after. Answers how many statements were compared.
async fn measure_again(
    api: &dyn NodeApi,
    outcome: &mut Outcome,
    at: Timestamp,
) -> Result<usize, ApiError> {
    let age = at.micros() - outcome.since.micros();
    let Some((compared, days)) = compare(api, outcome, at).await? else {
        say(
            outcome,
            "pending",
            "too few calls before or after to compare",
        );
        return Ok(0);
    };
    let (touched, control, lost) = sides(outcome, &compared, days);
    if let Some(measured) = measure(&touched, &control) {
        outcome.measured = Some((measured, at));
        let (status, reason) = match judge(&measured, lost) {
            Verdict::Helped => (
                "implemented",
                "the statements that it is for take less time",
            ),
            Verdict::Harmed => (
                "failed",
                "others on the table lose more than it saves: undo it",
            ),
            Verdict::Open if age >= FINAL => ("no_improvement", "no gain was found in seven days"),
            Verdict::Open => ("pending", "no gain is certain yet"),
        };
        say(outcome, status, reason);
    }
    Ok(compared.count)
}

/// The statements for which it was recommended.
fn statements_of(finding: &Value) -> BTreeSet<i64> {
    let helped = finding["helps"].as_array().into_iter().flatten();
    let helped = helped.filter_map(|one| one["hash"].as_i64());
    let hashes = finding["query_hashes"].as_array().into_iter().flatten();
    let hashes = hashes.filter_map(Value::as_i64);
    let one = finding["query_hash"].as_i64().filter(|hash| *hash != 0);
    helped.chain(hashes).chain(one).collect()
}

/// Compares what came after with the same hours a week before, else a day before, else just before;
/// with the days that were compared.
async fn compare(
    api: &dyn NodeApi,
    outcome: &Outcome,
    at: Timestamp,
) -> Result<Option<(Comparison, f64)>, ApiError> {
    let from = later(outcome.since, SETTLES);
    let after = Window {
        from,
        to: at.min(later(from, FINAL)),
    };
    let length = after.to.micros() - after.from.micros();
    let named = statements_of(&outcome.finding);
    for back in [7 * DAY, DAY, length + 2 * SETTLES] {
        let before = Window {
            from: later(after.from, -back),
            to: later(after.to, -back).min(later(outcome.since, -SETTLES)),
        };
        if before.seconds() < 1_800.0 {
            continue;
        }
        let server = server_of(&outcome.collector_id);
        let windows = (before, after);
        let compared = comparison::of_server(api, server, windows, Tolerance::default()).await?;
        let is_enough = compared.comparisons.iter().any(|row| {
            let calls = row.before_calls.min(row.after_calls);
            calls >= MIN_CALLS && (named.is_empty() || named.contains(&row.query_hash))
        });
        if is_enough {
            return Ok(Some((compared, after.seconds() / 86_400.0)));
        }
    }
    Ok(None)
}

/// The statements that it is for, those that it cannot touch, and the seconds a day that others on
/// its table certainly lose.
fn sides(outcome: &Outcome, compared: &Comparison, days: f64) -> (Vec<Change>, Vec<Change>, f64) {
    let named = statements_of(&outcome.finding);
    let database = outcome.finding["database_name"]
        .as_str()
        .unwrap_or_default();
    let pays = outcome.finding["pays"].as_array().into_iter().flatten();
    let pays: BTreeSet<i64> = pays.filter_map(|one| one["hash"].as_i64()).collect();
    let change = |row: &Row| {
        let mean = row.mean?;
        (row.before_calls.min(row.after_calls) >= MIN_CALLS).then(|| Change {
            ratio: mean.ratio,
            interval: mean.interval,
            before_ms: row.before_mean_time * row.before_calls,
            after_seconds_per_day: row.after_mean_time * row.after_calls / 1_000.0 / days.max(1e-9),
        })
    };
    let (mut touched, mut control, mut lost) = (Vec::new(), Vec::new(), 0.0);
    for row in &compared.comparisons {
        if !database.is_empty() && row.database_name != database {
            continue;
        }
        if named.is_empty() || named.contains(&row.query_hash) {
            touched.extend(change(row));
        } else if pays.contains(&row.query_hash) {
            if row.improvement_status == Status::Degraded {
                lost += row.seconds_per_hour_change * 24.0;
            }
        } else {
            control.extend(change(row));
        }
    }
    (touched, control, lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_with_their_units() {
        assert_eq!(is_near("64MB", "65536kB"), Some(true));
        assert_eq!(is_near("4096kB", "64MB"), Some(false));
        assert_eq!(is_near("1.1", "1.1"), Some(true));
        assert_eq!(is_near("15min", "900s"), Some(true));
        assert_eq!(is_near("lz4", "pglz"), None);
        assert_eq!(is_near("lz4", "lz4"), Some(true));
    }
}
