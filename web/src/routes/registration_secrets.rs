//! Registration secrets: what collectors show to become known (contract 4.4).

use http::StatusCode;
use pga_cluster::{ControlCommand, RegistrationSecret, RegistrationSecretCommand};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::api_tokens::{check_label, future};
use super::decision::Note;
use super::invalid::invalid;
use super::paging::{MESSAGE, PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::small_json;
use super::users::secret;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::secret_hash::sha256;

const SECRET: Shape = Shape::Object(&[
    always("id", Shape::Text),
    always("name", Shape::Text),
    maybe("description", Shape::Text),
    always("status", Shape::Text),
    always("uses", Shape::Integer),
    maybe("max_uses", Shape::Integer),
    always("created_by", Shape::Text),
    always("created_at", Shape::Time),
    maybe("expires_at", Shape::Time),
    maybe("last_used_at", Shape::Time),
    maybe("secret", Shape::Text),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/registration-secrets",
        "registration_secrets",
        Access::Admin,
    )
    .does(
        "Lists registration secrets, the newest first, without their texts.",
        Handler::Plain(|ask| Box::pin(list(ask))),
    )
    .asks(&[PAGE, PAGE_SIZE])
    .answers(paginated!(SECRET)),
    Route::post(
        "/api/v1/registration-secrets",
        "registration_secrets",
        Access::Admin,
    )
    .does(
        "Makes a registration secret; its text is shown once.",
        Handler::WithBody(|ask, body| Box::pin(create(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("name", Shape::Text),
        maybe("description", Shape::Text),
        maybe("expires_at", Shape::Time),
        maybe("max_uses", Shape::Integer),
    ])))
    .answers(Content::Json(SECRET))
    .with_status(201),
    Route::get(
        "/api/v1/registration-secrets/{id}",
        "registration_secret",
        Access::Admin,
    )
    .does(
        "Shows a registration secret without its text.",
        Handler::Plain(|ask| Box::pin(get(ask))),
    )
    .answers(Content::Json(SECRET)),
    Route::delete(
        "/api/v1/registration-secrets/{id}",
        "registration_secret",
        Access::Admin,
    )
    .does(
        "Revokes a registration secret; collectors that used it stay.",
        Handler::Plain(|ask| Box::pin(revoke(ask))),
    )
    .answers(MESSAGE),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    description: Option<String>,
    expires_at: Option<String>,
    max_uses: Option<u64>,
}

fn show(id: u64, secret: &RegistrationSecret, now: Timestamp) -> Value {
    let status = match secret {
        secret if secret.is_good(now) => "active",
        secret if secret.is_revoked => "revoked",
        secret if secret.max_uses.is_some_and(|max| secret.uses >= max) => "used_up",
        _ => "expired",
    };
    let mut shown = json!({
        "id": format!("{id:016x}"),
        "name": secret.name,
        "status": status,
        "uses": secret.uses,
        "created_by": secret.created_by,
        "created_at": secret.created_at.to_string(),
    });
    if !secret.description.is_empty() {
        shown["description"] = json!(secret.description);
    }
    if let Some(max) = secret.max_uses {
        shown["max_uses"] = json!(max);
    }
    for (name, time) in [
        ("expires_at", secret.expires_at),
        ("last_used_at", secret.last_used_at),
    ] {
        if let Some(time) = time {
            shown[name] = json!(time.to_string());
        }
    }
    shown
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let page = Page::of(&QueryString::parse(&ask.query)?);
    let answer = ask.read(|state| {
        let mut secrets: Vec<_> = state.registration_secrets().iter().collect();
        secrets.sort_by_key(|(id, secret)| (std::cmp::Reverse(secret.created_at), **id));
        page.answer(&secrets, |(id, secret)| {
            show(**id, secret, Timestamp::now())
        })
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

/// The secret that the path names.
async fn find(ask: &RequestContext) -> Result<(u64, RegistrationSecret), Refusal> {
    let not_found = || {
        let text = "Registration secret not found";
        Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
    };
    let id = u64::from_str_radix(ask.segment(), 16).map_err(|_| not_found())?;
    let found = ask.read(|state| state.registration_secrets().get(&id).cloned());
    let secret = found.await?.ok_or_else(not_found)?;
    Ok((id, secret))
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    let (id, secret) = find(&ask).await?;
    Ok(json(StatusCode::OK, &show(id, &secret, Timestamp::now())))
}

async fn create(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Create = small_json(&ask, body).await?;
    check_label("name", &given.name)?;
    let description = given.description.unwrap_or_default();
    if description.len() > 1_000 {
        return Err(invalid("description is longer than 1000 bytes"));
    }
    if given.max_uses == Some(0) {
        return Err(invalid("max_uses is 0: leave it out for no bound"));
    }
    let at = Timestamp::now();
    let (id, text) = (
        pga_runtime::random::<u64>(),
        // Not base64: what begins with a hyphen is an option in a command line.
        hex::encode(pga_runtime::random::<[u8; 32]>()),
    );
    let made = RegistrationSecret {
        name: given.name.clone(),
        description,
        sha256: sha256(text.as_bytes()),
        created_by: ask.actor(),
        created_at: at,
        expires_at: future("expires_at", given.expires_at.as_deref(), at)?,
        max_uses: given.max_uses,
        uses: 0,
        last_used_at: None,
        is_revoked: false,
    };
    let mut shown = show(id, &made, at);
    let create = RegistrationSecretCommand::Create { id, secret: made };
    let note = Note::new("registration-secret.create", given.name).after(shown.clone());
    ask.decide(ControlCommand::RegistrationSecret(create), note)
        .await?;
    shown["secret"] = json!(text);
    Ok(secret(json(StatusCode::CREATED, &shown)))
}

async fn revoke(ask: RequestContext) -> Result<Response, Refusal> {
    let (id, found) = find(&ask).await?;
    let note = Note::new("registration-secret.revoke", &found.name);
    let note = note.before(show(id, &found, Timestamp::now()));
    let revoke = RegistrationSecretCommand::Revoke { id };
    ask.decide(ControlCommand::RegistrationSecret(revoke), note)
        .await?;
    let body = json!({ "message": "Registration secret revoked" });
    Ok(json(StatusCode::OK, &body))
}
