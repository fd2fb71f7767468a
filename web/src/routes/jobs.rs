//! Jobs: the analyses that the leader runs by itself.

use http::StatusCode;
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{at_once, order};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always};
use crate::analyses::jobs::{JOBS, Job, WATCH_EVERY, WATCHES, last_looks, last_runs, next_run};
use crate::refusal::Refusal;
use crate::reply::json;
use crate::timestamps;

const JOB: Shape = Shape::Object(&[
    always("name", Shape::Text),
    always("summary", Shape::Text),
    always("every_seconds", Shape::Integer),
    always("last_run", Shape::Any),
    always("duration_ms", Shape::Any),
    always("rows_read", Shape::Any),
    always("found", Shape::Any),
    always("cuts", Shape::List(&Shape::Text)),
    always("error", Shape::TextOrNull),
    always("started_by", Shape::TextOrNull),
    always("next_run", Shape::Any),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/jobs", "jobs", Access::Viewer)
        .does(
            "Lists the analyses that the leader runs by itself, and what became of each; of those of each minute one in a quarter of an hour is kept.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("jobs", Shape::List(&JOB)),
            always("count", Shape::Integer),
        ]))),
    Route::post("/api/v1/jobs/{name}/run", "jobs", Access::User)
        .does(
            "Runs an analysis now; it goes on when nobody waits for it any more.",
            Handler::Plain(|ask| Box::pin(start(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("name", Shape::Text),
            always("found", Shape::Integer),
            always("rows_read", Shape::Integer),
            always("cuts", Shape::List(&Shape::Text)),
        ])))
        .may(&[409]),
];

/// A row: what runs how often, when again, and what became of it.
fn show(
    (name, summary, every): (&str, &str, i64),
    next: Option<Timestamp>,
    runs: &[Value],
) -> Value {
    let run = runs.iter().find(|run| run["database"] == name);
    let of = |name: &str| run.map_or(Value::Null, |run| run[name].clone());
    let time = |name: &str| timestamps::parse_text(run?[name].as_str()?).ok();
    let took = time("timestamp").zip(time("ended_at"));
    json!({
        "name": name,
        "summary": summary,
        "every_seconds": every,
        "last_run": of("timestamp"),
        "duration_ms": took.map(|(from, to)| (to.micros() - from.micros()) / 1_000),
        "rows_read": of("rows_read"),
        "found": of("findings").get(0),
        "cuts": of("findings").get(1).cloned().unwrap_or_else(|| json!([])),
        "error": of("notes").get(0),
        "started_by": of("by"),
        "next_run": next.map(|next| next.to_string()),
    })
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let api = &*ask.context.api;
    let (runs, looks) = (last_runs(api).await?, last_looks(api).await?);
    let job = |job: &Job| {
        let of = (job.name, job.summary, job.every);
        show(of, next_run(api, job, &runs), &runs)
    };
    let watch = |(name, summary): (&'static str, &'static str)| {
        show((name, summary, WATCH_EVERY), None, &looks)
    };
    let jobs: Vec<Value> = JOBS.iter().map(job).chain(WATCHES.map(watch)).collect();
    Ok(json(
        StatusCode::OK,
        &json!({ "count": jobs.len(), "jobs": jobs }),
    ))
}

async fn start(ask: RequestContext) -> Result<Response, Refusal> {
    let name = ask.segment();
    if WATCHES.iter().any(|(watch, _)| *watch == name) {
        let text = format!("{name} is looked at every minute: there is nothing to start");
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", text));
    }
    let job = JOBS.iter().find(|job| job.name == name).ok_or_else(|| {
        let names: Vec<&str> = JOBS.iter().map(|job| job.name).collect();
        let text = format!("There is no job {name:?}: there are {}", names.join(", "));
        Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
    })?;
    let (api, runner) = (&ask.context.api, &ask.context.metrics.jobs);
    let done = runner
        .run_now(api, job, order(&ask))
        .await
        .ok_or_else(|| {
            let text = "Another job runs on this node: ask again when it is done, or another node";
            Refusal::new(StatusCode::CONFLICT, "conflict", text)
        })??;
    let answer = json!({ "name": job.name, "found": done.found, "rows_read": done.rows_read,
        "cuts": done.cuts });
    at_once(&ask, json(StatusCode::OK, &answer), &done).await
}
