//! Configurations of collectors and of their groups: pull, push, versions, differences (contract
//! 1.7 and 2.6).

mod changes;
mod masked;
mod versions;

use http::StatusCode;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use pga_cluster::{
    CollectorCommand, ConfigCommand, ConfigTarget, ConfigVersion, ControlCommand, FeatureLevel,
    State,
};
use pga_config::CollectorId;
use pga_config::collector_toml::{self, MAX_BYTES};
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use self::changes::changes;
use self::masked::masked;
use self::versions::{diff, history, rollback};
use super::collector_list::not_found as no_collector;
use super::decision::Note;
use super::group_name;
use super::invalid::invalid;
use super::paging::MESSAGE;
use super::query_string::QueryString;
use super::reads::collector;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::small_body;
use crate::Principal;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::{content, json};

/// The number of a version: in an answer the one that holds, in a request the one that runs; 0 for
/// none.
pub(super) const VERSION: HeaderName = HeaderName::from_static("x-config-version");

const STORED: Content = Content::Json(Shape::Object(&[
    always("status", Shape::Text),
    maybe("collector_id", Shape::Text),
    maybe("group", Shape::Text),
    always("version", Shape::Integer),
    always("message", Shape::Text),
]));

const HISTORY: Content = Content::Json(Shape::Object(&[
    always("data", Shape::List(&CONFIG_VERSION)),
    always("count", Shape::Integer),
    always("versions_kept", Shape::Integer),
]));

const CONFIG_VERSION: Shape = Shape::Object(&[
    always("version", Shape::Integer),
    always("author", Shape::Text),
    always("comment", Shape::Text),
    always("created_at", Shape::Time),
    always("config", Shape::Text),
]);

const DIFF: Content = Content::Json(Shape::Object(&[
    always("from", Shape::Integer),
    always("to", Shape::Integer),
    always("diff", Shape::Text),
]));

const ROLLBACK: Content = Content::Json(Shape::Object(&[always("version", Shape::Integer)]));

/// The version that a change was made from: refused if there is a later one by now.
const WRITE: &[super::shape::Field] = &[
    maybe("base_version", Shape::Integer),
    maybe("comment", Shape::Text),
];

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/config/{collector_id}", "config", Access::Caller)
        .does(
            "Gives a collector its configuration: its own, else its group's.",
            Handler::Plain(|ask| Box::pin(pull(ask))),
        )
        .answers(Content::Text)
        .tagged(),
    Route::put("/api/v1/config/{collector_id}", "config", Access::Admin)
        .does(
            "Stores a new version of a collector's configuration, once it is checked.",
            Handler::WithBody(|ask, body| Box::pin(push(ask, body, Of::Collector))),
        )
        .asks(WRITE)
        .takes(Content::Text)
        .answers(STORED),
    Route::delete("/api/v1/config/{collector_id}", "config", Access::Admin)
        .does(
            "Forgets a collector's own configuration: its group's is in force again.",
            Handler::Plain(|ask| Box::pin(delete(ask, Of::Collector))),
        )
        .answers(MESSAGE),
    Route::get(
        "/api/v1/collectors/{id}/config/history",
        "config_history",
        Access::Viewer,
    )
    .does(
        "Lists the versions of a collector's configuration, the newest first; older ones than the \
         newest `versions_kept` are forgotten.",
        Handler::Plain(|ask| Box::pin(history(ask, Of::Collector))),
    )
    .answers(HISTORY),
    Route::get(
        "/api/v1/collectors/{id}/config/diff",
        "config_diff",
        Access::Viewer,
    )
    .does(
        "Shows how two versions of a collector's configuration differ.",
        Handler::Plain(|ask| Box::pin(diff(ask, Of::Collector))),
    )
    .asks(&[maybe("from", Shape::Integer), maybe("to", Shape::Integer)])
    .answers(DIFF),
    Route::post(
        "/api/v1/collectors/{id}/config/rollback",
        "config_rollback",
        Access::Admin,
    )
    .does(
        "Stores an earlier version of a collector's configuration as the newest.",
        Handler::WithBody(|ask, body| Box::pin(rollback(ask, body, Of::Collector))),
    )
    .takes(ROLLBACK)
    .answers(STORED),
    Route::get("/api/v1/config-groups", "config_groups", Access::Viewer)
        .does(
            "Lists the groups of collectors that have a configuration.",
            Handler::Plain(|ask| Box::pin(groups(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("data", Shape::List(&Shape::Map(&Shape::Any))),
            always("count", Shape::Integer),
        ]))),
    Route::get(
        "/api/v1/config-groups/{group}",
        "config_group",
        Access::Viewer,
    )
    .does(
        "Lists the versions of a group's configuration, the newest first; older ones than the newest \
         `versions_kept` are forgotten.",
        Handler::Plain(|ask| Box::pin(history(ask, Of::Group))),
    )
    .answers(HISTORY),
    Route::put(
        "/api/v1/config-groups/{group}",
        "config_group",
        Access::Admin,
    )
    .does(
        "Stores a new version of a group's configuration, once it is checked.",
        Handler::WithBody(|ask, body| Box::pin(push(ask, body, Of::Group))),
    )
    .asks(WRITE)
    .takes(Content::Text)
    .answers(STORED),
    Route::delete(
        "/api/v1/config-groups/{group}",
        "config_group",
        Access::Admin,
    )
    .does(
        "Forgets a group's configuration.",
        Handler::Plain(|ask| Box::pin(delete(ask, Of::Group))),
    )
    .answers(MESSAGE),
    Route::get(
        "/api/v1/config-groups/{group}/diff",
        "config_diff",
        Access::Viewer,
    )
    .does(
        "Shows how two versions of a group's configuration differ.",
        Handler::Plain(|ask| Box::pin(diff(ask, Of::Group))),
    )
    .asks(&[maybe("from", Shape::Integer), maybe("to", Shape::Integer)])
    .answers(DIFF),
    Route::post(
        "/api/v1/config-groups/{group}/rollback",
        "config_rollback",
        Access::Admin,
    )
    .does(
        "Stores an earlier version of a group's configuration as the newest.",
        Handler::WithBody(|ask, body| Box::pin(rollback(ask, body, Of::Group))),
    )
    .takes(ROLLBACK)
    .answers(STORED),
];

/// What the path names.
#[derive(Clone, Copy, Debug)]
enum Of {
    Collector,
    Group,
}

/// The configuration that the path names; a collector has to be known.
async fn target(ask: &RequestContext, of: Of) -> Result<ConfigTarget, Refusal> {
    match of {
        Of::Group => group_name::of_segment(ask.segment()).map(ConfigTarget::Group),
        Of::Collector => {
            let id = collector(ask.segment())?;
            match ask.read(|state| state.collector(id).is_some()).await? {
                true => Ok(ConfigTarget::Collector(id)),
                false => Err(no_collector()),
            }
        }
    }
}

fn label(target: &ConfigTarget) -> String {
    match target {
        ConfigTarget::Collector(id) => id.to_string(),
        ConfigTarget::Group(name) => format!("group {name}"),
    }
}

/// Where there is none it is 404, never 401, which old collectors answer with the same request for
/// ever (contract Q11).
async fn pull(ask: RequestContext) -> Result<Response, Refusal> {
    let id = match &ask.caller {
        // An original collector asks for the name in its own file, and pushes under the id of its
        // registration: its token tells who it is.
        Principal::Collector(own) => *own,
        Principal::User { .. } | Principal::Anonymous => {
            let id = collector(ask.segment())?;
            ask.require_own(id, "A configuration")?;
            id
        }
    };
    let (config, told) = ask.read_here(|state| {
        let told = state.collector_entry(id).config_told;
        let told = told.map_or(0, |(version, _)| version);
        (state.config_of(id).cloned(), told)
    })?;
    if let Principal::Collector(_) | Principal::Anonymous = ask.caller
        && let Some(runs) = running(&ask, config.as_ref().map(|config| config.version))
        && runs != told
    {
        note_told(&ask, id, runs);
    }
    let Some(config) = config else {
        let text = "collector configuration not found";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", text));
    };
    let may_see_passwords = match &ask.caller {
        Principal::User { role, .. } => role == "admin",
        Principal::Collector(_) | Principal::Anonymous => true,
    };
    let text = ask.context.api.open_config(&config.text)?;
    let text = match may_see_passwords {
        true => text,
        false => masked(&text),
    };
    Ok(configuration(&ask, config.version, text))
}

/// Which version the collector runs: what it says in `X-Config-Version`, else what it is told now,
/// since old collectors take that and say nothing. 0 is none, which is news only where there is
/// none for it any more: else it is about to run what it is told.
fn running(ask: &RequestContext, told: Option<u64>) -> Option<u64> {
    let runs = match ask.headers.get(VERSION) {
        None => told,
        Some(said) => said.to_str().ok().and_then(|text| text.parse().ok()),
    };
    runs.filter(|version| *version > 0 || told.is_none())
}

/// Notes which version a collector runs. The collector does not wait for it.
fn note_told(ask: &RequestContext, collector: CollectorId, version: u64) {
    let api = std::sync::Arc::clone(&ask.context.api);
    pga_runtime::spawn(async move {
        let told = CollectorCommand::ConfigTold {
            collector,
            version,
            at: Timestamp::now(),
        };
        if let Err(error) = api.decide(ControlCommand::Collector(told)).await {
            tracing::debug!(%error, "told configuration not noted");
        }
    });
}

fn configuration(ask: &RequestContext, version: u64, text: String) -> Response {
    let tag = format!("\"{version}-{:08x}\"", crc32fast::hash(text.as_bytes()));
    let known = ask
        .headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = if known == Some(tag.as_str()) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        content(StatusCode::OK, "text/plain; charset=utf-8", text)
    };
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from(version));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

async fn push(ask: RequestContext, body: BodyStream, of: Of) -> Result<Response, Refusal> {
    let is_json = ask
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let bytes = small_body(&ask, body, MAX_BYTES as u64 + 1).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid("the body is not UTF-8"))?;
    if is_json && text.trim_start().starts_with('{') {
        return Err(invalid(
            "the body is JSON: send the configuration as TOML, as it is",
        ));
    }
    let faults = collector_toml::check(text);
    if !faults.is_empty() {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(invalid(faults.join("; ")));
    }
    let args = QueryString::parse(&ask.query)?;
    let target = target(&ask, of).await?;
    check_identity(&target, text)?;
    let base = match args.text("base_version") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            invalid(format!(
                "base_version is {text:?}: write the number of a version"
            ))
        })?),
    };
    let comment = args.text("comment").unwrap_or_default().to_owned();
    store(&ask, target, base, text.to_owned(), comment).await
}

/// A collector that takes another's id pushes in that one's name, which is refused for good.
fn check_identity(target: &ConfigTarget, text: &str) -> Result<(), Refusal> {
    match (target, collector_toml::identity(text)) {
        (ConfigTarget::Group(_), (Some(_), _) | (_, Some(_))) => Err(invalid(
            "collector.id and collector.hostname stand in the configuration of one collector only: a \
             group has several",
        )),
        (ConfigTarget::Collector(own), (Some(id), _))
            if CollectorId::from_external(&id) != *own =>
        {
            Err(invalid(format!(
                "collector.id is {id:?}, and this is the configuration of {own}"
            )))
        }
        _ => Ok(()),
    }
}

async fn store(
    ask: &RequestContext,
    target: ConfigTarget,
    base: Option<u64>,
    text: String,
    comment: String,
) -> Result<Response, Refusal> {
    let before = match versions(ask, &target).await?.last() {
        None => String::new(),
        Some(before) => ask.context.api.open_config(&before.text)?,
    };
    let (was, is) = changes(&before, &text);
    let note = Note::new("collector-config.store", label(&target));
    let note = note.before(was).after(is);
    let command = ConfigCommand::Store {
        target: target.clone(),
        base,
        text: ask.context.api.seal_config(&text)?,
        author: ask.actor(),
        comment,
        at: Timestamp::now(),
    };
    ask.decide(ControlCommand::CollectorConfig(command), note)
        .await?;
    let stored = ask.read_here(|state| {
        state
            .config_versions(&target)
            .last()
            .map(|config| config.version)
    })?;
    let mut body = json!({
        "status": "success",
        "version": stored,
        "message": "Configuration stored; collectors fetch it at their next pull",
    });
    match &target {
        ConfigTarget::Collector(id) => body["collector_id"] = json!(id.to_string()),
        ConfigTarget::Group(name) => body["group"] = json!(name),
    }
    Ok(json(StatusCode::OK, &body))
}

async fn versions(
    ask: &RequestContext,
    target: &ConfigTarget,
) -> Result<Vec<ConfigVersion>, Refusal> {
    ask.read(|state| state.config_versions(target).to_vec())
        .await
}

async fn delete(ask: RequestContext, of: Of) -> Result<Response, Refusal> {
    let target = target(&ask, of).await?;
    let before = match versions(&ask, &target).await?.last() {
        None => String::new(),
        Some(before) => ask.context.api.open_config(&before.text)?,
    };
    let (was, _) = changes(&before, "");
    let note = Note::new("collector-config.delete", label(&target)).before(was);
    let level = ask.read_here(State::feature_level)?;
    let delete = match level < FeatureLevel::CONFIG_VERSIONS {
        true => ConfigCommand::Delete { target },
        false => ConfigCommand::Remove {
            target,
            author: ask.actor(),
            at: Timestamp::now(),
        },
    };
    ask.decide(ControlCommand::CollectorConfig(delete), note)
        .await?;
    Ok(json(
        StatusCode::OK,
        &json!({ "message": "Configuration deleted" }),
    ))
}

async fn groups(ask: RequestContext) -> Result<Response, Refusal> {
    let data = ask.read(|state| {
        let members = |group: &str| {
            let ids = state.watched().map(|(id, _)| id);
            ids.filter(|id| state.collector_entry(**id).group() == group)
                .count()
        };
        let show = |group: &str| {
            let target = ConfigTarget::Group(group.to_owned());
            let newest = state.config_versions(&target).last();
            json!({
                "group": group,
                "version": newest.map(|config| config.version),
                "updated_at": newest.map(|config| config.at.to_string()),
                "collectors": members(group),
            })
        };
        state.config_groups().map(show).collect::<Vec<Value>>()
    });
    let data = data.await?;
    let body = json!({ "count": data.len(), "data": data });
    Ok(json(StatusCode::OK, &body))
}
