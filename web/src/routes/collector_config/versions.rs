//! Versions of a configuration: the list, the differences, and the way back.

use http::StatusCode;
use pga_cluster::ConfigVersion;
use serde_json::{Value, json};
use warp::reply::Response;

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
    let body = json!({ "count": data.len(), "data": data });
    Ok(json(StatusCode::OK, &body))
}

/// What keys of secrets have in their names, also in what was commented out.
const SECRETS: [&str; 4] = ["password", "passwd", "secret", "token"];

/// A configuration without its passwords: values of keys that are named so, and those in URLs.
pub(super) fn masked(text: &str) -> String {
    let is_secret = |key: &str| {
        let key = key.to_ascii_lowercase();
        SECRETS.iter().any(|name| key.contains(name))
    };
    let mask = |line: &str| match line.split_once('=') {
        Some((key, value)) if is_secret(key) => {
            let end = if value.ends_with('\n') { "\n" } else { "" };
            format!("{key}= \"***\"{end}")
        }
        _ => without_userinfo(line),
    };
    text.split_inclusive('\n').map(mask).collect()
}

/// A line in which `://user:password@` has no password (RFC 3986, 3.2.1).
fn without_userinfo(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = behind
            .find(|c: char| c.is_whitespace() || "/?#\"'".contains(c))
            .unwrap_or(behind.len());
        let (authority, tail) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let hidden = authority.rsplit_once('@').and_then(|(userinfo, host)| {
            let (user, _) = userinfo.split_once(':')?;
            Some(format!("{user}:***@{host}"))
        });
        out.push_str(hidden.as_deref().unwrap_or(authority));
        rest = tail;
    }
    out.push_str(rest);
    out
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
pub(super) fn unified(from: &str, to: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_and_lines_end_as_they_did() {
        for (text, want) in [
            ("a = 1\npassword = \"x\"\n", "a = 1\npassword = \"***\"\n"),
            ("password=\"x\"", "password= \"***\""),
            (
                "# old_password = \"x\"\nb = 2",
                "# old_password = \"***\"\nb = 2",
            ),
            (
                "url = \"postgres://u:p@h/db\" # https://h/x://u:p@i",
                "url = \"postgres://u:***@h/db\" # https://h/x://u:***@i",
            ),
            ("url = \"https://u@h/\"", "url = \"https://u@h/\""),
            ("a = 1", "a = 1"),
            ("", ""),
        ] {
            assert_eq!(masked(text), want);
        }
    }
}
