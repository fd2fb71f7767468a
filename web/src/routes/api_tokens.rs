//! API tokens of scripts and dashboards: everybody has their own, admins see all.

use http::StatusCode;
use pga_cluster::{ApiToken, ApiTokenCommand, ControlCommand, State};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::decision::Note;
use super::invalid::invalid;
use super::paging::{MESSAGE, PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::small_json;
use super::users::secret;
use crate::auth::{ROLES, api_token, forbidden, lower_role};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::{Principal, timestamps};

const TOKEN: Shape = Shape::Object(&[
    always("id", Shape::Text),
    always("name", Shape::Text),
    always("scope", Shape::Text),
    always("user_id", Shape::Integer),
    always("username", Shape::Text),
    always("created_at", Shape::Time),
    maybe("expires_at", Shape::Time),
    maybe("last_used_at", Shape::Time),
    maybe("token", Shape::Text),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/api-tokens", "api_tokens", Access::Viewer)
        .does(
            "Lists the API tokens of the user who asks; for admins those of all users.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[PAGE, PAGE_SIZE])
        .answers(paginated!(TOKEN)),
    Route::post("/api/v1/api-tokens", "api_tokens", Access::Viewer)
        .does(
            "Makes an API token for the user who asks; its text is shown once.",
            Handler::WithBody(|ask, body| Box::pin(create(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("name", Shape::Text),
            maybe("scope", Shape::Text),
            maybe("expires_at", Shape::Time),
        ])))
        .answers(Content::Json(TOKEN))
        .with_status(201),
    Route::delete("/api/v1/api-tokens/{id}", "api_token", Access::Viewer)
        .does(
            "Revokes an API token, on every node.",
            Handler::Plain(|ask| Box::pin(revoke(ask))),
        )
        .answers(MESSAGE),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    scope: Option<String>,
    expires_at: Option<String>,
}

fn show(state: &State, id: u64, token: &ApiToken) -> Value {
    let owner = state.user_by_id(token.user_id);
    let mut shown = json!({
        "id": format!("{id:016x}"),
        "name": token.name,
        "scope": token.scope,
        "user_id": token.user_id,
        "username": owner.map_or("", |user| user.username.as_str()),
        "created_at": token.created_at.to_string(),
    });
    for (name, time) in [
        ("expires_at", token.expires_at),
        ("last_used_at", token.last_used_at),
    ] {
        if let Some(time) = time {
            shown[name] = json!(time.to_string());
        }
    }
    shown
}

/// The user who asks, and whether that is an admin.
fn caller(ask: &RequestContext) -> Result<(i64, &str), Refusal> {
    match &ask.caller {
        Principal::User { id, role, .. } => Ok((*id, role)),
        Principal::Anonymous | Principal::Collector(_) => Err(Refusal::internal()),
    }
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let page = Page::of(&QueryString::parse(&ask.query)?);
    let (user_id, role) = caller(&ask)?;
    let answer = ask.read(|state| {
        let tokens: Vec<_> = state
            .api_tokens()
            .iter()
            .filter(|(_, token)| role == "admin" || token.user_id == user_id)
            .collect();
        page.answer(&tokens, |(id, token)| show(state, **id, token))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

async fn create(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    ask.require_login()?;
    let (user_id, role) = caller(&ask)?;
    let given: Create = small_json(&ask, body).await?;
    check_label("name", &given.name)?;
    let scope = given.scope.unwrap_or_else(|| role.to_owned());
    if !ROLES.contains(&scope.as_str()) {
        return Err(invalid(format!(
            "scope is {scope:?}: use admin, user or viewer"
        )));
    }
    let at = Timestamp::now();
    let expires_at = future("expires_at", given.expires_at.as_deref(), at)?;
    let new = api_token::generate();
    let token = ApiToken {
        name: given.name.clone(),
        user_id,
        scope: scope.clone(),
        sha256: new.sha256,
        created_at: at,
        expires_at,
        last_used_at: None,
    };
    let create = ApiTokenCommand::Create { id: new.id, token };
    let after = json!({ "scope": scope, "expires_at": expires_at.map(|at| at.to_string()) });
    let note = Note::new("api-token.create", &given.name).after(after);
    ask.decide(ControlCommand::ApiToken(create), note).await?;
    let shown = ask.read_here(|state| {
        let token = state.api_tokens().get(&new.id)?;
        Some(show(state, new.id, token))
    })?;
    let mut shown = shown.ok_or_else(Refusal::internal)?;
    shown["token"] = json!(new.text);
    Ok(secret(json(StatusCode::CREATED, &shown)))
}

async fn revoke(ask: RequestContext) -> Result<Response, Refusal> {
    let (user_id, role) = caller(&ask)?;
    let not_found = || Refusal::new(StatusCode::NOT_FOUND, "not_found", "API token not found");
    let id = u64::from_str_radix(ask.segment(), 16).map_err(|_| not_found())?;
    let found = ask.read(|state| {
        let token = state.api_tokens().get(&id)?;
        Some((token.clone(), show(state, id, token)))
    });
    let found = found.await?;
    // Another one's token is not even there, but for admins.
    let mine = found.filter(|(token, _)| role == "admin" || token.user_id == user_id);
    let (token, before) = mine.ok_or_else(not_found)?;
    let is_by_token = ask.require_login().is_err();
    if is_by_token && lower_role(&token.scope, role) != token.scope {
        return Err(forbidden(
            "The API token may do more than the one that asks",
        ));
    }
    let note = Note::new("api-token.revoke", token.name).before(before);
    let revoke = ControlCommand::ApiToken(ApiTokenCommand::Revoke { id });
    ask.decide(revoke, note).await?;
    Ok(json(
        StatusCode::OK,
        &json!({ "message": "API token revoked" }),
    ))
}

/// Refuses what cannot be told apart in a list.
pub(super) fn check_label(key: &str, text: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    if text.trim() != text || !(1..=100).contains(&length) || text.chars().any(char::is_control) {
        let text = format!("{key} must have 1 to 100 characters, none of control, no space around");
        return Err(invalid(text));
    }
    Ok(())
}

/// A time that is still to come, if one is given.
pub(super) fn future(
    key: &str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = |what: &str| invalid(format!("{key} is {text:?}: {what}"));
    let time = timestamps::parse_text(text)
        .map_err(|_| wrong("write a time such as 2027-01-31T00:00:00Z"))?;
    if time <= now {
        return Err(wrong("it has passed"));
    }
    Ok(Some(time))
}
