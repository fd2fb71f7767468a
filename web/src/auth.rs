//! Who asks: tokens, passwords, and the brake on guessing.

pub(crate) mod api_token;
mod client_certificate;
mod csrf;
mod failure_limit;
mod lifetimes;
mod password;
mod token;
pub(crate) mod token_keys;
pub(crate) mod without_quorum;

use std::sync::Arc;

use cookie::Cookie;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, StatusCode};
use pga_cluster::{ApiTokenCommand, ControlCommand};
use pga_config::CollectorId;
use pga_storage::Timestamp;

pub use self::failure_limit::{FailedAttempts, FailureLimit};
pub use self::password::hash_password;
pub use self::token_keys::{TokenKey, TokenKeys};
pub(crate) use self::{
    csrf::same as same_csrf,
    lifetimes::{ACCESS_LIFETIME, REFRESH_LIFETIME},
    password::{Match, Passwords, is_hash},
    token::{Claims, Kind, SessionRef, Use},
};
use crate::context::Context;
use crate::control_plane::view;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::secret_hash::{is_equal, sha256};
use crate::{Principal, Via};

/// The roles, the lowest first.
pub(crate) const ROLES: [&str; 3] = ["viewer", "user", "admin"];
/// How often the use of an API token is noted, in microseconds.
const NOTE_USE_EVERY_MICROS: i64 = 3_600_000_000;

/// A token is new for so long: what it names may not be known on every node yet.
const NEW_SECONDS: u64 = 10;

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 << 10;
/// Cookie with the access token of a browser that logged in.
pub(crate) const COOKIE_NAME: &str = "auth_token";
/// Cookie with its refresh token.
pub(crate) const REFRESH_COOKIE: &str = "refresh_token";
/// Cookie that its scripts can read, and send back in the header `x-csrf-token`.
pub(crate) const CSRF_COOKIE: &str = "csrf_token";

/// The bearer token in the `Authorization` header: exactly `Bearer ` and a token, once (contract
/// 4.1).
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

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .and_then(|cookie| cookie.value_raw())
        .filter(|value| value.len() <= MAX_TOKEN)
}

/// The user who asks, by a token in the header or in the cookie, as far as this node has applied:
/// a session that ended, a user who was disabled and a token that was revoked are refused, and the
/// role is the one that the user has now.
pub(crate) fn require_user(
    context: &Context,
    method: &str,
    headers: &HeaderMap,
) -> Result<Principal, Refusal> {
    match bearer(headers)? {
        Some(token) if api_token::is_like(token) => api_token_user(context, token),
        Some(token) => session_user(context, &access_claims(context, token)?),
        None => {
            let token = cookie(headers, COOKIE_NAME);
            let token =
                token.ok_or_else(|| Refusal::unauthorized("Missing authorization header"))?;
            let claims = access_claims(context, token)?;
            csrf::check(method, headers, &claims)?;
            session_user(context, &claims)
        }
    }
}

/// Whether a certificate or token is shown that this cluster issued, and whose user logged in or
/// whose collector registered where this node may not have heard of it: a node that is behind, or
/// cut off, has to find out what the cluster knows before it sends them away.
///
/// A user's is asked for ten seconds only, as sessions end all the time; a collector's always,
/// since old ones drop what they pushed at 401 (contract Q14).
pub(crate) fn may_be_known_elsewhere(context: &Context, headers: &HeaderMap, peer: &Peer) -> bool {
    if peer.certificate.is_some() {
        return true;
    }
    let token = bearer(headers).ok().flatten();
    let token = token.or_else(|| cookie(headers, COOKIE_NAME));
    let keys = token_keys(context).ok();
    let claims = token
        .zip(keys)
        .and_then(|(token, keys)| Claims::verify_for_refresh(&keys, token).ok());
    let oldest = pga_runtime::unix_time()
        .as_secs()
        .saturating_sub(NEW_SECONDS);
    claims.is_some_and(|claims| claims.kind == Kind::Collector || claims.iat >= oldest)
}

fn access_claims(context: &Context, token: &str) -> Result<Claims, Refusal> {
    let claims = Claims::verify(&*token_keys(context)?, token)?;
    match (claims.kind, claims.usage) {
        (Kind::User, Use::Access) => Ok(claims),
        (Kind::User, Use::Refresh) => Err(Refusal::unauthorized("Invalid token")),
        (Kind::Collector, _) => Err(forbidden("A user token is needed here")),
    }
}

fn session_user(context: &Context, claims: &Claims) -> Result<Principal, Refusal> {
    let invalid = || Refusal::unauthorized("Invalid token");
    let id = claims.user_id.ok_or_else(invalid)?;
    let Some(session) = claims.session()? else {
        // From before there were sessions: such a token ends by itself, a quarter of an hour later.
        let is_short = claims.exp.saturating_sub(claims.iat) <= ACCESS_LIFETIME.as_secs();
        let user = view(&*context.api, |state| {
            let user = state.user_by_id(id)?;
            let is_active = !state.person(id).is_disabled;
            (is_short && is_active).then(|| (user.username.clone(), user.role.clone()))
        });
        let (username, role) = user.flatten().ok_or_else(invalid)?;
        let claimed = claims.role.as_deref().unwrap_or_default();
        return Ok(Principal::User {
            id,
            username,
            role: lower_role(claimed, &role).to_owned(),
            via: Via::Session(None),
        });
    };
    let user = view(&*context.api, |state| {
        let is_open = state
            .session(session)
            .is_some_and(|open| open.user_id == id);
        let is_active = !state.person(id).is_disabled;
        let user = state.user_by_id(id).filter(|_| is_open && is_active)?;
        Some((user.username.clone(), user.role.clone()))
    });
    let (username, role) = user.flatten().ok_or_else(invalid)?;
    Ok(Principal::User {
        id,
        username,
        role,
        via: Via::Session(Some(session)),
    })
}

fn api_token_user(context: &Context, text: &str) -> Result<Principal, Refusal> {
    let invalid = || Refusal::unauthorized("Invalid token");
    let id = api_token::id(text).ok_or_else(invalid)?;
    let at = Timestamp::now();
    let found = view(&*context.api, |state| {
        let token = state.api_tokens().get(&id)?;
        let user = state.user_by_id(token.user_id)?;
        let is_good = is_equal(&token.sha256, &sha256(text.as_bytes()))
            && token.expires_at.is_none_or(|end| at < end)
            && !state.person(user.id).is_disabled;
        is_good.then(|| (token.clone(), user.clone()))
    });
    let (token, user) = found.flatten().ok_or_else(invalid)?;
    let is_noted = |last: Timestamp| at.micros() - last.micros() < NOTE_USE_EVERY_MICROS;
    if !token.last_used_at.is_some_and(is_noted) {
        note_use(context, id, at);
    }
    Ok(Principal::User {
        id: user.id,
        username: user.username,
        role: lower_role(&token.scope, &user.role).to_owned(),
        via: Via::ApiToken(token.name),
    })
}

/// Notes, once an hour, that a token is used. Nobody waits for it, and nothing depends on it.
fn note_use(context: &Context, id: u64, at: Timestamp) {
    let api = Arc::clone(&context.api);
    pga_runtime::spawn(async move {
        let used = ControlCommand::ApiToken(ApiTokenCommand::Used { id, at });
        if let Err(error) = api.decide(used).await {
            tracing::debug!(%error, "use of an API token not noted");
        }
    });
}

/// The lower one of two roles.
pub(crate) fn lower_role<'a>(a: &'a str, b: &'a str) -> &'a str {
    let rank = |role: &str| ROLES.iter().position(|known| *known == role).unwrap_or(0);
    if rank(a) <= rank(b) { a } else { b }
}

/// The collector that a push's certificate and token name; `None` if it needs neither.
///
/// Known before the body is read. Where pushing without a token is allowed, a bad token must not
/// fail the push either (contract Q19).
pub(crate) fn pushing_collector(
    context: &Context,
    headers: &HeaderMap,
    peer: &Peer,
) -> Result<Option<CollectorId>, Refusal> {
    match named_collector(context, headers, peer) {
        Err(refusal)
            if context.options.allow_anonymous_push && refusal.status != StatusCode::FORBIDDEN =>
        {
            Ok(None)
        }
        named => named.map(Some),
    }
}

fn named_collector(
    context: &Context,
    headers: &HeaderMap,
    peer: &Peer,
) -> Result<CollectorId, Refusal> {
    let shown = client_certificate::shown(context, peer)?;
    let token = || {
        let token = bearer(headers)?;
        let token = token.ok_or_else(|| Refusal::unauthorized("Missing authorization header"))?;
        claimed_collector(context, Claims::verify(&*token_keys(context)?, token)?)
    };
    match (shown, token()) {
        (Some(shown), Ok((named, _))) if shown != named => Err(id_mismatch()),
        // A certificate will do without a token, and so beside one that is good no longer.
        (Some(id), _) => Ok(id),
        (None, _) if client_certificate::are_required(context) => {
            Err(client_certificate::missing())
        }
        (None, token) => token.map(|(id, _)| id),
    }
}

/// The collector that asks for a new token or certificate, and its host: by its token, which may
/// have ended a day ago, or by its certificate.
///
/// A certificate that was renewed in the meantime will do beside a token, also where certificates
/// are required: the answer with the new one may have been lost on its way.
pub(crate) fn renewing_collector(
    context: &Context,
    headers: &HeaderMap,
    peer: &Peer,
) -> Result<(CollectorId, Option<String>), Refusal> {
    let shown = client_certificate::shown(context, peer);
    let token = bearer(headers).and_then(|token| {
        let token = token.ok_or_else(|| Refusal::unauthorized("Missing authorization header"))?;
        let claims = Claims::verify_for_refresh(&*token_keys(context)?, token);
        claimed_collector(context, claims?).map_err(|_| Refusal::unauthorized("Invalid token"))
    });
    let names = |id| peer.certificate.is_some_and(|shown| shown.collector == id);
    match (token, shown) {
        (Ok((named, _)), _) if peer.certificate.is_some() && !names(named) => Err(id_mismatch()),
        (Ok((named, _)), _) if client_certificate::are_required(context) && !names(named) => {
            Err(client_certificate::missing())
        }
        (Ok(named), _) => Ok(named),
        (Err(_), Ok(Some(id))) => Ok((id, None)),
        (Err(refusal), Ok(None)) | (Err(_), Err(refusal)) => Err(refusal),
    }
}

/// The collector of a token, if the cluster knows it, and the host that the token names.
fn claimed_collector(
    context: &Context,
    claims: Claims,
) -> Result<(CollectorId, Option<String>), Refusal> {
    match claims.collector() {
        None => Err(forbidden("A collector token is needed here")),
        Some(id) if context.api.knows_collector(id) => Ok((id, claims.hostname)),
        Some(_) => Err(Refusal::unauthorized("Invalid token")),
    }
}

/// Refuses a push in the name of another collector.
pub(crate) fn require_same(caller: &Principal, collector: CollectorId) -> Result<(), Refusal> {
    match caller {
        Principal::Collector(id) if *id != collector => Err(id_mismatch()),
        _ => Ok(()),
    }
}

fn id_mismatch() -> Refusal {
    forbidden("Collector ID mismatch")
}

/// The keys that sign tokens; until this node has them, nobody can be told whether a token is good.
pub(crate) fn token_keys(context: &Context) -> Result<Arc<TokenKeys>, Refusal> {
    context.api.token_keys().ok_or_else(starting)
}

/// This node does not know yet what it takes to judge a secret.
pub(crate) fn starting() -> Refusal {
    Refusal::unavailable("starting", "Temporarily unavailable: this node is starting")
}

pub(crate) fn forbidden(text: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "forbidden", text)
}
