//! Which settings to change on each server, from what was measured in the last day.

mod evidence;
mod sessions;

use pga_config::CollectorId;
use pga_insight::fingerprint;
use pga_insight::parameters::{Proposal, advise};
use pga_storage::Timestamp;
use serde_json::{Value, json};

use super::findings::{Run, finding_id, keep};
use super::{Done, Order, collectors, seen};
use crate::{ApiError, NodeApi};

/// Type of its elements.
pub(crate) const KIND: &str = "analysis_parameters";

/// Judges all servers.
pub(crate) async fn all(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    let mut done = Done::default();
    for collector in collectors(api)? {
        done.join(of_server(api, collector, order).await?);
    }
    Ok(done)
}

/// Judges the servers on which a statement was seen; nothing if it was seen nowhere.
pub(crate) async fn generate(
    api: &dyn NodeApi,
    hash: i64,
    order: &Order,
) -> Result<Option<Done>, ApiError> {
    let mut done = None;
    for (collector, ..) in seen(api, hash, order.at).await? {
        let one = of_server(api, collector, order).await?;
        done.get_or_insert_with(Done::default).join(one);
    }
    Ok(done)
}

async fn of_server(
    api: &dyn NodeApi,
    collector: CollectorId,
    order: &Order,
) -> Result<Done, ApiError> {
    let gathered = evidence::gather(api, collector, order.at).await?;
    let rows_read = gathered.rows_read;
    let texts = gathered.texts;
    let proposals = advise(&gathered.evidence);
    let server = collector.to_string();
    let findings: Vec<Value> = proposals
        .iter()
        .map(|proposal| {
            let hash = proposal.fingerprints.first();
            let text = hash.and_then(|hash| texts.get(hash));
            show(&server, proposal, text.map(String::as_str), order)
        })
        .collect();
    let kinds: Vec<String> = proposals
        .iter()
        .map(|proposal| proposal.parameter.clone())
        .collect();
    let run = Run {
        kind: KIND,
        collector: Some(collector),
        database: String::new(),
        judged: Vec::new(),
        by: order.by.clone(),
        started: order.at,
        ended: Timestamp::now(),
        rows_read,
        findings,
        notes: Vec::new(),
    };
    let mut done = Done::default();
    done.add(keep(api, run).await?, rows_read, kinds);
    Ok(done)
}

/// The contract's ParameterSuggestion, and what we know beside it.
fn show(server: &str, one: &Proposal, text: Option<&str>, order: &Order) -> Value {
    let target = one.target.as_deref().unwrap_or_default();
    let scope = serde_json::to_string(&one.scope).unwrap_or_default();
    let hash = one.fingerprints.first().copied();
    let at = order.at.to_string();
    json!({
        "id": finding_id(&[KIND, server, &one.parameter, &scope, target]),
        "query_hash": hash.unwrap_or(0),
        "fingerprint_hash": text.map(|text| fingerprint(text).hash),
        "query_hashes": one.fingerprints,
        "original_query": text,
        "parameter_name": one.parameter,
        "current_value": one.current,
        "recommended_value": one.proposed,
        "reasoning": one.evidence,
        "description": describe(one),
        "estimated_improvement_percent": one.improvement_percent,
        "confidence_score": one.confidence,
        "saved_seconds_per_day": one.saved_ms_per_day / 1_000.0,
        "scope": one.scope,
        "target": one.target,
        "create_statement": one.statement,
        "undo": one.undo,
        "risk": one.risk,
        "measured_by": one.measured_by,
        "memory_bytes": one.memory_bytes,
        "collector_id": server,
        "created_at": at,
        "updated_at": at,
    })
}

fn describe(one: &Proposal) -> String {
    let current = one.current.as_deref().unwrap_or("not set");
    match &one.target {
        Some(target) => format!(
            "{} of {target}: {} in place of {current}",
            one.parameter, one.proposed
        ),
        None => format!("{}: {} in place of {current}", one.parameter, one.proposed),
    }
}
