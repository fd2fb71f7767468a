//! Collectors: registration, token refresh, configuration.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use pga_cluster::State;
use serde::Deserialize;
use serde_json::json;
use warp::reply::Response;

use super::auth::at;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::small_json;
use crate::auth::{Claims, may_be_known_elsewhere, renewing_collector, starting, token_keys};
use crate::body::BodyStream;
use crate::control_plane::view;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::{ApiError, Registration};

#[derive(Deserialize)]
struct Register {
    name: String,
    hostname: String,
    address: Option<String>,
    version: Option<String>,
}

pub(super) const ROUTES: &[Route] = &[
    Route::post(
        "/api/v1/collectors/register",
        "register",
        Access::Credentials,
    )
    .does(
        "Registers a collector, and gives it a token and a certificate.",
        Handler::WithBody(|ask, body| Box::pin(register(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("name", Shape::Text),
        always("hostname", Shape::Text),
        maybe("address", Shape::Text),
        maybe("version", Shape::Text),
    ])))
    .answers(Content::Json(Shape::Object(&[
        always("collector_id", Shape::Text),
        always("status", Shape::Text),
        always("token", Shape::Text),
        always("certificate", Shape::Text),
        always("private_key", Shape::Text),
        always("expires_at", Shape::Time),
    ]))),
    // The body is not looked at: collectors send an empty chunked one (contract Q21), which hyper
    // drains.
    Route::post(
        "/api/v1/collectors/refresh-token",
        "refresh_token",
        Access::Credentials,
    )
    .does(
        "Gives a collector a new token for its old one, or for its certificate.",
        Handler::Plain(|ask| Box::pin(refresh_token(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("token", Shape::Text),
        always("expires_at", Shape::Time),
    ])))
    .may(&[403]),
    Route::post(
        "/api/v1/collectors/renew-certificate",
        "renew_certificate",
        Access::Credentials,
    )
    .does(
        "Gives a collector a new certificate; the one it has is good no more.",
        Handler::Plain(|ask| Box::pin(renew_certificate(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("certificate", Shape::Text),
        always("private_key", Shape::Text),
        always("expires_at", Shape::Time),
    ])))
    .may(&[403, 404]),
];

async fn register(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let context = &ask.context;
    let address = ask.peer.addr.ip();
    let failures = &context.options.failures;
    failures.check(address, SECRET, pga_runtime::now())?;
    let register: Register = small_json(&ask, body).await?;
    for (key, value) in [("name", &register.name), ("hostname", &register.hostname)] {
        check_name(key, value)?;
    }
    let secret = ask
        .headers
        .get("x-registration-secret")
        .and_then(|value| value.to_str().ok());
    let hostname = register.hostname.clone();
    let registration = Registration {
        name: register.name,
        hostname: register.hostname,
        address: register.address,
        version: register.version,
        secret: secret.map(str::to_owned),
    };
    let registered = match context.api.register(registration).await {
        Ok(registered) => registered,
        Err(ApiError::Unauthorized(_)) => {
            // A cluster that is just being made knows no secret yet.
            if ask.read_here(|state| state.users().is_empty())? {
                return Err(starting());
            }
            failures.failed(address, SECRET, pga_runtime::now());
            return Err(Refusal::unauthorized(
                "Invalid or missing registration secret",
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let level = ask.read_here(State::feature_level)?;
    let claims = Claims::of_collector(registered.collector, Some(hostname), level);
    let body = json!({
        "collector_id": registered.collector.to_string(),
        "status": "registered",
        "token": claims.sign(&*token_keys(context)?)?,
        "certificate": registered.certificate,
        "private_key": registered.private_key,
        "expires_at": at(claims.exp),
    });
    Ok(secret_json(&body))
}

/// What is guessed at by a registration.
const SECRET: &str = "registration secret";
/// Longest name and host, in characters (contract 5.1).
const MAX_NAME: usize = 255;

/// Refuses what is no name of a collector or a host.
fn check_name(key: &str, value: &str) -> Result<(), Refusal> {
    if value.trim().is_empty() {
        return Err(Refusal::bad("json", "Invalid request").with_details(format!("{key} is empty")));
    }
    if value.chars().count() > MAX_NAME || value.chars().any(char::is_control) {
        let text = format!("{key} has control characters, or more than {MAX_NAME} characters");
        return Err(Refusal::bad("json", "Invalid request").with_details(text));
    }
    Ok(())
}

/// Needs a quorum: a node that is cut off may not know that the collector was deleted, or that it
/// registered.
async fn refresh_token(ask: RequestContext) -> Result<Response, Refusal> {
    let here = renewing_collector(&ask.context, &ask.headers, &ask.peer);
    if let Err(refusal) = here
        && !may_be_known_elsewhere(&ask.context, &ask.headers, &ask.peer)
    {
        return Err(refusal);
    }
    ask.context.api.linearize().await?;
    let (id, hostname) = renewing_collector(&ask.context, &ask.headers, &ask.peer)?;
    let hostname = hostname.or_else(|| {
        let found = view(&*ask.context.api, |state| {
            Some(state.collector(id)?.hostname.clone())
        });
        found.flatten()
    });
    let level = ask.read_here(State::feature_level)?;
    let claims = Claims::of_collector(id, hostname, level);
    let token = claims.sign(&*token_keys(&ask.context)?)?;
    Ok(secret_json(
        &json!({ "token": token, "expires_at": at(claims.exp) }),
    ))
}

async fn renew_certificate(ask: RequestContext) -> Result<Response, Refusal> {
    let (id, _) = renewing_collector(&ask.context, &ask.headers, &ask.peer)?;
    let renewed = ask.context.api.renew_certificate(id).await?;
    Ok(secret_json(&json!({
        "certificate": renewed.certificate,
        "private_key": renewed.private_key,
        "expires_at": renewed.not_after.to_string(),
    })))
}

fn secret_json(body: &serde_json::Value) -> Response {
    let mut response = json(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
