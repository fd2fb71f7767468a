//! How a finding about the text of a statement looks.

use pga_insight::rewrites::{Finding, Verdict};
use serde_json::{Value, json};

use super::findings::finding_id;
use super::workload::Statement;

/// Type of the elements that hold them.
pub(crate) const KIND: &str = "analysis_rewrites";

/// The contract's RewriteSuggestion, and what we know beside it.
pub(super) fn show(one: &Finding, statement: &Statement, family: i64, at: &str) -> Value {
    let hash = statement.hash.to_string();
    let id = finding_id(&[KIND, &statement.database, &hash, &one.rule, &one.place]);
    let (verdict, question) = match &one.verdict {
        Verdict::Safe => ("safe", None),
        Verdict::Question(question) => ("question", Some(question)),
        Verdict::Advice => ("advice", None),
    };
    json!({
        "id": id,
        "query_hash": statement.hash,
        "fingerprint_hash": family,
        "database_name": statement.database,
        "suggestion_type": one.suggestion_type,
        "rule": one.rule,
        "description": one.title,
        "place": one.place,
        "original_query": statement.text,
        "suggested_rewrite": one.rewritten.as_deref().unwrap_or_default(),
        "reasoning": one.faster,
        "safety": one.safety,
        "verdict": verdict,
        "question": question,
        "estimated_improvement_percent": one.improvement_percent,
        "confidence_score": one.confidence,
        "created_at": at,
        "updated_at": at,
    })
}
