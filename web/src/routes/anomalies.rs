//! What is not usual (contract 1.9 and 1.11).

use std::collections::BTreeMap;

use http::StatusCode;
use pga_insight::anomalies::Kind;
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, decide_one, hash_of, order};
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::MIN_POSITION;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe, number};
use crate::analyses::anomalies::{self, Record};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 100, 50);
const DAYS_BACK: Bounded = Bounded::of_contract("days", 1, 30, 7);
const DAY: i64 = 86_400_000_000;
/// Days that a list of what is over looks back at.
const DAYS: i64 = 7;

const ANOMALY: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("query_hash", Shape::Integer),
    always("anomaly_type", Shape::Text),
    always("severity", Shape::Text),
    always("detected_at", Shape::Time),
    always("metric_name", Shape::Text),
    always("metric_value", Shape::Number),
    always("baseline_value", Shape::Number),
    always("deviation_stddev", Shape::Number),
    always("z_score", Shape::Number),
    always("raw_metrics_json", Shape::Any),
    always("resolved", Shape::Flag),
    maybe("resolved_at", Shape::Time),
    maybe("resolved_by", Shape::Text),
    maybe("reason", Shape::Text),
    always("collector_id", Shape::Text),
    always("database_name", Shape::Text),
    always("subject", Shape::Text),
    always("started_at", Shape::Time),
    always("ended_at", Shape::Any),
    always("ended_by", Shape::TextOrNull),
    always("members", Shape::List(&Shape::Any)),
]);
const ASKS: &[Field] = &[
    maybe("severity", Shape::Text),
    number(LIMIT),
    maybe("state", Shape::Text),
    maybe("collector_id", Shape::Text),
    MIN_POSITION,
];

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/anomalies", "anomalies", Access::Viewer)
        .does(
            "Lists what is not usual now, the newest first; with `state=all` also what is over since a week.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(ASKS)
        .answers(Content::Json(Shape::Object(&[
            always("severity", Shape::Text),
            always("anomalies", Shape::List(&ANOMALY)),
            always("count", Shape::Integer),
            always("total", Shape::Integer),
        ]))),
    Route::get(
        "/api/v1/queries/{hash}/anomalies",
        "anomalies",
        Access::Viewer,
    )
    .does(
        "Lists what was not usual of a statement, the newest first.",
        Handler::Plain(|ask| Box::pin(of_statement(ask))),
    )
    .asks(&[number(DAYS_BACK)])
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("anomalies", Shape::List(&ANOMALY)),
        always("count", Shape::Integer),
        always("days", Shape::Integer),
    ]))),
    Route::post("/api/v1/anomalies/detect", "anomalies", Access::User)
        .does(
            "Judges the last hour of all servers at once.",
            Handler::Plain(|ask| Box::pin(detect(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("status", Shape::Text),
            always("message", Shape::Text),
            always("found", Shape::Integer),
        ]))),
    Route::post("/api/v1/anomalies/{id}/resolve", "anomalies", Access::User)
        .does(
            "Resolves an anomaly: it is not listed any more.",
            Handler::WithBody(|ask, body| Box::pin(resolve(ask, body))),
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
];

/// Minutes that two anomalies of a statement may begin apart and still be one.
const APART: i64 = 15;

/// The anomaly that says what this one says too: a statement that takes longer also takes more of
/// the server's time, and often reads more.
fn said_by<'a>(record: &Record, all: &'a [Record]) -> Option<&'a Record> {
    let causes: &[Kind] = match record.kind() {
        Kind::StatementTime => &[Kind::StatementMeanMs, Kind::StatementCalls],
        Kind::StatementReads | Kind::StatementIoMs => &[Kind::StatementMeanMs],
        _ => return None,
    };
    let is_cause = |one: &&Record| {
        causes.contains(&one.kind())
            && one.subject == record.subject
            && one.collector_id == record.collector_id
            && one.ended.is_none() == record.ended.is_none()
            && one.started.since(record.started).abs() <= APART
    };
    all.iter().find(is_cause)
}

/// Rows of anomalies: those that began together on one server are one row with its members, and so
/// are those of one statement that say the same.
fn rows(ask: &RequestContext, records: &[Record]) -> Result<Vec<Value>, Refusal> {
    let mut together = BTreeMap::<u64, Vec<&Record>>::new();
    let mut rows = Vec::new();
    for record in records {
        match record.part_of {
            None if said_by(record, records).is_some() => {}
            None => {
                let same =
                    |one: &&Record| said_by(one, records).map(|one| one.id) == Some(record.id);
                let members = records.iter().filter(same);
                let mut row = record.show();
                row["members"] = members.map(Record::show).collect();
                rows.push(row);
            }
            Some(whole) => together.entry(whole).or_default().push(record),
        }
    }
    for (id, mut members) in together {
        members.sort_by(|one, other| {
            let worst = other.anomaly.severity.cmp(&one.anomaly.severity);
            worst.then(other.anomaly.z_score.total_cmp(&one.anomaly.z_score))
        });
        let Some(worst) = members.first() else {
            continue;
        };
        let mut row = worst.show();
        row["id"] = json!(id);
        row["query_hash"] = json!(0);
        row["anomaly_type"] = json!("load_shift");
        row["subject"] = json!(format!("{} series of the server", members.len()));
        let over = members.iter().map(|one| one.ended);
        let over: Option<Vec<_>> = over.collect();
        let ended = over.and_then(|all| all.into_iter().max());
        row["ended_at"] = json!(ended.map(anomalies::time));
        row["members"] = members.iter().map(|one| one.show()).collect();
        rows.push(row);
    }
    resolve_rows(ask, &mut rows)?;
    rows.sort_by(|one, other| {
        let key = |row: &Value| (row["detected_at"].to_string(), row["id"].as_u64());
        key(other).cmp(&key(one))
    });
    Ok(rows)
}

/// What is over, or was resolved by somebody, is resolved.
fn resolve_rows(ask: &RequestContext, rows: &mut [Value]) -> Result<(), Refusal> {
    ask.read_here(|state| {
        for row in rows {
            let id = row["id"].as_u64();
            let decision = id.and_then(|id| state.decisions().get(&id));
            let decision = decision.filter(|one| one.verdict == "resolved");
            let over = row["ended_at"].as_str().map(str::to_owned);
            let resolved = decision.map(|one| one.at.to_string()).or(over);
            row["resolved"] = json!(resolved.is_some());
            if let Some(at) = resolved {
                row["resolved_at"] = json!(at);
            }
            if let Some(decision) = decision {
                row["resolved_by"] = json!(decision.by);
                row["reason"] = json!(decision.note);
            }
        }
    })
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    // The contract takes anything else for `high`; `all` is ours.
    let severity = args.text("severity");
    let severity = severity.filter(|known| matches!(*known, "low" | "medium" | "all"));
    let severity = severity.unwrap_or("high");
    let is_all = match args.text("state") {
        None | Some("open") => false,
        Some("all") => true,
        Some(other) => {
            let text = format!("state is {other:?}: it is open or all");
            return Err(Refusal::bad("argument", text));
        }
    };
    let api = &*ask.context.api;
    let mut found = match is_all {
        true => {
            let from = Timestamp::from_micros(Timestamp::now().micros() - DAYS * DAY);
            anomalies::since(api, from).await?
        }
        false => {
            let open = anomalies::records(api, args.position("min_position")?).await?;
            open.into_values().flatten().collect()
        }
    };
    let server = args.text("collector_id");
    found.retain(|one: &Record| server.is_none_or(|server| one.collector_id == server));
    let mut rows = rows(&ask, &found)?;
    rows.retain(|row| {
        (severity == "all" || row["severity"] == severity) && (is_all || row["resolved"] == false)
    });
    let total = rows.len();
    rows.truncate(limit);
    let answer = json!({
        "severity": severity, "count": rows.len(), "total": total, "anomalies": rows,
    });
    Ok(json(StatusCode::OK, &answer))
}

async fn of_statement(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let days = args.number(DAYS_BACK);
    let from = Timestamp::from_micros(Timestamp::now().micros() - i64::from(days) * DAY);
    let mut found = anomalies::since(&*ask.context.api, from).await?;
    found.retain(|one| one.hash() == Some(hash));
    // Each by itself: it is asked for one statement.
    found.iter_mut().for_each(|one| one.part_of = None);
    let rows = rows(&ask, &found)?;
    let answer = json!({
        "query_hash": hash,
        "count": rows.len(),
        "anomalies": rows,
        "days": days,
    });
    Ok(json(StatusCode::OK, &answer))
}

async fn detect(ask: RequestContext) -> Result<Response, Refusal> {
    let done = anomalies::detect(&*ask.context.api, &order(&ask)).await?;
    let answer = json!({
        "status": "success",
        "message": "Anomaly detection completed",
        "found": done.found,
    });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}

async fn resolve(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    decide_one(&ask, body, &[anomalies::KIND], "resolved").await
}
