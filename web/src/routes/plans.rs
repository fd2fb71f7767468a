//! Plans of statements: taken from collectors, kept as elements, and read with what is wrong with
//! them (contract 1.6 and 1.9).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use http::StatusCode;
use pga_config::CollectorId;
use pga_insight::plan::rules::{PlanFacts, findings};
use pga_insight::plan::{Contract, Plan, parse_json, parse_text};
use pga_storage::query::{ElementOrder, Elements};
use pga_storage::{Document, Element, Timestamp};
use serde_json::{Map, Value, json};
use warp::reply::Response;

use super::analyses::hash_of;
use super::bounded::Bounded;
use super::invalid::invalid;
use super::query_string::QueryString;
use super::reads::collector;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use super::small_body::{not_json, small_body};
use crate::auth::forbidden;
use crate::body::BodyStream;
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::{Principal, Push, timestamps};

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 50, 10);
/// Type of the elements that plans are kept as.
const KIND: &str = "explain_plan";
/// Largest plan, in bytes.
const MAX_BODY: u64 = 4 << 20;
/// Plans of one collector that are looked through for those of one statement.
const MAX_LOOKED_AT: u32 = 1_000;
/// Plans that are read at once for the list of a collector.
const PAGE: u32 = 100;

const PLAN: Shape = Shape::Object(&[
    always("id", Shape::Text),
    always("query_hash", Shape::Integer),
    maybe("query_fingerprint_hash", Shape::Integer),
    always("collected_at", Shape::Time),
    always("plan_json", Shape::Any),
    maybe("plan_text", Shape::Text),
    maybe("rows_expected", Shape::Integer),
    maybe("rows_actual", Shape::Integer),
    maybe("plan_duration_ms", Shape::Number),
    maybe("execution_duration_ms", Shape::Number),
    always("has_seq_scan", Shape::Flag),
    always("has_index_scan", Shape::Flag),
    always("has_bitmap_scan", Shape::Flag),
    always("has_nested_loop", Shape::Flag),
    maybe("total_buffers_read", Shape::Integer),
    maybe("total_buffers_hit", Shape::Integer),
    always("structure", Shape::Text),
    maybe("times_seen", Shape::Integer),
    maybe("first_seen_at", Shape::Time),
    always("tree", Shape::Any),
    always("findings", Shape::List(&Shape::Any)),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/internal/explain-plans",
        "explain_plans",
        Access::Caller,
    )
    .does(
        "Takes a plan of a statement; durable on a quorum before it is answered.",
        Handler::WithBody(|ask, body| Box::pin(take(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        maybe("collector_id", Shape::Text),
        maybe("collected_at", Shape::Time),
        maybe("plan_json", Shape::Any),
        maybe("plan", Shape::Any),
        maybe("plan_text", Shape::Text),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("status", Shape::Text),
    ])))
    .with_status(201)
    .may(&[401, 404, 409, 429]),
    Route::get(
        "/api/v1/collectors/{id}/explain-plans",
        "explain_plans",
        Access::Viewer,
    )
    .does(
        "Lists the newest plans of a collector, each structure of a statement once.",
        Handler::Plain(|ask| Box::pin(of_collector(ask))),
    )
    .asks(&[number(LIMIT)])
    .answers(Content::Json(Shape::Object(&[
        always("collector_id", Shape::Text),
        always("plans", Shape::List(&PLAN)),
        always("count", Shape::Integer),
    ]))),
    Route::get("/api/v1/queries/{hash}/explain", "explain", Access::Viewer)
        .does(
            "Shows the newest plan of a statement, as a tree and with what is wrong with it.",
            Handler::Plain(|ask| Box::pin(newest(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("query_hash", Shape::Integer),
            always("plan", PLAN),
        ]))),
    Route::get(
        "/api/v1/queries/{hash}/explain/history",
        "explain_history",
        Access::Viewer,
    )
    .does(
        "Lists the plans of a statement, the newest first.",
        Handler::Plain(|ask| Box::pin(history(ask))),
    )
    .asks(&[number(LIMIT)])
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("plans", Shape::List(&PLAN)),
        always("count", Shape::Integer),
    ]))),
];

/// Whose plan it is: the collector's that asks, or the one that a user names.
async fn sender(ask: &RequestContext, body: &Map<String, Value>) -> Result<CollectorId, Refusal> {
    let named = body.get("collector_id").and_then(Value::as_str);
    let named = named.map(CollectorId::from_external);
    let known = match (&ask.caller, named) {
        (Principal::Collector(own), None) => return Ok(*own),
        (Principal::Collector(own), Some(named)) if *own == named => return Ok(named),
        (Principal::Collector(_), Some(_)) => {
            return Err(forbidden("A collector sends its own plans only"));
        }
        (Principal::User { role, .. }, _) if role == "viewer" => {
            return Err(forbidden("A viewer sends no plans"));
        }
        (Principal::User { .. }, Some(named)) => named,
        (Principal::User { .. }, None) => {
            return Err(invalid("collector_id is missing: whose plan is it?"));
        }
        (Principal::Anonymous, _) => return Err(Refusal::internal()),
    };
    let is_known = ask.read(|state| state.collector(known).is_some()).await?;
    is_known
        .then_some(known)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "not_found", "Collector not found"))
}

/// A plan as it is kept: both spellings under the names of the contract.
fn element(given: &Map<String, Value>, hash: i64, at: Timestamp) -> Value {
    json!({
        "type": KIND, "timestamp": at.to_string(), "query_hash": hash,
        "database": given.get("database").and_then(Value::as_str).unwrap_or_default(),
        "query_fingerprint_hash": given.get("query_fingerprint_hash"),
        "plan_duration_ms": given.get("plan_duration_ms").or_else(|| given.get("planning_time_ms")),
        "execution_duration_ms": given.get("execution_duration_ms").or_else(|| given.get("execution_time_ms")),
        "plan_json": given.get("plan_json").or_else(|| given.get("plan")),
        "plan_text": given.get("plan_text"),
    })
}

async fn take(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    if matches!(ask.caller, Principal::Anonymous) {
        let text = "Show the token of a collector or a user";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", text));
    }
    let bytes = small_body(&ask, body, MAX_BODY).await?;
    let given: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|error| not_json(&error))?;
    let collector = sender(&ask, &given).await?;
    let hash = given
        .get("query_hash")
        .and_then(Value::as_i64)
        .filter(|hash| *hash != 0);
    let hash =
        hash.ok_or_else(|| invalid("query_hash is missing, or no 64-bit number other than 0"))?;
    let at = match given.get("collected_at").and_then(Value::as_str) {
        None => Timestamp::now(),
        Some(text) => timestamps::parse_text(text).map_err(|_| {
            invalid(format!(
                "collected_at is {text:?}: write a time such as 2027-01-31T00:00:00Z"
            ))
        })?,
    };
    // What has no tree tells nothing: it is refused rather than thrown away.
    let document = given.get("plan_json").or_else(|| given.get("plan"));
    let text = given.get("plan_text").and_then(Value::as_str);
    plan_of(document, text).map_err(|error| invalid(format!("plan_json: {error}")))?;
    let database = given
        .get("database")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let element = element(&given, hash, at);
    let (external_id, hostname) = ask.read_here(|state| {
        let known = state.collector(collector);
        known.map_or_else(Default::default, |known| {
            (known.external_id.clone(), known.hostname.clone())
        })
    })?;
    let push = Push {
        collector,
        external_id,
        hostname,
        version: String::new(),
        received_at: Timestamp::now(),
        idempotency: None,
        elements: vec![Element::Document(Document {
            kind: KIND.to_owned(),
            time: at,
            database: database.to_owned(),
            body: element.to_string().into_bytes(),
        })],
        body_bytes: bytes.len() as u64,
    };
    let admission = &ask.context.admission;
    let permit = admission.turn(admission.lease()).await?;
    ask.context.api.push(push, permit).await?;
    Ok(json(
        StatusCode::CREATED,
        &json!({ "query_hash": hash, "status": "received" }),
    ))
}

fn plan_of(document: Option<&Value>, text: Option<&str>) -> Result<Plan, String> {
    match (document.filter(|document| !document.is_null()), text) {
        (Some(document), _) => parse_json(document).map_err(|error| error.to_string()),
        (None, Some(text)) => parse_text(text).map_err(|error| error.to_string()),
        (None, None) => Err("it is missing, and so is plan_text".to_owned()),
    }
}

/// What the contract may leave out.
fn optional(
    element: &Map<String, Value>,
    contract: &Contract,
) -> [(&'static str, Option<Value>); 8] {
    let whole = |value: Option<f64>| value.map(|value| value.round() as i64);
    let sent = |name: &str| element.get(name).and_then(Value::as_f64);
    [
        (
            "query_fingerprint_hash",
            element.get("query_fingerprint_hash").cloned(),
        ),
        ("plan_text", element.get("plan_text").cloned()),
        (
            "rows_expected",
            whole(Some(contract.rows_expected)).map(Value::from),
        ),
        ("rows_actual", whole(contract.rows_actual).map(Value::from)),
        (
            "plan_duration_ms",
            contract
                .plan_duration_ms
                .or(sent("plan_duration_ms"))
                .map(Value::from),
        ),
        (
            "execution_duration_ms",
            contract
                .execution_duration_ms
                .or(sent("execution_duration_ms"))
                .map(Value::from),
        ),
        (
            "total_buffers_read",
            whole(contract.total_buffers_read).map(Value::from),
        ),
        (
            "total_buffers_hit",
            whole(contract.total_buffers_hit).map(Value::from),
        ),
    ]
}

/// A plan as it is shown: what the contract names is told from the tree, never as it was sent.
fn show(text: &str, seen: u32) -> Option<Value> {
    let element: Map<String, Value> = serde_json::from_str(text).ok()?;
    let plan = plan_of(
        element.get("plan_json"),
        element.get("plan_text").and_then(Value::as_str),
    )
    .ok()?;
    let contract = Contract::of(&plan);
    let facts = PlanFacts {
        other_plans: seen,
        ..PlanFacts::default()
    };
    let collected_at = element.get("timestamp")?.as_str()?;
    let hash = element.get("query_hash")?.as_i64()?;
    let mut shown = json!({
        "id": format!("{hash}@{collected_at}"),
        "query_hash": hash,
        "collected_at": collected_at,
        "plan_json": element.get("plan_json"),
        "has_seq_scan": contract.has_seq_scan,
        "has_index_scan": contract.has_index_scan,
        "has_bitmap_scan": contract.has_bitmap_scan,
        "has_nested_loop": contract.has_nested_loop,
        "structure": format!("{:016x}", plan.structure()),
        "tree": plan,
        "findings": findings(&plan, &facts),
    });
    let optional = optional(&element, &contract);
    for (name, value) in optional {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            shown[name] = value;
        }
    }
    Some(shown)
}

/// A page of the newest plans of a collector, as they are kept.
fn question(collector: CollectorId, limit: u32) -> Elements {
    Elements {
        collector,
        kind: Some(KIND.to_owned()),
        from: None,
        to: None,
        order: ElementOrder::Descending,
        limit,
        cursor: None,
    }
}

/// The newest plan of each structure of each statement, by what was looked through: a plan that
/// comes again takes no place of another one.
#[derive(Debug, Default)]
struct Distinct {
    places: HashMap<(i64, String), usize>,
    plans: Vec<Value>,
}

impl Distinct {
    /// Takes one that is not newer than those before.
    fn add(&mut self, plan: Value) {
        let structure = plan["structure"].as_str().unwrap_or_default();
        let hash = plan["query_hash"].as_i64().unwrap_or_default();
        let key = (hash, structure.to_owned());
        match self.places.entry(key) {
            Entry::Occupied(place) => {
                if let Some(known) = self.plans.get_mut(*place.get()) {
                    known["times_seen"] = json!(known["times_seen"].as_u64().unwrap_or(0) + 1);
                    known["first_seen_at"] = plan["collected_at"].clone();
                }
            }
            Entry::Vacant(place) => {
                place.insert(self.plans.len());
                let mut plan = plan;
                plan["times_seen"] = json!(1);
                plan["first_seen_at"] = plan["collected_at"].clone();
                self.plans.push(plan);
            }
        }
    }
}

async fn of_collector(ask: RequestContext) -> Result<Response, Refusal> {
    let id = collector(ask.segment())?;
    let limit = QueryString::parse(&ask.query)?.number(LIMIT) as usize;
    let (mut found, mut looked_at) = (Distinct::default(), 0);
    let mut query = question(id, PAGE);
    while found.plans.len() < limit && looked_at < MAX_LOOKED_AT {
        let page = questions::ask(&*ask.context.api, id, &query).await?;
        let texts = page.data;
        let shown = pga_runtime::spawn_blocking(move || -> Vec<Value> {
            texts.iter().filter_map(|text| show(text, 0)).collect()
        });
        let shown = shown.await.map_err(|_| Refusal::internal())?;
        shown.into_iter().for_each(|plan| found.add(plan));
        looked_at += PAGE;
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    found.plans.truncate(limit);
    let (plans, count) = (&found.plans, found.plans.len());
    let answer = json!({ "collector_id": ask.segment(), "count": count, "plans": plans });
    Ok(json(StatusCode::OK, &answer))
}

/// The plans of a statement of all collectors, the newest first.
async fn of_statement(
    ask: &RequestContext,
    hash: i64,
    limit: usize,
) -> Result<Vec<Value>, Refusal> {
    let collectors = ask
        .read(|state| state.watched().map(|(id, _)| *id).collect::<Vec<_>>())
        .await?;
    let wanted = format!("\"query_hash\":{hash},");
    let mut found: Vec<(Timestamp, String)> = Vec::new();
    for id in collectors {
        let page = questions::ask(&*ask.context.api, id, &question(id, MAX_LOOKED_AT)).await?;
        let of_hash = page.data.into_iter().filter(|text| text.contains(&wanted));
        found.extend(of_hash.filter_map(|text| Some((time_of(&text)?, text))));
    }
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let seen = u32::try_from(found.len())
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let shown = found
        .iter()
        .take(limit)
        .filter_map(|(_, text)| show(text, seen));
    Ok(shown.collect())
}

fn time_of(text: &str) -> Option<Timestamp> {
    let element: Map<String, Value> = serde_json::from_str(text).ok()?;
    timestamps::parse_text(element.get("timestamp")?.as_str()?).ok()
}

async fn newest(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let plans = of_statement(&ask, hash, 1).await?;
    let plan = plans.into_iter().next().ok_or_else(no_plan)?;
    Ok(json(
        StatusCode::OK,
        &json!({ "query_hash": hash, "plan": plan }),
    ))
}

fn no_plan() -> Refusal {
    let text = "No plan of this statement is known";
    Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
}

async fn history(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let limit = QueryString::parse(&ask.query)?.number(LIMIT);
    let plans = of_statement(&ask, hash, limit as usize).await?;
    if plans.is_empty() {
        return Err(no_plan());
    }
    Ok(json(
        StatusCode::OK,
        &json!({ "query_hash": hash, "count": plans.len(), "plans": plans }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_comes_again_is_counted_and_takes_no_place() {
        let mut found = Distinct::default();
        for (hash, structure, at) in [
            (1, "a", "T5"),
            (1, "a", "T4"),
            (2, "a", "T3"),
            (1, "b", "T2"),
            (1, "a", "T1"),
        ] {
            found.add(json!({ "query_hash": hash, "structure": structure, "collected_at": at }));
        }
        let told = found.plans.iter().map(|plan| {
            let text = |name: &str| plan[name].as_str().unwrap_or_default().to_owned();
            let times = plan["times_seen"].as_u64().unwrap_or_default();
            (
                text("structure"),
                text("collected_at"),
                text("first_seen_at"),
                times,
            )
        });
        let row =
            |s: &str, at: &str, first: &str, times| (s.into(), at.into(), first.into(), times);
        assert_eq!(
            told.collect::<Vec<(String, String, String, u64)>>(),
            [
                row("a", "T5", "T1", 3),
                row("a", "T3", "T3", 1),
                row("b", "T2", "T2", 1)
            ]
        );
    }
}
