//! What the routes of analyses share.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use pga_cluster::{ControlCommand, Decision, InsightCommand};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use warp::reply::Response;

use super::decision::Note;
use super::invalid::invalid;
use super::query_string::QueryString;
use super::reads::at_position;
use super::request_context::RequestContext;
use super::small_body::{not_json, small_body};
use crate::analyses::findings::{Newest, newest};
use crate::analyses::{Done, Order};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

/// Largest body, in bytes.
const MAX_BODY: u64 = 16 << 10;
/// Longest reason, in characters.
const MAX_REASON: usize = 2_000;

/// Findings that were left out, since a run keeps so many only.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-pganalytics-left-out");

/// The same with how many findings were left out.
pub(super) fn with_left_out(mut response: Response, left_out: u64) -> Response {
    let left_out = HeaderValue::from(left_out);
    response.headers_mut().insert(LEFT_OUT, left_out);
    response
}

/// Who asks for an analysis, and when.
pub(super) fn order(ask: &RequestContext) -> Order {
    Order {
        by: ask.actor(),
        at: Timestamp::now(),
        is_paced: false,
    }
}

/// The statement that a path names; ids of PostgreSQL are signed.
pub(super) fn hash_of(ask: &RequestContext) -> Result<i64, Refusal> {
    let parsed = ask.segment().parse::<i64>().ok();
    let parsed = parsed.filter(|hash| *hash != 0);
    parsed.ok_or_else(|| {
        let text = format!(
            "The query hash {:?} is no whole number of 64 bits other than 0",
            ask.segment()
        );
        Refusal::bad("argument", text)
    })
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
    let barrier = Newest::of("none").at(Some(position));
    drop(newest(&*ask.context.api, barrier, |_| false).await);
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

/// A body that may be missing.
pub(super) async fn given<T: DeserializeOwned + Default>(
    ask: &RequestContext,
    body: BodyStream,
) -> Result<T, Refusal> {
    let bytes = small_body(ask, body, MAX_BODY).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes).map_err(|error| not_json(&error))
}

#[derive(Debug, Default, Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
}

/// Whether an analysis of these kinds has found something of this id.
pub(super) async fn is_found(
    ask: &RequestContext,
    id: u64,
    kinds: &[&str],
) -> Result<bool, Refusal> {
    let holds = |run: &Value| {
        let found = run["findings"].as_array();
        let is_it = |one: &Value| {
            ["id", "part_of"]
                .iter()
                .any(|key| one[key].as_u64() == Some(id))
        };
        found.is_some_and(|all| all.iter().any(is_it))
    };
    let mut is_known = false;
    for kind in kinds {
        let runs = newest(&*ask.context.api, Newest::of(kind), holds).await?;
        is_known |= !runs.is_empty();
    }
    Ok(is_known)
}

/// Dismisses the finding that a path names, if an analysis of these kinds has found it.
pub(super) async fn dismiss_one(
    ask: &RequestContext,
    body: BodyStream,
    kinds: &[&str],
) -> Result<Response, Refusal> {
    decide_one(ask, body, kinds, "dismissed").await
}

/// Decides about the finding that a path names, if an analysis of these kinds has found it.
pub(super) async fn decide_one(
    ask: &RequestContext,
    body: BodyStream,
    kinds: &[&str],
    verdict: &'static str,
) -> Result<Response, Refusal> {
    let (id, reason) = named(ask, body, kinds).await?;
    decide(ask, &[id], verdict, &reason).await?;
    Ok(decision(id, verdict, &reason))
}

/// The finding that a path names, if an analysis of these kinds has found it, and the reason that
/// the body gives.
pub(super) async fn named(
    ask: &RequestContext,
    body: BodyStream,
    kinds: &[&str],
) -> Result<(u64, String), Refusal> {
    let id: u64 = ask
        .segment()
        .parse()
        .map_err(|_| Refusal::bad("argument", "The id is no whole number"))?;
    let reason = given::<Why>(ask, body).await?.reason;
    if reason.chars().count() > MAX_REASON {
        return Err(invalid("reason is longer than 2000 characters"));
    }
    if !is_found(ask, id, kinds).await? {
        let text = "Nothing of this id was found";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", text));
    }
    Ok((id, reason))
}

/// Decides about findings.
pub(super) async fn decide(
    ask: &RequestContext,
    findings: &[u64],
    verdict: &'static str,
    reason: &str,
) -> Result<(), Refusal> {
    let action = match verdict {
        "resolved" => "anomaly.resolve",
        _ => "advice.dismiss",
    };
    for finding in findings {
        let decision = Decision {
            verdict: verdict.to_owned(),
            note: reason.to_owned(),
            by: ask.actor(),
            at: Timestamp::now(),
        };
        let note = Note::new(action, finding.to_string()).after(json!({ "reason": reason }));
        let finding = *finding;
        let command = InsightCommand::Decide { finding, decision };
        ask.decide(ControlCommand::Insight(Box::new(command)), note)
            .await?;
    }
    Ok(())
}

/// What is answered to a decision.
pub(super) fn decision(id: u64, verdict: &str, reason: &str) -> Response {
    let answer = json!({ "id": id, "status": verdict, "reason": reason });
    json(StatusCode::OK, &answer)
}
