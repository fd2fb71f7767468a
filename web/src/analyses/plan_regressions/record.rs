//! A plan regression as it is stored and told.

use pga_config::CollectorId;
use pga_insight::plan::regression::{Flip, Slower};
use pga_insight::words::figure;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::seen::Key;
use crate::analyses::findings::finding_id;

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_plan_regressions";

/// A statement that became slower with another plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its number: from server, statement and both plans.
    pub(crate) id: u64,
    /// Whose.
    pub(crate) collector_id: String,
    /// Of which database.
    pub(crate) database: String,
    /// `queryid`.
    pub(crate) query_hash: i64,
    /// The statement.
    pub(crate) query_text: String,
    /// Both plans.
    pub(crate) flip: Flip,
    /// How much slower.
    pub(crate) slower: Slower,
    /// When it was found, in microseconds since 1970.
    pub(crate) detected_at: i64,
    /// Since when it is over.
    pub(crate) ended_at: Option<i64>,
    /// Why: `recovered` or `no_calls`.
    pub(crate) ended_by: Option<String>,
    /// The first node that differs, the cause, what contributes, and what differs most.
    pub(crate) why: Value,
    /// What is wrong with the plan now.
    pub(crate) findings: Value,
    /// 0 to 1.
    pub(crate) confidence: f64,
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

/// How a plan was seen.
fn source(has_run: bool) -> &'static str {
    match has_run {
        true => "ran",
        false => "generic",
    }
}

pub(super) fn id_of(collector: CollectorId, (database, hash): &Key, flip: &Flip) -> u64 {
    let hash = hash.to_string();
    let plans = [flip.good, flip.bad].map(|structure| format!("{structure:016x}"));
    let collector = collector.to_string();
    finding_id(&[KIND, &collector, database, &hash, &plans[0], &plans[1]])
}

impl Record {
    /// The cause in one sentence.
    pub(crate) fn cause(&self) -> String {
        let cause = &self.why["cause"];
        let kind = cause["kind"].as_str().unwrap_or("unknown");
        let evidence = cause["evidence"].as_str().unwrap_or_default();
        let kind = kind.replace('_', " ");
        match evidence {
            "" => kind,
            evidence => format!("{kind}: {evidence}"),
        }
    }

    /// One sentence for people.
    pub(crate) fn text(&self) -> String {
        let pivot = &self.why["pivot"];
        let name = |side: &str| pivot[side].as_str().unwrap_or("another plan").to_owned();
        format!(
            "{} ms a call instead of {} since the plan changed from {} to {}; {}",
            figure(self.slower.after_ms),
            figure(self.slower.before_ms),
            name("was"),
            name("is"),
            self.cause(),
        )
    }

    /// As the routes tell it.
    pub(crate) fn show(&self) -> Value {
        let (flip, slower) = (&self.flip, &self.slower);
        let plan = |structure: i64, (first, last): (Option<i64>, i64), has_run: bool| {
            json!({ "structure": format!("{structure:016x}"), "first_seen": first.map(time),
                "last_seen": time(last), "source": source(has_run) })
        };
        json!({
            "id": self.id,
            "collector_id": self.collector_id,
            "database_name": self.database,
            "query_hash": self.query_hash,
            "query_text": self.query_text,
            "description": self.text(),
            "since": time(flip.first_bad),
            "detected_at": time(self.detected_at),
            "ended_at": self.ended_at.map(time),
            "ended_by": self.ended_by,
            "before_ms": slower.before_ms,
            "after_ms": slower.after_ms,
            "factor": slower.factor,
            "seconds_per_hour": slower.seconds_per_hour,
            "p_value": slower.p_value,
            "plan_before": plan(flip.good, (None, flip.last_good), flip.good_has_run),
            "plan_now": plan(flip.bad, (Some(flip.first_bad), flip.last_bad), flip.bad_has_run),
            "pivot": self.why["pivot"],
            "cause": self.why["cause"],
            "contributing": self.why["contributing"],
            "differences": self.why["differences"],
            "findings": self.findings,
            "confidence": self.confidence,
        })
    }
}
