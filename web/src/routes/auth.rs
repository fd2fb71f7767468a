//! Login, refresh, logout, and a user's own account (contract 1.3).

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, SET_COOKIE};
use pga_cluster::{
    ControlCommand, FeatureLevel, NO_PASSWORD, NewUser, PeopleCommand, Person, SessionCommand, User,
};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::json;
use warp::reply::Response;

use super::decision::Note;
use super::invalid::invalid;
use super::paging::MESSAGE;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::{SMALL_BODY, small_body, small_json};
use super::users::{USER, user_json};
use crate::auth::{
    ACCESS_LIFETIME, COOKIE_NAME, CSRF_COOKIE, Claims, Kind, Match, REFRESH_COOKIE,
    REFRESH_LIFETIME, SessionRef, Use, bearer, cookie, same_csrf, starting, token_keys,
};
use crate::body::BodyStream;
use crate::control_plane::view;
use crate::new_user::{check_email, check_length, check_name, check_password};
use crate::refusal::Refusal;
use crate::reply::json;
use crate::{ApiError, Principal, Via};

/// Where the cookie with the refresh token is sent.
const REFRESH_PATH: &str = "/api/v1/auth";

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[derive(Default, Deserialize)]
struct Refresh {
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct ChangePassword {
    #[serde(alias = "old_password")]
    current_password: String,
    new_password: String,
}

#[derive(Deserialize)]
struct SetUp {
    username: String,
    email: String,
    password: String,
}

const LOGGED_IN: Content = Content::Json(Shape::Object(&[
    always("token", Shape::Text),
    always("refresh_token", Shape::Text),
    always("expires_at", Shape::Time),
    always("user", USER),
    always("message", Shape::Text),
    always("csrf_token", Shape::Text),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/v1/auth/login", "login", Access::Credentials)
        .does(
            "Gives a user tokens for a password.",
            Handler::WithBody(|ask, body| Box::pin(login(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("username", Shape::Text),
            always("password", Shape::Text),
        ])))
        .answers(LOGGED_IN),
    Route::post("/api/v1/auth/logout", "logout", Access::Anyone)
        .does(
            "Ends the session of the token that comes along, on every node.",
            Handler::Plain(|ask| Box::pin(logout(ask))),
        )
        .answers(MESSAGE)
        .may(&[503]),
    Route::post("/api/v1/auth/refresh", "refresh", Access::Credentials)
        .does(
            "Gives a user new tokens for a refresh token, which is good once.",
            Handler::WithBody(|ask, body| Box::pin(refresh(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[maybe(
            "refresh_token",
            Shape::Text,
        )])))
        .answers(LOGGED_IN),
    Route::post("/api/v1/auth/setup", "setup", Access::Credentials)
        .does(
            "Makes the first user of a cluster that was made without one.",
            Handler::WithBody(|ask, body| Box::pin(set_up(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("username", Shape::Text),
            always("email", Shape::Text),
            always("password", Shape::Text),
        ])))
        .answers(Content::Json(USER))
        .with_status(201)
        .may(&[403, 409]),
    Route::get("/api/v1/auth/me", "me", Access::Viewer)
        .does(
            "Tells who asks, and how.",
            Handler::Plain(|ask| Box::pin(me(ask))),
        )
        .answers(Content::Json(USER)),
    Route::post(
        "/api/v1/auth/change-password",
        "change_password",
        Access::Viewer,
    )
    .does(
        "Changes the password of the user who asks, and ends all other sessions.",
        Handler::WithBody(|ask, body| Box::pin(change_password(ask, body))),
    )
    .takes(Content::Json(Shape::Object(&[
        always("current_password", Shape::Text),
        always("new_password", Shape::Text),
    ])))
    .answers(MESSAGE)
    .may(&[429]),
];

async fn login(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let context = &ask.context;
    let address = ask.peer.addr.ip();
    let login: Login = small_json(&ask, body).await?;
    if login.username.is_empty() || login.password.is_empty() {
        return Err(Refusal::bad("json", "Invalid request")
            .with_details("username and password must not be empty"));
    }
    check_length(&login.password).map_err(invalid)?;
    let what = format!("password of {}", login.username);
    let failures = &context.options.failures;
    failures.check(address, &what, pga_runtime::now())?;
    let found = ask.read(|state| state.user(&login.username).map(|user| user_of(state, user)));
    let found = found.await?;
    let hash = found.as_ref().map(|(user, _)| user.password_hash.clone());
    let matched = context
        .passwords
        .check(hash, login.password.clone())
        .await?;
    let (user, person) = match found {
        Some(found) if matched != Match::No => found,
        _ => {
            // A cluster that is just being made knows nobody yet.
            if ask.read_here(|state| state.users().is_empty())? {
                return Err(starting());
            }
            failures.failed(address, &what, pga_runtime::now());
            return Err(Refusal::unauthorized("Invalid credentials"));
        }
    };
    if person.is_disabled {
        return Err(Refusal::unauthorized("User account is inactive"));
    }
    if matched == Match::Outdated {
        rehash(&ask, &user, login.password).await;
    }
    let session = begin(&ask, user.id).await?;
    logged_in(&ask, &user, &person, session)
}

fn user_of(state: &pga_cluster::State, user: &User) -> (User, Person) {
    (user.clone(), state.person(user.id))
}

/// Replaces a hash of the original by one of ours; if that fails, the next login tries again.
async fn rehash(ask: &RequestContext, user: &User, password: String) {
    let hashed = ask.context.passwords.hash(password).await;
    let Ok(password_hash) = hashed else {
        return;
    };
    let rehash = ControlCommand::People(PeopleCommand::Rehash {
        user_id: user.id,
        old_hash: user.password_hash.clone(),
        password_hash,
    });
    if let Err(error) = ask.context.api.decide(rehash).await {
        tracing::warn!(%error, user = user.username, "password hash not replaced");
    }
}

/// Begins a session. While a cluster is being upgraded there are none yet: then a login is noted,
/// and its tokens end by themselves.
async fn begin(ask: &RequestContext, user_id: i64) -> Result<Option<SessionRef>, Refusal> {
    let (id, at) = (pga_runtime::random::<u128>(), Timestamp::now());
    let command = SessionCommand::Begin {
        session: id,
        user_id,
        address: ask.peer.addr.ip().to_string(),
        expires_at: after(at, REFRESH_LIFETIME),
        at,
    };
    let api = &ask.context.api;
    match api.decide(ControlCommand::Session(command)).await {
        Ok(()) => Ok(Some(SessionRef { id, generation: 0 })),
        Err(ApiError::Refused(pga_cluster::Refusal::FeatureLevel { .. })) => {
            api.decide(ControlCommand::LoggedIn { user_id, at }).await?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn after(at: Timestamp, time: Duration) -> Timestamp {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.micros().saturating_add(micros))
}

/// New tokens for a refresh token in the body, or in the cookie of a browser. The old one is good
/// no more; shown again, it ends the session.
async fn refresh(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let bytes = small_body(&ask, body, SMALL_BODY).await?;
    let given: Refresh = match serde_json::from_slice(&bytes) {
        Ok(given) => given,
        Err(_) if bytes.iter().all(u8::is_ascii_whitespace) => Refresh::default(),
        Err(_) => return Err(missing()),
    };
    let key = token_keys(&ask.context)?;
    let claims = match (&given.refresh_token, cookie(&ask.headers, REFRESH_COOKIE)) {
        (Some(token), _) if !token.is_empty() => Claims::verify(&key, token)?,
        (_, Some(token)) => {
            let claims = Claims::verify(&key, token)?;
            same_csrf(&ask.headers, claims.csrf.as_deref())?;
            claims
        }
        _ => return Err(missing()),
    };
    let user_id = match (claims.kind, claims.usage, claims.user_id) {
        (Kind::User, Use::Refresh, Some(id)) => id,
        _ => return Err(Refusal::unauthorized("Invalid token")),
    };
    let session = next_generation(&ask, &claims).await?;
    let found = ask.read(|state| state.user_by_id(user_id).map(|user| user_of(state, user)));
    match found.await? {
        Some((user, person)) if !person.is_disabled => logged_in(&ask, &user, &person, session),
        _ => Err(Refusal::unauthorized("Invalid token")),
    }
}

fn missing() -> Refusal {
    Refusal::bad("json", "Missing refresh token")
}

/// Spends a refresh token.
async fn next_generation(
    ask: &RequestContext,
    claims: &Claims,
) -> Result<Option<SessionRef>, Refusal> {
    let invalid = || Refusal::unauthorized("Invalid token");
    let at = Timestamp::now();
    let (Some(id), Some(generation)) = (claims.session()?, claims.generation) else {
        // From before there were sessions: good while the cluster is being upgraded.
        let level = ask.read_here(pga_cluster::State::feature_level)?;
        return match level < FeatureLevel::PEOPLE {
            true => Ok(None),
            false => Err(invalid()),
        };
    };
    let refresh = ControlCommand::Session(SessionCommand::Refresh {
        session: id,
        generation,
        expires_at: after(at, REFRESH_LIFETIME),
        at,
    });
    match ask.context.api.decide(refresh).await {
        Ok(()) => Ok(Some(SessionRef {
            id,
            generation: generation + 1,
        })),
        Err(ApiError::Refused(pga_cluster::Refusal::Replayed)) => {
            tracing::warn!(
                user = claims.username,
                address = %ask.peer.addr.ip(),
                "a refresh token was shown twice: its session has ended"
            );
            Err(invalid())
        }
        Err(ApiError::Refused(_)) => Err(invalid()),
        Err(error) => Err(error.into()),
    }
}

fn logged_in(
    ask: &RequestContext,
    user: &User,
    person: &Person,
    session: Option<SessionRef>,
) -> Result<Response, Refusal> {
    let key = token_keys(&ask.context)?;
    let csrf = format!("{:032x}", pga_runtime::random::<u128>());
    let access = Claims::user(user, Use::Access, session, &csrf);
    let token = access.sign(&key)?;
    let refresh_token = Claims::user(user, Use::Refresh, session, &csrf).sign(&key)?;
    let body = json!({
        "token": token,
        "refresh_token": refresh_token,
        "expires_at": at(access.exp),
        "user": user_json(user, person),
        "message": "Login successful",
        "csrf_token": csrf,
    });
    let mut response = json(StatusCode::OK, &body);
    let is_tls = ask.context.options.tls.is_some();
    let mut set = |name, value, path, lifetime: Duration, is_http_only| {
        let cookie = Cookie::build((name, value))
            .path(path)
            .secure(is_tls)
            .http_only(is_http_only);
        set_cookie(&mut response, cookie, lifetime);
    };
    set(COOKIE_NAME, token, "/", ACCESS_LIFETIME, true);
    set(
        REFRESH_COOKIE,
        refresh_token,
        REFRESH_PATH,
        REFRESH_LIFETIME,
        true,
    );
    // A script sends it along with a refresh too: it lasts as long.
    set(CSRF_COOKIE, csrf, "/", REFRESH_LIFETIME, false);
    Ok(response)
}

/// Whatever comes along, the browser forgets its cookies, and the session ends if there is one.
async fn logout(ask: RequestContext) -> Result<Response, Refusal> {
    let token = match bearer(&ask.headers) {
        Ok(Some(token)) => Some(token),
        _ => cookie(&ask.headers, COOKIE_NAME).or_else(|| cookie(&ask.headers, REFRESH_COOKIE)),
    };
    if let Some(token) = token
        && let Ok(claims) = Claims::verify(&*token_keys(&ask.context)?, token)
        && let Ok(Some(session)) = claims.session()
    {
        let is_open = ask.read_here(|state| state.session(session).is_some())?;
        if is_open {
            let end = ControlCommand::Session(SessionCommand::End { session });
            ask.context.api.decide(end).await?;
        }
    }
    let mut response = json(
        StatusCode::OK,
        &json!({ "message": "Logged out successfully" }),
    );
    for (name, path) in [
        (COOKIE_NAME, "/"),
        (REFRESH_COOKIE, REFRESH_PATH),
        (CSRF_COOKIE, "/"),
    ] {
        let cookie = Cookie::build((name, "")).path(path);
        set_cookie(&mut response, cookie, Duration::ZERO);
    }
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: cookie::CookieBuilder<'_>, lifetime: Duration) {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let cookie = cookie
        .same_site(SameSite::Strict)
        .max_age(cookie::time::Duration::seconds(seconds))
        .build();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(cookie) = HeaderValue::from_str(&cookie.to_string()) {
        headers.append(SET_COOKIE, cookie);
    }
}

async fn me(ask: RequestContext) -> Result<Response, Refusal> {
    let Principal::User { id, role, via, .. } = &ask.caller else {
        return Err(Refusal::internal());
    };
    let found = ask.read_here(|state| state.user_by_id(*id).map(|user| user_of(state, user)))?;
    let (user, person) = found.ok_or_else(|| Refusal::unauthorized("Invalid token"))?;
    let mut body = user_json(&user, &person);
    body["effective_role"] = json!(role);
    body["via"] = match via {
        Via::Session(_) => json!("session"),
        Via::ApiToken(name) => json!(format!("api token {name}")),
    };
    Ok(json(StatusCode::OK, &body))
}

async fn change_password(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let Principal::User {
        id,
        via: Via::Session(session),
        ..
    } = ask.caller
    else {
        return Err(crate::auth::forbidden(
            "A password is changed with a login only",
        ));
    };
    let address = ask.peer.addr.ip();
    let what = format!("password of user {id}");
    let failures = &ask.context.options.failures;
    failures.check(address, &what, pga_runtime::now())?;
    let change: ChangePassword = small_json(&ask, body).await?;
    check_length(&change.current_password).map_err(invalid)?;
    check_password(&change.new_password).map_err(invalid)?;
    let user = ask.read(|state| state.user_by_id(id).cloned()).await?;
    let user = user.ok_or_else(|| Refusal::unauthorized("Invalid token"))?;
    let passwords = &ask.context.passwords;
    let hash = Some(user.password_hash);
    if passwords.check(hash, change.current_password).await? == Match::No {
        failures.failed(address, &what, pga_runtime::now());
        return Err(crate::auth::forbidden("The current password is another"));
    }
    let set = PeopleCommand::SetPassword {
        user_id: id,
        password_hash: passwords.hash(change.new_password).await?,
        must_change_password: false,
        keep: session,
        at: Timestamp::now(),
    };
    let note = Note::new("user.change-password", user.username);
    ask.decide(ControlCommand::People(set), note).await?;
    let message = "Password changed; all other sessions have ended";
    Ok(json(StatusCode::OK, &json!({ "message": message })))
}

async fn set_up(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let is_needed = ask.read(|state| {
        let mut users = state.users().values();
        users.all(|user| user.password_hash == NO_PASSWORD)
    });
    if !is_needed.await? {
        return Err(crate::auth::forbidden("The cluster has been set up"));
    }
    let given: SetUp = small_json(&ask, body).await?;
    check_name(&given.username).map_err(invalid)?;
    check_email(&given.email).map_err(invalid)?;
    check_password(&given.password).map_err(invalid)?;
    let password_hash = ask.context.passwords.hash(given.password).await?;
    let user = NewUser {
        username: given.username.clone(),
        email: given.email,
        role: "admin".to_owned(),
        password_hash,
    };
    let note = Note::new("user.setup", &given.username);
    let set_up = ControlCommand::People(PeopleCommand::SetUp {
        user,
        at: Timestamp::now(),
    });
    ask.decide(set_up, note).await?;
    let made = view(&*ask.context.api, |state| {
        state.user(&given.username).map(|user| user_of(state, user))
    });
    let (user, person) = made.flatten().ok_or_else(Refusal::internal)?;
    Ok(json(StatusCode::CREATED, &user_json(&user, &person)))
}

/// A token's `exp` as the API writes times.
pub(super) fn at(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
    Timestamp::from_micros(seconds.saturating_mul(1_000_000)).to_string()
}
