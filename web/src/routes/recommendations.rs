//! What to do, from all analyses, what is worth most first (contract 1.13).

use pga_storage::Timestamp;
use std::collections::BTreeMap;

use http::StatusCode;
use pga_config::CollectorId;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, decided, dismiss_one, given, order, statement_unknown};
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use crate::analyses::workload::{Statement, Window, statements};
use crate::analyses::{findings, indexes, parameters, rewrites};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const RECOMMENDATION: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("query_hash", Shape::Any),
    always("source_type", Shape::Text),
    maybe("source_id", Shape::Integer),
    always("recommendation_text", Shape::Text),
    maybe("detailed_explanation", Shape::Text),
    always("original_query", Shape::TextOrNull),
    always("suggested_rewrite", Shape::TextOrNull),
    always("question", Shape::TextOrNull),
    always("then", Shape::Any),
    always("undo", Shape::TextOrNull),
    always("estimated_improvement_percent", Shape::Any),
    always("confidence_score", Shape::Number),
    always("urgency_score", Shape::Number),
    always("roi_score", Shape::Number),
    always("rank_score", Shape::Number),
    always("saved_seconds_per_day", Shape::Any),
    maybe("implementation_complexity", Shape::Text),
    always("is_dismissed", Shape::Flag),
    always("collector_id", Shape::Any),
    always("database_name", Shape::Text),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/optimization-recommendations",
        "recommendations",
        Access::Viewer,
    )
    .does(
        "Lists what to do, from all analyses, what is worth most first.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(&[
        maybe("limit", Shape::Integer),
        maybe("min_impact", Shape::Number),
        maybe("source_type", Shape::Text),
        maybe("collector_id", Shape::Text),
        MIN_POSITION,
    ])
    .answers(Content::Json(Shape::List(&RECOMMENDATION))),
    Route::post(
        "/api/v1/optimization-recommendations/{id}/dismiss",
        "recommendation_dismiss",
        Access::User,
    )
    .does(
        "Dismisses a recommendation: it is not listed any more.",
        Handler::WithBody(|ask, body| Box::pin(dismiss(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[maybe(
        "reason",
        Shape::Text,
    )])))
    .answers(Content::Json(Shape::Object(&[
        always("id", Shape::Integer),
        always("status", Shape::Text),
        always("reason", Shape::Text),
    ]))),
    Route::post(
        "/api/v1/recommendations/aggregate",
        "recommendations",
        Access::User,
    )
    .does(
        "Judges the whole workload, or one statement, anew.",
        Handler::WithBody(|ask, body| Box::pin(aggregate(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        maybe("query_hash", Shape::Integer),
        maybe("min_confidence", Shape::Number),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("recommendations_aggregated", Shape::Integer),
        always("source_types", Shape::List(&Shape::Text)),
        always("aggregated_at", Shape::Time),
        always("message", Shape::Text),
    ])))
    .may(&[404]),
];

/// Analyses whose findings are recommended.
const SOURCES: [(&str, &str); 3] = [
    ("index", indexes::KIND),
    ("rewrite", rewrites::KIND),
    ("parameter", parameters::KIND),
];
/// Hours for which a finding holds: each analysis runs once a day.
const HOURS: i64 = 8 * 24;

/// The statements of the last day by server and id, for what they weigh.
type Loads = BTreeMap<(String, i64), Statement>;

async fn loads(ask: &RequestContext) -> Result<Loads, Refusal> {
    let collectors: Vec<CollectorId> =
        ask.read_here(|state| state.watched().map(|(id, _)| *id).collect())?;
    let mut all = Loads::new();
    for collector in collectors {
        let window = Window::hours_before(Timestamp::now(), 24);
        let found = statements(&*ask.context.api, collector, window, None).await?;
        let server = collector.to_string();
        all.extend(
            found
                .into_values()
                .map(|one| ((server.clone(), one.hash), one)),
        );
    }
    Ok(all)
}

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

/// The contract's OptimizationRecommendation. Rank is seconds a day that are saved, by confidence
/// and risk; what is not known to save anything comes last.
fn show(finding: &Value, source: &str, server: &Value, loads: &Loads) -> Value {
    let helped = finding["helps"].as_array().and_then(|all| all.first());
    let hash = finding["query_hash"].as_i64();
    let hash = hash.or_else(|| helped?["hash"].as_i64());
    let load = hash.and_then(|hash| loads.get(&(server.as_str()?.to_owned(), hash)));
    let improvement = finding["estimated_improvement_percent"].as_f64();
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
    let text = match finding["create_statement"].as_str() {
        Some(statement) => statement.to_owned(),
        None => finding["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    let why = ["reason", "reasoning"]
        .into_iter()
        .find_map(|name| finding[name].as_str());
    json!({
        "id": finding["id"],
        "query_hash": hash,
        "source_type": source,
        "source_id": finding["id"],
        "recommendation_text": text,
        "detailed_explanation": why,
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
        "is_dismissed": finding["dismissed"] == true || finding["implemented"] == true,
        "collector_id": server,
        "database_name": finding["database_name"],
        "created_at": finding["created_at"],
        "updated_at": finding["created_at"],
    })
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number("limit", 1, 500, 20) as usize;
    let least = match args.text("min_impact") {
        None => 5.0,
        Some(text) => text
            .parse::<f64>()
            .ok()
            .filter(|least| *least >= 0.0)
            .ok_or_else(|| {
                let text = format!("min_impact is {text:?}: it is a share in percent, such as 5");
                Refusal::bad("argument", text)
            })?,
    };
    if let Some(position) = args.position("min_position")? {
        // What is read below is of the same store, once it holds that much.
        findings::newest(&*ask.context.api, "none", Some(position), |_| false).await?;
    }
    let mut rows = ranked(&ask, args.text("source_type"), least).await?;
    if let Some(server) = args.text("collector_id") {
        rows.retain(|row| row["collector_id"] == server);
    }
    rows.truncate(limit);
    Ok(json(StatusCode::OK, &Value::Array(rows)))
}

/// What to do, of one source or of all, what is worth most first; what saves less than `least`
/// percent is left out.
pub(super) async fn ranked(
    ask: &RequestContext,
    wanted: Option<&str>,
    least: f64,
) -> Result<Vec<Value>, Refusal> {
    let loads = loads(ask).await?;
    let mut rows = Vec::new();
    let from = Window::hours_before(Timestamp::now(), HOURS).from;
    let sources = SOURCES.into_iter();
    for (source, kind) in sources.filter(|(source, _)| wanted.is_none_or(|one| one == *source)) {
        for (server, found) in findings::current(&*ask.context.api, kind, from).await? {
            let found = decided(ask, found)?;
            rows.extend(found.iter().map(|one| show(one, source, &server, &loads)));
        }
    }
    // What nobody could estimate is not below the bound.
    rows.retain(|row| {
        let known = row["estimated_improvement_percent"].as_f64();
        row["is_dismissed"] == false && known.is_none_or(|share| share >= least)
    });
    let rank = |row: &Value| row["rank_score"].as_f64().unwrap_or(0.0);
    rows.sort_by(|one, other| rank(other).total_cmp(&rank(one)));
    Ok(rows)
}

async fn dismiss(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    dismiss_one(&ask, body, &SOURCES.map(|(_, kind)| kind)).await
}

#[derive(Debug, Default, Deserialize)]
struct Given {
    query_hash: Option<i64>,
}

async fn aggregate(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Given = given(&ask, body).await?;
    let (order, api) = (order(&ask), &*ask.context.api);
    let (done, sources) = match given.query_hash {
        Some(hash) => {
            let done = rewrites::generate(api, hash, &order).await?;
            let mut done = done.ok_or_else(statement_unknown)?;
            if let Some(more) = parameters::generate(api, hash, &order).await? {
                done.join(more);
            }
            (done, vec!["rewrite", "parameter"])
        }
        None => {
            let mut done = indexes::all(api, &order).await?;
            done.join(rewrites::all(api, &order).await?);
            done.join(parameters::all(api, &order).await?);
            (done, SOURCES.map(|(source, _)| source).to_vec())
        }
    };
    let answer = json!({
        "recommendations_aggregated": done.found,
        "source_types": sources,
        "aggregated_at": order.at.to_string(),
        "message": format!("{} rows read", done.rows_read),
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}
