//! What comes back in the load of databases (contract 1.13 and 1.14).

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, given, order, rows_of};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::analyses::findings::{Newest, newest};
use crate::analyses::patterns;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 1_000, 50);
/// Days that may be looked back at.
const DAYS: (i64, i64) = (7, 365);

const PATTERN: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("database_name", Shape::Text),
    always("pattern_type", Shape::Text),
    always("pattern_metadata", Shape::Any),
    always("detection_timestamp", Shape::Time),
    always("description", Shape::Text),
    always("affected_query_count", Shape::Integer),
    always("collector_id", Shape::Text),
    always("missed_runs", Shape::Integer),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/workload-patterns/analyze",
        "patterns_analyze",
        Access::User,
    )
    .does(
        "Looks for what comes back in the load of a database.",
        Handler::WithBody(|ask, body| Box::pin(analyze(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("database_name", Shape::Text),
        maybe("lookback_days", Shape::Integer),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("patterns_detected", Shape::Integer),
        always("database_name", Shape::Text),
        always("lookback_days", Shape::Integer),
        always("timestamp", Shape::Time),
    ]))),
    Route::get("/api/v1/workload-patterns", "patterns", Access::Viewer)
        .does(
            "Lists what comes back in the load of databases, what is surest first.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[
            maybe("database_name", Shape::Text),
            maybe("pattern_type", Shape::Text),
            maybe("collector_id", Shape::Text),
            number(LIMIT),
            MIN_POSITION,
        ])
        .answers(Content::Json(Shape::List(&PATTERN))),
    Route::post(
        "/api/v1/ml/patterns/detect",
        "patterns_detect",
        Access::User,
    )
    .does(
        "Looks for what comes back in the load of a database, and tells it.",
        Handler::WithBody(|ask, body| Box::pin(detect(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("database_url", Shape::Text),
        maybe("lookback_days", Shape::Integer),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("patterns_detected", Shape::Integer),
        always("patterns", Shape::List(&Shape::Any)),
        always("timestamp", Shape::Time),
    ]))),
];

#[derive(Debug, Default, Deserialize)]
struct Given {
    database_name: Option<String>,
    database_url: Option<String>,
    lookback_days: Option<i64>,
}

impl Given {
    fn days(&self) -> Result<i64, Refusal> {
        let days = self.lookback_days.unwrap_or(patterns::DAYS);
        if days < DAYS.0 {
            let text = format!("lookback_days is {days}: at least {} are needed", DAYS.0);
            return Err(Refusal::bad("argument", text));
        }
        Ok(days.min(DAYS.1))
    }
}

async fn analyze(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Given = given(&ask, body).await?;
    let days = given.days()?;
    let name = given.database_name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::bad("argument", "database_name is missing"))?;
    let order = order(&ask);
    let done = patterns::analyze(&*ask.context.api, &name, days, &order).await?;
    let answer = json!({
        "patterns_detected": done.found,
        "database_name": name,
        "lookback_days": days,
        "timestamp": order.at.to_string(),
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

/// The rows of the list: without what only the next run needs.
fn rows(runs: &[Value]) -> Vec<Value> {
    let mut rows = rows_of(runs);
    let confidence = |row: &Value| row["pattern_metadata"]["confidence"].as_f64();
    rows.retain(|row| confidence(row).is_some_and(|sure| sure >= patterns::LEAST));
    rows.sort_by(|one, other| {
        let sure = |row: &Value| confidence(row).unwrap_or(0.0);
        sure(other).total_cmp(&sure(one))
    });
    for row in &mut rows {
        if let Some(row) = row.as_object_mut() {
            row.remove("kept");
        }
    }
    rows
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let min_position = args.position("min_position")?;
    let runs = newest(
        &*ask.context.api,
        Newest::of(patterns::KIND).at(min_position).daily(),
        |_| true,
    )
    .await?;
    let mut rows = rows(&runs);
    for name in ["database_name", "pattern_type", "collector_id"] {
        if let Some(wanted) = args.text(name) {
            rows.retain(|row| row[name] == wanted);
        }
    }
    rows.truncate(limit);
    Ok(json(StatusCode::OK, &Value::Array(rows)))
}

/// The database that a URL or keywords name; a plain word is its name.
fn database_of(url: &str) -> Option<String> {
    if !url.contains([':', '/', '=']) {
        return Some(url.to_owned()).filter(|name| !name.is_empty());
    }
    let keyword = url
        .split_whitespace()
        .find_map(|word| word.strip_prefix("dbname="));
    let path = || {
        let (_, rest) = url.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        path.split(['?', '#']).next()
    };
    let name = keyword.or_else(path).filter(|name| !name.is_empty())?;
    Some(name.to_owned())
}

async fn detect(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Given = given(&ask, body).await?;
    let days = given.days()?;
    let name = given.database_url.as_deref().and_then(database_of);
    let name = name.ok_or_else(|| {
        let text = "database_url names no database: it is postgres://host/name or a name";
        Refusal::bad("argument", text)
    })?;
    let (order, api) = (order(&ask), &*ask.context.api);
    let done = patterns::analyze(api, &name, days, &order).await?;
    let runs = newest(
        api,
        Newest::of(patterns::KIND).at(done.position).daily(),
        |_| true,
    )
    .await?;
    let mut found = rows(&runs);
    found.retain(|row| row["database_name"] == name.as_str() && row["missed_runs"] == 0);
    let told: Vec<Value> = found
        .iter()
        .map(|row| {
            json!({
                "type": row["pattern_type"],
                "description": row["description"],
                "confidence": row["pattern_metadata"]["confidence"],
                "metadata": row["pattern_metadata"],
            })
        })
        .collect();
    let answer = json!({
        "patterns_detected": told.len(),
        "patterns": told,
        "timestamp": order.at.to_string(),
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_found() {
        for (url, name) in [
            ("postgres://u:p@h:5432/shop?sslmode=require", Some("shop")),
            ("postgresql://h/shop", Some("shop")),
            ("host=h dbname=shop user=u", Some("shop")),
            ("shop", Some("shop")),
            ("postgres://h", None),
            ("postgres://h/", None),
            ("", None),
        ] {
            assert_eq!(database_of(url).as_deref(), name, "{url}");
        }
    }
}
