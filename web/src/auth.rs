//! Who asks: tokens, passwords, and the brake on guessing.

mod failure_limit;
mod password;
mod token;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use pga_config::CollectorId;

pub(crate) use self::{
    failure_limit::FailureLimit,
    password::check_password,
    token::{ACCESS_LIFETIME, Claims, Kind, Use},
};
use crate::Principal;
use crate::context::Context;
use crate::refusal::Refusal;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 << 10;
/// Cookie of browsers that logged in.
pub(crate) const COOKIE_NAME: &str = "auth_token";

/// The bearer token in the `Authorization` header: exactly `Bearer ` and a token, once (contract 4.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "));
    match token {
        Some(token) if values.next().is_none() && (1..=MAX_TOKEN).contains(&token.len()) => {
            Ok(Some(token))
        }
        _ => Err(Refusal::unauthorized("Invalid token")),
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE_NAME && value.len() <= MAX_TOKEN)
        .map(|(_, value)| value)
}

/// The claims of a valid user token, from the header or the cookie.
pub(crate) fn require_user(context: &Context, headers: &HeaderMap) -> Result<Claims, Refusal> {
    let token = match bearer(headers)? {
        Some(token) => token,
        None => {
            cookie(headers).ok_or_else(|| Refusal::unauthorized("Missing authorization header"))?
        }
    };
    let claims = Claims::verify(&token_key(context)?, token)?;
    match (claims.kind, claims.usage) {
        (Kind::User, Use::Access) => Ok(claims),
        (Kind::User, Use::Refresh) => Err(Refusal::unauthorized("Invalid token")),
        (Kind::Collector, _) => Err(forbidden("A user token is needed here")),
    }
}

/// The collector whose token a push carries; `None` if it needs none.
///
/// Known before the body is read. Where pushing without a token is allowed, a bad token must not fail the push
/// either (contract Q19).
pub(crate) fn pushing_collector(
    context: &Context,
    headers: &HeaderMap,
) -> Result<Option<CollectorId>, Refusal> {
    match push_claims(context, headers) {
        Err(_) if context.options.allow_anonymous_push => Ok(None),
        Err(refusal) => Err(refusal),
        Ok(claims) => match claims.collector() {
            None => Err(forbidden("A collector token is needed here")),
            Some(id) if context.api.knows_collector(id) => Ok(Some(id)),
            Some(_) if context.options.allow_anonymous_push => Ok(None),
            Some(_) => Err(Refusal::unauthorized("Invalid token")),
        },
    }
}

/// Refuses a push in the name of another collector.
pub(crate) fn require_same(caller: &Principal, collector: CollectorId) -> Result<(), Refusal> {
    match caller {
        Principal::Collector(id) if *id != collector => Err(forbidden("Collector ID mismatch")),
        _ => Ok(()),
    }
}

fn push_claims(context: &Context, headers: &HeaderMap) -> Result<Claims, Refusal> {
    let token =
        bearer(headers)?.ok_or_else(|| Refusal::unauthorized("Missing authorization header"))?;
    Claims::verify(&token_key(context)?, token)
}

/// The key that signs tokens; until this node has it, nobody can be told whether a token is good.
pub(crate) fn token_key(context: &Context) -> Result<Vec<u8>, Refusal> {
    context.api.token_key().ok_or_else(|| {
        Refusal::unavailable("starting", "Temporarily unavailable: this node is starting")
    })
}

pub(crate) fn forbidden(text: &str) -> Refusal {
    Refusal::new(http::StatusCode::FORBIDDEN, "forbidden", text)
}
