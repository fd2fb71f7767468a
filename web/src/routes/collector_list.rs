//! The registry of collectors: list, get, change, delete (contract 1.4 and appendix A).

use http::StatusCode;
use pga_cluster::{
    Collector, CollectorCommand, CollectorEntry, CollectorHealth, ControlCommand, State,
};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::decision::Note;
use super::group_name;
use super::invalid::invalid;
use super::paging::{PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::reads::collector;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::small_json;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const COLLECTOR: Shape = Shape::Object(&[
    always("id", Shape::Text),
    always("name", Shape::Text),
    maybe("description", Shape::Text),
    always("hostname", Shape::Text),
    maybe("address", Shape::Text),
    maybe("version", Shape::Text),
    always("status", Shape::Text),
    maybe("last_seen", Shape::Time),
    maybe("certificate_thumbprint", Shape::Text),
    maybe("certificate_expires_at", Shape::Time),
    always("config_version", Shape::Integer),
    maybe("config_told_version", Shape::Integer),
    maybe("config_told_at", Shape::Time),
    always("metrics_count_total", Shape::Integer),
    always("metrics_count_24h", Shape::Integer),
    always("health_check_interval", Shape::Integer),
    always("push_interval_seconds", Shape::Number),
    always("pushes", Shape::Integer),
    always("repeated", Shape::Integer),
    always("server_id", Shape::Integer),
    maybe("external_id", Shape::Text),
    maybe("environment", Shape::Text),
    maybe("group", Shape::Text),
    maybe("superseded_by", Shape::Text),
    maybe(
        "last_error",
        Shape::Object(&[
            always("reason", Shape::Text),
            always("message", Shape::Text),
            always("at", Shape::Time),
            always("node", Shape::Integer),
        ]),
    ),
    maybe("clock_ahead_seconds", Shape::Number),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
]);

const CHANGES: Content = Content::Json(Shape::Object(&[
    maybe("name", Shape::Text),
    maybe("description", Shape::Text),
    maybe("environment", Shape::Text),
    maybe("group", Shape::Text),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/collectors", "collectors", Access::Viewer)
        .does(
            "Lists collectors by name, each with how it is doing.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[
            PAGE,
            PAGE_SIZE,
            maybe("status", Shape::Text),
            maybe("hostname", Shape::Text),
            maybe("group", Shape::Text),
            maybe("environment", Shape::Text),
            maybe("search", Shape::Text),
        ])
        .answers(paginated!(COLLECTOR)),
    Route::get("/api/v1/collectors/{id}", "collector", Access::Viewer)
        .does(
            "Shows a collector.",
            Handler::Plain(|ask| Box::pin(get(ask))),
        )
        .answers(Content::Json(COLLECTOR)),
    Route::put("/api/v1/collectors/{id}", "collector", Access::Admin)
        .does(
            "Changes what is given of what people decide about a collector.",
            Handler::WithBody(|ask, body| Box::pin(update(ask, body))),
        )
        .takes(CHANGES)
        .answers(Content::Json(COLLECTOR)),
    Route::patch("/api/v1/collectors/{id}", "collector", Access::Admin)
        .does(
            "Changes what is given of what people decide about a collector.",
            Handler::WithBody(|ask, body| Box::pin(update(ask, body))),
        )
        .takes(CHANGES)
        .answers(Content::Json(COLLECTOR)),
    Route::delete("/api/v1/collectors/{id}", "collector", Access::Admin)
        .does(
            "Forgets a collector: its token and its certificate are good no more. Its data stay.",
            Handler::Plain(|ask| Box::pin(delete(ask))),
        )
        .answers(Content::Nothing)
        .with_status(204),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: Option<String>,
    description: Option<String>,
    environment: Option<String>,
    group: Option<String>,
}

/// What the cluster knows of a collector.
struct Known<'a> {
    id: CollectorId,
    collector: &'a Collector,
    entry: CollectorEntry,
}

impl<'a> Known<'a> {
    fn of(state: &State, id: CollectorId, collector: &'a Collector) -> Self {
        let entry = state.collector_entry(id);
        Self {
            id,
            collector,
            entry,
        }
    }

    fn name(&self) -> &str {
        self.entry.display_name(self.collector)
    }

    fn status(&self, now: Timestamp) -> &'static str {
        if self.entry.superseded_by.is_some() {
            return "superseded";
        }
        self.entry.liveness(self.collector.last_seen, now).as_str()
    }

    fn show(&self, state: &State, now: Timestamp) -> Value {
        let (known, entry) = (self.collector, &self.entry);
        let config = state.config_of(self.id).map_or(0, |config| config.version);
        let changed = entry.updated_at.max(known.first_seen).max(known.last_seen);
        let mut shown = json!({
            "id": self.id.to_string(),
            "name": self.name(),
            "hostname": known.hostname,
            "status": self.status(now),
            "config_version": config,
            "metrics_count_total": known.accepted,
            "metrics_count_24h": entry.accepted_24h(now),
            "health_check_interval": entry.interval_ms().div_ceil(1_000),
            "push_interval_seconds": entry.interval_ms() as f64 / 1_000.0,
            "pushes": known.pushes,
            "repeated": known.repeated,
            "server_id": entry.server_id,
            "created_at": known.first_seen.to_string(),
            "updated_at": changed.to_string(),
        });
        let registration = known.registration.as_ref();
        let address = registration.and_then(|registration| registration.address.clone());
        let expires_at = state.certificate_expires_at(self.id);
        let last_seen = (known.last_seen.micros() > 0).then(|| known.last_seen.to_string());
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (name, value) in [
            ("description", text(&entry.description)),
            ("address", address),
            ("version", text(&known.version)),
            ("last_seen", last_seen),
            (
                "certificate_thumbprint",
                registration.map(|registration| hex::encode(registration.certificate_sha256)),
            ),
            (
                "certificate_expires_at",
                expires_at.map(|at| at.to_string()),
            ),
            ("external_id", text(&known.external_id)),
            ("environment", text(&entry.environment)),
            ("group", text(&entry.group)),
            (
                "superseded_by",
                entry.superseded_by.map(|id| id.to_string()),
            ),
            (
                "config_told_at",
                entry.config_told.map(|(_, at)| at.to_string()),
            ),
        ] {
            if let Some(value) = value {
                shown[name] = json!(value);
            }
        }
        if let Some((version, _)) = entry.config_told {
            shown["config_told_version"] = json!(version);
        }
        if let Some(health) = state.collector_health(self.id) {
            show_health(health, &mut shown);
        }
        shown
    }
}

/// What nodes noticed, beside what is shown already.
fn show_health(health: &CollectorHealth, shown: &mut Value) {
    if let Some(error) = &health.last_error {
        shown["last_error"] = json!({
            "reason": error.reason,
            "message": error.message,
            "at": error.at.to_string(),
            "node": error.node.get(),
        });
    }
    if let Some(ahead) = health.ahead_ms {
        shown["clock_ahead_seconds"] = json!(ahead as f64 / 1_000.0);
    }
}

/// Which collectors are wanted.
struct Wanted<'a> {
    exact: [(&'static str, Option<&'a str>); 4],
    search: Option<String>,
}

impl<'a> Wanted<'a> {
    fn of(args: &'a QueryString) -> Self {
        let names = ["status", "hostname", "group", "environment"];
        Self {
            exact: names.map(|name| (name, args.text(name))),
            search: args.text("search").map(str::to_lowercase),
        }
    }

    fn takes(&self, known: &Known<'_>, now: Timestamp) -> bool {
        let is = |(name, want): &(&str, Option<&str>)| {
            let Some(want) = *want else {
                return true;
            };
            want == match *name {
                "status" => known.status(now),
                "hostname" => &known.collector.hostname,
                "group" => &known.entry.group,
                _ => &known.entry.environment,
            }
        };
        let id = known.id.to_string();
        let texts = [
            known.name(),
            &known.collector.hostname,
            &known.collector.external_id,
            &id,
        ];
        let finds = |part: &String| texts.iter().any(|text| text.to_lowercase().contains(part));
        self.exact.iter().all(is) && self.search.as_ref().is_none_or(finds)
    }
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let (page, wanted, now) = (Page::of(&args), Wanted::of(&args), Timestamp::now());
    // Liveness is of this node's view: reads go on without a quorum.
    let answer = ask.read_here(|state| {
        let all = state.watched();
        let mut found: Vec<Known<'_>> = all
            .map(|(id, known)| Known::of(state, *id, known))
            .filter(|known| wanted.takes(known, now))
            .collect();
        found.sort_by(|a, b| (a.name(), a.id).cmp(&(b.name(), b.id)));
        page.answer(&found, |known| known.show(state, now))
    })?;
    Ok(json(StatusCode::OK, &answer))
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    let shown = find(&ask, collector(ask.segment())?)?;
    Ok(json(StatusCode::OK, &shown))
}

fn find(ask: &RequestContext, id: CollectorId) -> Result<Value, Refusal> {
    let found = ask.read_here(|state| {
        let known = state.collector(id)?;
        Some(Known::of(state, id, known).show(state, Timestamp::now()))
    })?;
    found.ok_or_else(not_found)
}

/// There is no such collector.
pub(super) fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "Collector not found")
}

async fn update(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let id = collector(ask.segment())?;
    let given: Update = small_json(&ask, body).await?;
    let texts = [
        ("name", &given.name),
        ("description", &given.description),
        ("environment", &given.environment),
        ("group", &given.group),
    ];
    let mut after = json!({});
    for (name, text) in texts {
        let Some(text) = text else { continue };
        if text.chars().count() > 1_000 || text.chars().any(char::is_control) {
            let text = format!("{name} must have at most 1000 characters, none of control");
            return Err(invalid(text));
        }
        after[name] = json!(text);
    }
    // Empty: the default one.
    if let Some(group) = given.group.as_deref().filter(|group| !group.is_empty()) {
        group_name::check(group)?;
    }
    let before = find(&ask, id)?;
    let mut changed = json!({});
    for (name, _) in texts {
        changed[name] = before[name].clone();
    }
    let command = CollectorCommand::Update {
        collector: id,
        name: given.name,
        description: given.description,
        environment: given.environment,
        group: given.group,
        at: Timestamp::now(),
    };
    let note = Note::new("collector.update", id.to_string())
        .before(changed)
        .after(after);
    ask.decide(ControlCommand::Collector(command), note).await?;
    Ok(json(StatusCode::OK, &find(&ask, id)?))
}

async fn delete(ask: RequestContext) -> Result<Response, Refusal> {
    let id = collector(ask.segment())?;
    let before = find(&ask, id)?;
    let delete = CollectorCommand::Delete { collector: id };
    let note = Note::new("collector.delete", id.to_string()).before(before);
    ask.decide(ControlCommand::Collector(delete), note).await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
