//! The audit log, for admins.

use http::StatusCode;
use pga_cluster::AuditEntry;
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use super::paging::{PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use crate::refusal::Refusal;
use crate::reply::{content, json};

const ENTRY: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("at", Shape::Time),
    always("actor", Shape::Text),
    maybe("user_id", Shape::Integer),
    always("address", Shape::Text),
    always("action", Shape::Text),
    always("target", Shape::Text),
    maybe("before", Shape::Any),
    maybe("after", Shape::Any),
    always("request_id", Shape::Text),
]);

const JSON_LINES: &str = "application/x-ndjson";

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/audit", "audit", Access::Admin)
        .does(
            "Lists administrative changes, the newest first.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[
            PAGE,
            PAGE_SIZE,
            maybe("actor", Shape::Text),
            maybe("action", Shape::Text),
            maybe("target", Shape::Text),
            maybe("from", Shape::Time),
            maybe("to", Shape::Time),
        ])
        .answers(paginated!(ENTRY)),
    Route::get("/api/v1/audit/export", "audit", Access::Admin)
        .does(
            "Exports administrative changes as JSON lines, the oldest first.",
            Handler::Plain(|ask| Box::pin(export(ask))),
        )
        .asks(&[maybe("from", Shape::Time), maybe("to", Shape::Time)])
        .answers(Content::TextOf(&[JSON_LINES])),
];

/// Which entries are wanted.
struct Wanted {
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Wanted {
    fn of(args: &QueryString) -> Result<Self, Refusal> {
        let text = |name| args.text(name).map(str::to_owned);
        Ok(Self {
            actor: text("actor"),
            action: text("action"),
            target: text("target"),
            from: args.time("from")?,
            to: args.time("to")?,
        })
    }

    fn takes(&self, entry: &AuditEntry) -> bool {
        let is = |want: &Option<String>, have: &str| want.as_deref().is_none_or(|w| w == have);
        is(&self.actor, &entry.actor)
            && is(&self.action, &entry.action)
            && is(&self.target, &entry.target)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

fn show(id: u64, entry: &AuditEntry) -> Value {
    let mut shown = json!({
        "id": id,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "request_id": entry.request_id,
    });
    if let Some(id) = entry.user_id {
        shown["user_id"] = json!(id);
    }
    for (name, text) in [("before", &entry.before), ("after", &entry.after)] {
        let value = text
            .as_ref()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let (page, wanted) = (Page::of(&args), Wanted::of(&args)?);
    let answer = ask.read(|state| {
        let entries = state.audit().rev();
        let entries: Vec<_> = entries.filter(|(_, entry)| wanted.takes(entry)).collect();
        page.answer(&entries, |(id, entry)| show(*id, entry))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

async fn export(ask: RequestContext) -> Result<Response, Refusal> {
    let wanted = Wanted::of(&QueryString::parse(&ask.query)?)?;
    let lines = ask.read(|state| {
        let entries = state.audit().filter(|(_, entry)| wanted.takes(entry));
        entries.fold(String::new(), |mut lines, (id, entry)| {
            lines.push_str(&show(id, entry).to_string());
            lines.push('\n');
            lines
        })
    });
    Ok(content(StatusCode::OK, JSON_LINES, lines.await?))
}
