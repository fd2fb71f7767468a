//! Snapshots: named windows of time whose statements can be compared (contract 1.12).
//!
//! A snapshot copies nothing. What its statements did is summed from the stored history when it is
//! compared, so that a window of last week can be named today.

use http::StatusCode;
use pga_cluster::{ControlCommand, InsightCommand, Moment};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::bounded::Bounded;
use super::decision::Note;
use super::invalid::invalid;
use super::paging::{MESSAGE, PAGE, PAGE_NUMBER};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use super::small_body::small_json;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::timestamps;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 100, 20);
/// The window of a snapshot that names none: the hour before it is made.
const WINDOW: i64 = 3_600_000_000;
/// Longest window.
const MAX_WINDOW: i64 = 31 * 86_400_000_000;
/// Longest name, description and metadata, in bytes.
const MAX_TEXT: usize = 4_000;
const KINDS: [&str; 4] = ["manual", "scheduled", "pre_deploy", "post_deploy"];

pub(super) const SNAPSHOT: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("name", Shape::Text),
    maybe("description", Shape::Text),
    always("snapshot_type", Shape::Text),
    always("created_at", Shape::Time),
    always("created_by", Shape::Text),
    always("from", Shape::Time),
    always("to", Shape::Time),
    maybe("metadata_json", Shape::Any),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/snapshots", "snapshots", Access::User)
        .does(
            "Names a window of time, so that its statements can be compared with those of another.",
            Handler::WithBody(|ask, body| Box::pin(create(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("name", Shape::Text),
            maybe("description", Shape::Text),
            maybe("snapshot_type", Shape::Text),
            maybe("from", Shape::Time),
            maybe("to", Shape::Time),
            maybe("metadata_json", Shape::Any),
        ])))
        .answers(Content::Json(SNAPSHOT))
        .with_status(201),
    Route::get("/api/v1/snapshots", "snapshots", Access::Viewer)
        .does(
            "Lists snapshots, the newest first.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[number(LIMIT), PAGE])
        .answers(Content::Json(Shape::Object(&[
            always("snapshots", Shape::List(&SNAPSHOT)),
            always("count", Shape::Integer),
            always("total", Shape::Integer),
        ]))),
    Route::delete("/api/v1/snapshots/{id}", "snapshot", Access::User)
        .does(
            "Deletes a snapshot; its number is not given again.",
            Handler::Plain(|ask| Box::pin(delete(ask))),
        )
        .answers(MESSAGE),
];

#[derive(Debug, Deserialize)]
struct Given {
    name: Option<String>,
    #[serde(default)]
    description: String,
    snapshot_type: Option<String>,
    from: Option<String>,
    to: Option<String>,
    metadata_json: Option<Value>,
}

/// A time of the body, or of its metadata, where the contract's clients put it.
fn time(
    name: &str,
    given: Option<&String>,
    metadata: Option<&Value>,
) -> Result<Option<Timestamp>, Refusal> {
    let inside = metadata
        .and_then(|value| value.get(name))
        .and_then(Value::as_str);
    let Some(text) = given.map(String::as_str).or(inside) else {
        return Ok(None);
    };
    timestamps::parse_text(text).map(Some).map_err(|_| {
        invalid(format!(
            "{name} is {text:?}: write a time such as 2027-01-31T00:00:00Z"
        ))
    })
}

fn moment(given: Given, by: String, at: Timestamp) -> Result<Moment, Refusal> {
    let name = given.name.unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return Err(invalid("name is missing"));
    }
    let metadata = given.metadata_json.as_ref();
    let to = time("to", given.to.as_ref(), metadata)?.unwrap_or(at);
    let earlier = Timestamp::from_micros(to.micros() - WINDOW);
    let from = time("from", given.from.as_ref(), metadata)?.unwrap_or(earlier);
    let length = to.micros() - from.micros();
    if length <= 0 {
        return Err(invalid("from is not before to"));
    }
    if length > MAX_WINDOW {
        return Err(invalid("the window is longer than 31 days"));
    }
    let metadata = given.metadata_json.map(|value| value.to_string());
    let texts = [
        &name,
        &given.description,
        metadata.as_ref().unwrap_or(&name),
    ];
    if texts.iter().any(|text| text.len() > MAX_TEXT) {
        return Err(invalid(
            "name, description and metadata_json have at most 4000 bytes each",
        ));
    }
    // A type that nobody knows is `manual` (contract).
    let kind = given.snapshot_type.unwrap_or_default();
    let kind = KINDS
        .into_iter()
        .find(|known| *known == kind)
        .unwrap_or(KINDS[0]);
    Ok(Moment {
        name,
        description: given.description,
        kind: kind.to_owned(),
        from,
        to,
        metadata,
        by,
        at,
    })
}

fn show(id: u64, moment: &Moment) -> Value {
    let mut shown = json!({
        "id": id,
        "name": moment.name,
        "description": moment.description,
        "snapshot_type": moment.kind,
        "created_at": moment.at.to_string(),
        "created_by": moment.by,
        "from": moment.from.to_string(),
        "to": moment.to.to_string(),
    });
    let metadata = moment.metadata.as_ref();
    if let Some(metadata) = metadata.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        shown["metadata_json"] = metadata;
    }
    shown
}

async fn create(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Given = small_json(&ask, body).await?;
    let moment = moment(given, ask.actor(), Timestamp::now())?;
    let note = Note::new("snapshot.create", &moment.name);
    let command = InsightCommand::PutMoment {
        moment: moment.clone(),
    };
    ask.decide(ControlCommand::Insight(Box::new(command)), note)
        .await?;
    let shown = ask.read_here(|state| {
        let mut newest = state.moments().iter().rev();
        newest
            .find(|(_, known)| **known == moment)
            .map(|(id, known)| show(*id, known))
    })?;
    let shown = shown.ok_or_else(Refusal::internal)?;
    Ok(json(StatusCode::CREATED, &shown))
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let page = args.number(PAGE_NUMBER) as usize;
    let told = ask.read(|state| {
        let newest = state.moments().iter().rev();
        let shown = newest.skip((page - 1).saturating_mul(limit)).take(limit);
        let shown: Vec<Value> = shown.map(|(id, moment)| show(*id, moment)).collect();
        (shown, state.moments().len())
    });
    let (all, total) = told.await?;
    Ok(json(
        StatusCode::OK,
        &json!({ "count": all.len(), "total": total, "snapshots": all }),
    ))
}

async fn delete(ask: RequestContext) -> Result<Response, Refusal> {
    let given = ask.segment();
    let not_found = || {
        let text = format!("There is no snapshot {given}");
        Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
    };
    let id: u64 = given.parse().map_err(|_| not_found())?;
    let found = ask.read(|state| {
        let moment = state.moments().get(&id)?;
        Some((moment.name.clone(), show(id, moment)))
    });
    let (name, before) = found.await?.ok_or_else(not_found)?;
    let note = Note::new("snapshot.delete", name).before(before);
    let command = InsightCommand::DeleteMoment { id };
    ask.decide(ControlCommand::Insight(Box::new(command)), note)
        .await?;
    let body = json!({ "message": "Snapshot deleted" });
    Ok(json(StatusCode::OK, &body))
}
