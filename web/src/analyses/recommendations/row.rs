//! How one finding looks among recommendations (contract: OptimizationRecommendation).

use pga_insight::words::{self, count, figure};
use serde_json::{Value, json};

use crate::analyses::workload::Statement;

/// Share of a day that is taken for all of it.
const SEEN: f64 = 0.95;
/// Seconds a day that a statement takes at least for a rewrite to be recommended, as an index has
/// to save.
const MIN_SECONDS_PER_DAY: f64 = 60.0;

/// How risky a remedy is, and how much work.
fn risk(finding: &Value) -> (f64, &'static str) {
    match finding["scope"].as_str() {
        Some("statement" | "column" | "table" | "role") => return (1.0, "low"),
        Some("reload" | "application") => return (3.0, "high"),
        Some(_) => return (4.0, "high"),
        None => {}
    }
    match (finding["kind"].as_str(), finding["verdict"].as_str()) {
        (Some("analyze"), _) => (0.7, "low"),
        (Some(kind), _) if kind.starts_with("drop") || kind == "invalid_index" => (2.5, "medium"),
        (Some(_), _) => (1.5, "medium"),
        (None, Some("safe")) => (2.0, "medium"),
        (None, _) => (3.0, "high"),
    }
}

/// The statements that a finding is for.
pub(super) fn hashes(finding: &Value) -> Vec<i64> {
    let own = finding["query_hash"].as_i64().filter(|hash| *hash != 0);
    let more = finding["query_hashes"].as_array().into_iter().flatten();
    let helped = finding["helps"].as_array().into_iter().flatten();
    let more = more.filter_map(Value::as_i64);
    let helped = helped.filter_map(|one| one["hash"].as_i64());
    let mut all: Vec<i64> = Vec::new();
    for hash in own.into_iter().chain(more).chain(helped) {
        if !all.contains(&hash) {
            all.push(hash);
        }
    }
    all
}

/// What following it costs, as far as that is known.
fn costs(finding: &Value) -> String {
    let number = |name: &str| finding[name].as_f64().filter(|number| *number > 0.0);
    let mut costs = Vec::new();
    let is_drop = finding["kind"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("drop"));
    if let Some(bytes) = number("size_bytes") {
        let what = if is_drop { "frees" } else { "takes" };
        costs.push(format!("{what} {} of disk", words::bytes(bytes)));
    }
    if let Some(seconds) = number("write_seconds_per_day") {
        costs.push(format!("writes take {} s a day more", figure(seconds)));
    }
    if let Some(bytes) = number("memory_bytes") {
        costs.push(format!(
            "lets the server take {} of memory more",
            words::bytes(bytes)
        ));
    }
    match finding["scope"].as_str() {
        Some("restart") => costs.push("takes a restart".to_owned()),
        Some("reload") => costs.push("takes a reload".to_owned()),
        Some("role") => costs.push("counts for the role's next sessions".to_owned()),
        _ => {}
    }
    if finding["verdict"].is_string() {
        costs.push("the application's text has to be changed".to_owned());
    }
    costs.extend(finding["risk"].as_str().map(str::to_owned));
    costs.extend(
        finding["question"]
            .as_str()
            .map(|question| format!("first answer: {question}")),
    );
    if costs.is_empty() {
        return "nothing to speak of".to_owned();
    }
    costs.join("; ")
}

/// What a statement weighs now.
fn weight(load: &Statement, total_ms: f64) -> Option<String> {
    let share = load.total_ms / total_ms * 100.0;
    share.is_finite().then(|| {
        format!(
            "its statement took {share:.1} % of the server's statement time {}: {} of {} ms",
            last_day(load.coverage),
            count(load.calls as f64, "call", "calls"),
            figure(load.mean_ms())
        )
    })
}

/// The last day, or what was seen of it.
pub(crate) fn last_day(coverage: f64) -> String {
    match coverage {
        seen if seen >= SEEN => "in the last 24 hours".to_owned(),
        seen => format!(
            "in the {} that were seen of the last 24 hours",
            words::duration(seen * 86_400.0)
        ),
    }
}

/// Whether a statement takes enough for a finding to be recommended: of a rewrite of which nobody
/// knows what it saves, it is known that it saves no more than its statement takes.
pub(super) fn is_worth(finding: &Value, source: &str, load: Option<&Statement>) -> bool {
    let is_known = finding["saved_seconds_per_day"].is_number();
    let takes = load.map(|load| load.total_ms / 1_000.0 / load.coverage.max(f64::MIN_POSITIVE));
    source != "rewrite" || is_known || takes.is_none_or(|seconds| seconds >= MIN_SECONDS_PER_DAY)
}

/// Of which kind a remedy is.
pub(super) fn rule(finding: &Value) -> Option<&str> {
    ["rule", "kind", "parameter_name"]
        .into_iter()
        .find_map(|name| finding[name].as_str())
}

/// What is known of a finding's server.
pub(super) struct Around<'a> {
    pub(super) server: &'a str,
    /// What the finding's first statement did in the last day.
    pub(super) load: Option<&'a Statement>,
    /// What all statements of the server took, in milliseconds.
    pub(super) total_ms: f64,
    /// What has changed with the statement lately.
    pub(super) news: Vec<String>,
}

/// The contract's OptimizationRecommendation. Rank is seconds a day that are saved, by confidence
/// and risk; what is not known to save anything comes last.
pub(super) fn show(finding: &Value, source: &str, around: &Around<'_>) -> Value {
    let hashes = hashes(finding);
    let load = around.load;
    // 0 says of a setting that nobody knows (contract: ParameterSuggestion).
    let improvement = finding["estimated_improvement_percent"].as_f64();
    let improvement = improvement.filter(|share| *share > 0.0 || source != "parameter");
    let confidence = finding["confidence_score"].as_f64().unwrap_or(0.0);
    let by_share = || {
        let load = load.filter(|load| load.coverage > 0.0)?;
        Some(load.total_ms / 1_000.0 / load.coverage * improvement? / 100.0)
    };
    let saved = finding["saved_seconds_per_day"].as_f64().or_else(by_share);
    let urgency = load.map_or(0.0, |load| {
        (load.calls as f64 / 100_000.0).min(1.0) * (load.mean_ms() / 10_000.0).min(1.0)
    });
    let (risk, complexity) = risk(finding);
    let text = ["create_statement", "description"]
        .into_iter()
        .find_map(|name| finding[name].as_str());
    let why = ["reason", "reasoning"]
        .into_iter()
        .find_map(|name| finding[name].as_str());
    let weight = load.and_then(|load| weight(load, around.total_ms));
    let why_now: Vec<String> = around.news.iter().cloned().chain(weight).collect();
    json!({
        "id": finding["id"],
        "query_hash": hashes.first(),
        "query_hashes": hashes,
        "source_type": source,
        "source_id": finding["id"],
        "rule": rule(finding),
        "recommendation_text": match source {
            "rewrite" => format!("Rewrite: {}", text.unwrap_or_default()),
            _ => text.unwrap_or_default().to_owned(),
        },
        "detailed_explanation": why,
        "why_now": why_now.join("; "),
        "costs": costs(finding),
        "original_query": finding["original_query"],
        "suggested_rewrite": finding["suggested_rewrite"],
        "question": finding["question"],
        "then": finding["then"],
        "undo": finding["undo"],
        "estimated_improvement_percent": improvement,
        "confidence_score": confidence,
        "urgency_score": urgency,
        "roi_score": confidence * (improvement.unwrap_or(0.0) / 100.0).min(1.0) * urgency,
        "rank_score": saved.unwrap_or(0.0) * confidence / risk,
        "saved_seconds_per_day": saved,
        "implementation_complexity": complexity,
        "is_dismissed": false,
        "collector_id": around.server,
        "database_name": finding["database_name"].as_str().unwrap_or_default(),
        "created_at": finding["created_at"],
        "updated_at": finding["created_at"],
    })
}
