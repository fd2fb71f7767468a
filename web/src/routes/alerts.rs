//! Alerts: what is wrong now, what was, and what people said about it (contract 1.8).

use pga_storage::Timestamp;
use std::collections::BTreeMap;

use http::StatusCode;
use pga_alerts::{is_silenced, notify};
use pga_cluster::{
    Acknowledgement, Alert, AlertCommand, AlertState, Comment, ControlCommand, State,
};
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::alert_rules::rules_of;
use super::decision::Note;
use super::invalid::invalid;
use super::paging::{MESSAGE, PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::severity::{severity_letter, severity_word};
use super::shape::{Shape, always, maybe};
use super::small_body::{not_json, small_body, small_json};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

/// Longest note and comment, in characters.
const MAX_TEXT: usize = 2_000;
/// Largest body of an acknowledgement, in bytes.
const MAX_BODY: u64 = 16 << 10;

const COMMENT: Shape = Shape::Object(&[
    always("by", Shape::Text),
    always("at", Shape::Time),
    always("text", Shape::Text),
]);
const ALERT: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("metric_type", Shape::Text),
    always("metric_value", Shape::Text),
    always("severity", Shape::Text),
    always("message", Shape::Text),
    always("is_acknowledged", Shape::Flag),
    maybe("acknowledged_by", Shape::Text),
    maybe("acknowledged_at", Shape::Time),
    maybe("acknowledgement_note", Shape::Text),
    always("created_at", Shape::Time),
    maybe("fired_at", Shape::Time),
    maybe("resolved_at", Shape::Time),
    maybe("resolved_reason", Shape::Text),
    always("state", Shape::Text),
    always("rule", Shape::Text),
    always("name", Shape::Text),
    always("labels", Shape::Map(&Shape::Text)),
    always("annotations", Shape::Map(&Shape::Text)),
    always("fingerprint", Shape::Text),
    always("incident", Shape::Integer),
    always("is_flapping", Shape::Flag),
    maybe("quiet", Shape::Text),
    always("comments", Shape::List(&COMMENT)),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/alerts", "alerts", Access::Viewer)
        .does(
            "Lists alerts: those that fire first, the worst first, then the newest.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[
            PAGE,
            PAGE_SIZE,
            maybe("severity", Shape::Text),
            maybe("state", Shape::Text),
            maybe("server", Shape::Text),
            maybe("rule", Shape::Text),
        ])
        .answers(paginated!(ALERT)),
    Route::get("/api/v1/alerts/{id}", "alert", Access::Viewer)
        .does("Shows an alert.", Handler::Plain(|ask| Box::pin(get(ask))))
        .answers(Content::Json(ALERT)),
    Route::post(
        "/api/v1/alerts/{id}/acknowledge",
        "alert_acknowledge",
        Access::User,
    )
    .does(
        "Says that somebody takes care of an alert: it is not repeated; `undo` takes that back.",
        Handler::WithBody(|ask, body| Box::pin(acknowledge(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        maybe("note", Shape::Text),
        maybe("undo", Shape::Flag),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("success", Shape::Flag),
        always("message", Shape::Text),
    ]))),
    Route::post(
        "/api/v1/alerts/{id}/comments",
        "alert_comments",
        Access::User,
    )
    .does(
        "Adds a comment to an alert.",
        Handler::WithBody(|ask, body| Box::pin(comment(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[always("text", Shape::Text)])))
    .answers(MESSAGE)
    .with_status(201),
];

/// Alerts that fire and nobody is told about.
type Quieted = BTreeMap<u64, notify::Quiet>;

fn show(state: &State, quiet: &Quieted, id: u64, alert: &Alert) -> Value {
    let mut shown = json!({
        "id": id,
        "metric_type": alert.name,
        "metric_value": alert.value,
        "severity": severity_word(&alert.severity),
        "message": alert.annotations.get("summary").map_or("", String::as_str),
        "is_acknowledged": alert.acknowledged.is_some(),
        "created_at": alert.active_at.to_string(),
        "state": alert.state.name(),
        "rule": rule_key(alert),
        "name": alert.name,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "fingerprint": format!("{:016x}", alert.fingerprint),
        "incident": alert.incident,
        "is_flapping": notify::is_flapping(alert, Timestamp::now()),
        "comments": alert.comments.iter().map(show_comment).collect::<Vec<_>>(),
    });
    if let Some(by) = &alert.acknowledged {
        shown["acknowledged_by"] = json!(by.by);
        shown["acknowledged_at"] = json!(by.at.to_string());
        shown["acknowledgement_note"] = json!(by.note);
    }
    for (name, time) in [
        ("fired_at", alert.fired_at),
        ("resolved_at", alert.resolved_at),
    ] {
        if let Some(time) = time {
            shown[name] = json!(time.to_string());
        }
    }
    if alert.is_over() {
        shown["resolved_reason"] = json!(alert.reason);
    }
    if alert.is_firing() {
        let quiet = quiet.get(&id).map(|quiet| match quiet {
            notify::Quiet::Silenced => "silenced",
            notify::Quiet::Hidden => "hidden",
        });
        if let Some(quiet) = quiet {
            shown["quiet"] = json!(quiet);
        }
    } else if !alert.is_over() && is_silenced(state.silences().values(), alert, Timestamp::now()) {
        shown["quiet"] = json!("silenced");
    }
    shown
}

fn show_comment(comment: &Comment) -> Value {
    json!({ "by": comment.by, "at": comment.at.to_string(), "text": comment.text })
}

fn rule_key(alert: &Alert) -> String {
    match alert.level.as_str() {
        "" => alert.rule.clone(),
        level => format!("{}.{level}", alert.rule),
    }
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let page = Page::of(&args);
    let severity = match args.text("severity") {
        None | Some("all") => None,
        Some(text) => Some(severity_letter("severity", text)?),
    };
    let wanted = args.text("state").map(str::to_owned);
    if let Some(other) = &wanted
        && !["pending", "firing", "resolved", "open"].contains(&other.as_str())
    {
        return Err(invalid(format!(
            "state is {other:?}: use pending, firing, resolved or open"
        )));
    }
    let (server, rule) = (args.text("server"), args.text("rule"));
    let answer = ask.read_latest(|state| {
        let quiet = notify::quiet(state, &rules_of(state), Timestamp::now());
        let is_wanted = |alert: &Alert| {
            severity.is_none_or(|severity| alert.severity == severity)
                && match wanted.as_deref() {
                    None => true,
                    Some("open") => !alert.is_over(),
                    Some(name) => alert.state.name() == name,
                }
                && server.is_none_or(|name| alert.labels.get("server").is_some_and(|of| of == name))
                && rule.is_none_or(|rule| alert.rule == rule || rule_key(alert) == rule)
        };
        let mut alerts: Vec<_> = (state.alerts().iter())
            .filter(|(_, alert)| is_wanted(alert))
            .collect();
        alerts.sort_by_key(|(id, alert)| {
            let rank = match (alert.state, alert.severity.as_str()) {
                (AlertState::Firing, "c") => 0,
                (AlertState::Firing, "w") => 1,
                (AlertState::Firing, _) => 2,
                (AlertState::Pending, _) => 3,
                (AlertState::Resolved, _) => 4,
            };
            (rank, std::cmp::Reverse(**id))
        });
        page.answer(&alerts, |(id, alert)| show(state, &quiet, **id, alert))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "Alert not found")
}

fn id_of(ask: &RequestContext) -> Result<u64, Refusal> {
    ask.segment().parse().map_err(|_| not_found())
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    let id = id_of(&ask)?;
    let shown = ask.read_latest(|state| {
        let alert = state.alerts().get(&id)?;
        let quiet = notify::quiet(state, &rules_of(state), Timestamp::now());
        Some(show(state, &quiet, id, alert))
    });
    let shown = shown.await?.ok_or_else(not_found)?;
    Ok(json(StatusCode::OK, &shown))
}

/// What the contract leaves open: any JSON is taken, and these members mean something.
#[derive(Default, Deserialize)]
struct Acknowledge {
    #[serde(default)]
    note: String,
    #[serde(default)]
    undo: bool,
}

async fn acknowledge(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let id = id_of(&ask)?;
    let bytes = small_body(&ask, body, MAX_BODY).await?;
    let given: Acknowledge = match bytes.is_empty() {
        true => Acknowledge::default(),
        false => serde_json::from_slice(&bytes).map_err(|error| not_json(&error))?,
    };
    check_text("note", &given.note)?;
    let found = ask.read(|state| state.alerts().get(&id).cloned()).await?;
    let alert = found.ok_or_else(not_found)?;
    let by = (!given.undo).then(|| Acknowledgement {
        by: ask.actor(),
        at: Timestamp::now(),
        note: given.note.clone(),
    });
    let action = if given.undo {
        "alert.unacknowledge"
    } else {
        "alert.acknowledge"
    };
    let note =
        Note::new(action, format!("{} {id}", alert.name)).after(json!({ "note": given.note }));
    let command = AlertCommand::Acknowledge { id, by };
    ask.decide(ControlCommand::Alert(Box::new(command)), note)
        .await?;
    let message = if given.undo {
        "Acknowledgement taken back"
    } else {
        "Alert acknowledged"
    };
    Ok(json(
        StatusCode::OK,
        &json!({ "success": true, "message": message }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewComment {
    text: String,
}

async fn comment(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let id = id_of(&ask)?;
    let given: NewComment = small_json(&ask, body).await?;
    if given.text.trim().is_empty() {
        return Err(invalid("text is empty"));
    }
    check_text("text", &given.text)?;
    let found = ask
        .read(|state| state.alerts().get(&id).map(|alert| alert.name.clone()))
        .await?;
    let name = found.ok_or_else(not_found)?;
    let comment = Comment {
        by: ask.actor(),
        at: Timestamp::now(),
        text: given.text,
    };
    let note = Note::new("alert.comment", format!("{name} {id}"));
    let command = AlertCommand::Comment { id, comment };
    ask.decide(ControlCommand::Alert(Box::new(command)), note)
        .await?;
    Ok(json(
        StatusCode::CREATED,
        &json!({ "message": "Comment added" }),
    ))
}

fn check_text(key: &str, text: &str) -> Result<(), Refusal> {
    if text.chars().count() > MAX_TEXT {
        return Err(invalid(format!(
            "{key} is longer than {MAX_TEXT} characters"
        )));
    }
    Ok(())
}
