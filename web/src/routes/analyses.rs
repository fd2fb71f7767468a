//! What the routes of analyses share.

use http::StatusCode;
use pga_cluster::{ControlCommand, Decision, InsightCommand};
use serde_json::{Value, json};
use warp::reply::Response;

use super::RequestContext;
use super::decision::Note;
use super::query_string::QueryString;
use super::reads::at_position;
use crate::analyses::{Done, Order, findings};
use crate::refusal::Refusal;
use crate::wall_clock::now;

/// Who asks for an analysis, and when.
pub(super) fn order(ask: &RequestContext) -> Order {
    Order {
        by: ask.actor(),
        at: now(),
    }
}

/// The statement that a path names; ids of PostgreSQL are signed.
pub(super) fn hash_of(ask: &RequestContext) -> Result<i64, Refusal> {
    let parsed = ask.segment().parse::<i64>().ok();
    let parsed = parsed.filter(|hash| *hash != 0);
    parsed.ok_or_else(|| Refusal::bad("argument", "The query hash is no 64-bit number but 0"))
}

/// The text that a path segment stands for.
pub(super) fn text_segment(ask: &RequestContext) -> Result<String, Refusal> {
    let args = QueryString::parse(&format!("name={}", ask.segment().replace('+', "%2B")))?;
    let name = args.text("name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::bad("argument", "The name in the path is empty"))?;
    Ok(name.to_owned())
}

pub(super) fn statement_unknown() -> Refusal {
    let text = "No collector has sent this statement in the last 30 days";
    Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
}

/// The answer, once this node's store shows what was found, so that a list right after it does too.
pub(super) async fn at_once(
    ask: &RequestContext,
    response: Response,
    done: &Done,
) -> Result<Response, Refusal> {
    let Some(position) = done.position else {
        return Ok(response);
    };
    // A store that is away or behind does not undo what is durable.
    drop(findings::newest(&*ask.context.api, "none", Some(position), |_| false).await);
    Ok(at_position(response, position, ask))
}

/// The findings of runs.
pub(super) fn rows_of(runs: &[Value]) -> Vec<Value> {
    let all = runs.iter().filter_map(|run| run["findings"].as_array());
    all.flatten().cloned().collect()
}

/// Findings with what was decided about them.
pub(super) fn decided(ask: &RequestContext, mut rows: Vec<Value>) -> Result<Vec<Value>, Refusal> {
    ask.read_here(|state| {
        for row in &mut rows {
            let id = row["id"].as_u64();
            let decision = id.and_then(|id| state.decisions().get(&id));
            let is = |verdict: &str| decision.is_some_and(|one| one.verdict == verdict);
            row["dismissed"] = json!(is("dismissed"));
            row["implemented"] = json!(is("implemented"));
            if let Some(decision) = decision {
                row["implementation_notes"] = json!(decision.note);
                row["decided_by"] = json!(decision.by);
                row["decided_at"] = json!(decision.at.to_string());
            }
        }
    })?;
    Ok(rows)
}

/// Writes down what was decided about a finding.
pub(super) async fn decide(
    ask: &RequestContext,
    finding: u64,
    (verdict, note): (&str, String),
    action: &'static str,
) -> Result<(), Refusal> {
    let decision = Decision {
        verdict: verdict.to_owned(),
        note: note.clone(),
        by: ask.actor(),
        at: now(),
    };
    let written = Note::new(action, finding.to_string()).after(json!({ "note": note }));
    let command = InsightCommand::Decide { finding, decision };
    ask.decide(ControlCommand::Insight(Box::new(command)), written)
        .await
}
