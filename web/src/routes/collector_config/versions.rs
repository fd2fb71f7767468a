//! Versions of a configuration: the list, the differences, and the way back.

use http::StatusCode;
use pga_cluster::{ConfigVersion, MAX_CONFIG_VERSIONS};
use serde_json::{Value, json};
use warp::reply::Response;

use super::masked::masked;
use super::{Of, store, target, versions};
use crate::Principal;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::routes::invalid::invalid;
use crate::routes::query_string::QueryString;
use crate::routes::request_context::RequestContext;
use crate::routes::small_body::small_json;

pub(super) async fn history(ask: RequestContext, of: Of) -> Result<Response, Refusal> {
    let target = target(&ask, of).await?;
    let versions = versions(&ask, &target).await?;
    // A password is for the collector and for those who may set it.
    let is_admin = matches!(&ask.caller, Principal::User { role, .. } if role == "admin");
    let show = |version: &ConfigVersion| -> Result<Value, Refusal> {
        let text = ask.context.api.open_config(&version.text)?;
        Ok(json!({
            "version": version.version,
            "author": version.author,
            "comment": version.comment,
            "created_at": version.at.to_string(),
            "config": if is_admin { text } else { masked(&text) },
        }))
    };
    let data: Vec<Value> = versions.iter().rev().map(show).collect::<Result<_, _>>()?;
    let body = json!({ "count": data.len(), "data": data, "versions_kept": MAX_CONFIG_VERSIONS });
    Ok(json(StatusCode::OK, &body))
}

pub(super) async fn diff(ask: RequestContext, of: Of) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let target = target(&ask, of).await?;
    let versions = versions(&ask, &target).await?;
    let newest = versions.last().map_or(0, |version| version.version);
    let number = |name: &str, default: u64| match args.text(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| invalid(format!("{name} is {text:?}: write the number of a version"))),
    };
    let to: u64 = number("to", newest)?;
    let from: u64 = number("from", to.saturating_sub(1))?;
    let text = |wanted: u64| match versions.iter().find(|version| version.version == wanted) {
        _ if wanted == 0 => Ok(String::new()),
        Some(version) => Ok(masked(&ask.context.api.open_config(&version.text)?)),
        None => Err(no_version(wanted)),
    };
    let diff = unified(&text(from)?, &text(to)?);
    let body = json!({ "from": from, "to": to, "diff": diff });
    Ok(json(StatusCode::OK, &body))
}

/// A unified diff.
fn unified(from: &str, to: &str) -> String {
    similar::TextDiff::from_lines(from, to)
        .unified_diff()
        .context_radius(3)
        .to_string()
}

fn no_version(version: u64) -> Refusal {
    let text = format!("configuration version {version} not found");
    Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
}

#[derive(serde::Deserialize)]
struct Rollback {
    version: u64,
}

pub(super) async fn rollback(
    ask: RequestContext,
    body: BodyStream,
    of: Of,
) -> Result<Response, Refusal> {
    let given: Rollback = small_json(&ask, body).await?;
    let target = target(&ask, of).await?;
    let versions = versions(&ask, &target).await?;
    let newest = versions.last().map(|version| version.version);
    let wanted = versions
        .into_iter()
        .find(|version| version.version == given.version && !version.text.is_deleted());
    let wanted = wanted.ok_or_else(|| no_version(given.version))?;
    let comment = format!("back to version {}", given.version);
    let text = ask.context.api.open_config(&wanted.text)?;
    store(&ask, target, newest, text, comment).await
}
