//! What to do, from all analyses, what is worth most first (contract 1.13).

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{
    at_once, decide, decision, given, named, order, statement_unknown, with_left_out,
};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::analyses::{indexes, parameters, recommendations, rewrites};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 500, 20);
const EVIDENCE: Shape = Shape::Object(&[
    always("source_type", Shape::Text),
    always("source_id", Shape::Integer),
    always("rule", Shape::TextOrNull),
    always("collector_id", Shape::Text),
    always("text", Shape::Text),
    always("suggested_rewrite", Shape::TextOrNull),
    always("explanation", Shape::TextOrNull),
    always("confidence_score", Shape::Number),
    always("saved_seconds_per_day", Shape::Any),
]);
const RECOMMENDATION: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("query_hash", Shape::Any),
    always("query_hashes", Shape::List(&Shape::Integer)),
    always("source_type", Shape::Text),
    always("source_types", Shape::List(&Shape::Text)),
    maybe("source_id", Shape::Integer),
    always("recommendation_text", Shape::Text),
    maybe("detailed_explanation", Shape::Text),
    always("why_now", Shape::Text),
    always("costs", Shape::Text),
    always("evidence", Shape::List(&EVIDENCE)),
    always("related", Shape::List(&Shape::Integer)),
    always("rule", Shape::TextOrNull),
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
    maybe("experience_factor", Shape::Number),
    maybe("experience", Shape::Text),
    always("saved_seconds_per_day", Shape::Any),
    maybe("implementation_complexity", Shape::Text),
    always("is_dismissed", Shape::Flag),
    always("collector_id", Shape::Text),
    always("collector_ids", Shape::List(&Shape::Text)),
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
        "Lists what to do, from all analyses, one entry for each subject, what is worth most first; `X-Pganalytics-Left-Out` counts findings that were not kept.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(&[
        number(LIMIT),
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

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
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
    let position = args.position("min_position")?;
    let listed = recommendations::list(&*ask.context.api, position).await?;
    let mut rows = at_least(listed.rows, least);
    if let Some(source) = args.text("source_type") {
        rows.retain(|row| holds(&row["source_types"], source));
    }
    if let Some(server) = args.text("collector_id") {
        rows.retain(|row| holds(&row["collector_ids"], server));
    }
    rows.truncate(limit);
    let response = json(StatusCode::OK, &Value::Array(rows));
    Ok(with_left_out(response, listed.left_out))
}

/// Whether a list of texts has one.
pub(super) fn holds(list: &Value, text: &str) -> bool {
    let all = list.as_array().into_iter().flatten();
    all.into_iter().any(|one| one == text)
}

/// Those that save at least so many percent; what nobody could estimate is not below the bound.
pub(super) fn at_least(mut rows: Vec<Value>, least: f64) -> Vec<Value> {
    rows.retain(|row| {
        let known = row["estimated_improvement_percent"].as_f64();
        known.is_none_or(|share| share >= least)
    });
    rows
}

/// Dismisses a recommendation with all that it is made of.
async fn dismiss(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let kinds = recommendations::SOURCES.map(|(_, kind)| kind);
    let (id, reason) = named(&ask, body, &kinds).await?;
    let parts = recommendations::parts(&*ask.context.api, id).await?;
    decide(&ask, &parts, "dismissed", &reason).await?;
    Ok(decision(id, "dismissed", &reason))
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
            let sources = recommendations::SOURCES.map(|(source, _)| source);
            (done, sources.to_vec())
        }
    };
    let done = recommendations::after(api, done, &order).await?;
    let answer = json!({
        "recommendations_aggregated": done.found,
        "source_types": sources,
        "aggregated_at": order.at.to_string(),
        "message": format!("{} rows read", done.rows_read),
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}
