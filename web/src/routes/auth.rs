//! Login, logout, refresh.

use std::time::Instant;

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue, SET_COOKIE};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use warp::reply::Response;

use super::RequestContext;
use super::shape::{Shape, always, maybe};
use super::table::{Access, Content, Handler, Route};
use crate::User;
use crate::auth::{ACCESS_LIFETIME, COOKIE_NAME, Claims, Kind, Use, check_password, token_key};
use crate::body::{self, BodyStream};
use crate::refusal::Refusal;
use crate::reply::json;

/// Bodies of requests other than pushes, in bytes.
const SMALL_BODY: u64 = 64 << 10;
const MAX_PASSWORD: usize = 1024;

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

const LOGGED_IN: Content = Content::Json(Shape::Object(&[
    always("token", Shape::Text),
    always("refresh_token", Shape::Text),
    always("expires_at", Shape::Time),
    always("user", USER),
    always("message", Shape::Text),
    always("csrf_token", Shape::Text),
]));

const USER: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("username", Shape::Text),
    always("email", Shape::Text),
    maybe("full_name", Shape::Text),
    always("role", Shape::Text),
    always("is_active", Shape::Flag),
    maybe("last_login", Shape::Time),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
]);

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
            "Makes a browser forget its tokens.",
            Handler::Plain(|_| Box::pin(async { Ok(logged_out()) })),
        )
        .answers(Content::Json(Shape::Object(&[always(
            "message",
            Shape::Text,
        )]))),
    Route::post("/api/v1/auth/refresh", "refresh", Access::Credentials)
        .does(
            "Gives a user a new access token for a refresh token.",
            Handler::WithBody(|ask, body| Box::pin(refresh(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[always(
            "refresh_token",
            Shape::Text,
        )])))
        .answers(LOGGED_IN),
];

/// A small JSON body; of what follows the first value nothing is read (contract 1.1).
pub(super) async fn small_json<T: DeserializeOwned>(
    ask: &RequestContext,
    body: BodyStream,
) -> Result<T, Refusal> {
    let limits = &ask.context.options.limits;
    let mut lease = ask.context.budget.lease();
    let bytes = body::read(limits, SMALL_BODY, &ask.headers, body, &mut lease).await?;
    let mut values = serde_json::Deserializer::from_slice(&bytes).into_iter();
    match values.next() {
        Some(Ok(value)) => Ok(value),
        _ => Err(Refusal::bad("json", "Invalid request")),
    }
}

async fn login(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let context = &ask.context;
    let address = ask.peer.addr.ip();
    context.failures.check(address, Instant::now())?;
    let login: Login = small_json(&ask, body).await?;
    if login.username.is_empty() || login.password.is_empty() || login.password.len() > MAX_PASSWORD
    {
        return Err(Refusal::bad("json", "Invalid request"));
    }
    let secret = context.api.user(&login.username).await?;
    let (user, hash) = secret
        .map(|secret| (secret.user, secret.password_hash))
        .unzip();
    let matches = check_password(context, hash, login.password).await?;
    let user = match user {
        Some(user) if matches => user,
        _ => {
            context.failures.failed(address, Instant::now());
            return Err(Refusal::unauthorized("Invalid credentials"));
        }
    };
    if !user.is_active {
        return Err(Refusal::unauthorized("User account is inactive"));
    }
    if let Err(error) = context.api.logged_in(user.id).await {
        tracing::warn!(%error, "login not noted");
    }
    let refresh = Claims::user(&user, Use::Refresh).sign(&token_key(context)?)?;
    logged_in(&ask, &user, &refresh)
}

/// A new access token; the refresh token stays the same (contract 1.3).
async fn refresh(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let refresh: Refresh = small_json(&ask, body).await.map_err(|refusal| Refusal {
        message: "Missing refresh token".into(),
        ..refusal
    })?;
    let claims = Claims::verify(&token_key(&ask.context)?, &refresh.refresh_token)?;
    let name = match (claims.kind, claims.usage, &claims.username) {
        (Kind::User, Use::Refresh, Some(name)) => name,
        _ => return Err(Refusal::unauthorized("Invalid token")),
    };
    match ask.context.api.user(name).await? {
        Some(secret) if secret.user.is_active && Some(secret.user.id) == claims.user_id => {
            logged_in(&ask, &secret.user, &refresh.refresh_token)
        }
        _ => Err(Refusal::unauthorized("Invalid token")),
    }
}

fn logged_in(ask: &RequestContext, user: &User, refresh: &str) -> Result<Response, Refusal> {
    let claims = Claims::user(user, Use::Access);
    let token = claims.sign(&token_key(&ask.context)?)?;
    let csrf = format!("{:032x}", rand::random::<u128>());
    let body = json!({
        "token": token,
        "refresh_token": refresh,
        "expires_at": at(claims.exp),
        "user": user,
        "message": "Login successful",
        "csrf_token": csrf,
    });
    let mut response = json(StatusCode::OK, &body);
    let secure = if ask.context.options.tls.is_some() {
        "; Secure"
    } else {
        ""
    };
    let seconds = ACCESS_LIFETIME.as_secs();
    let attributes = format!("; Path=/; Max-Age={seconds}; SameSite=Strict{secure}");
    set_cookie(
        &mut response,
        &format!("{COOKIE_NAME}={token}; HttpOnly{attributes}"),
    );
    set_cookie(&mut response, &format!("csrf_token={csrf}{attributes}"));
    Ok(response)
}

fn logged_out() -> Response {
    let mut response = json(
        StatusCode::OK,
        &json!({ "message": "Logged out successfully" }),
    );
    set_cookie(
        &mut response,
        &format!("{COOKIE_NAME}=; HttpOnly; Path=/; Max-Age=0"),
    );
    set_cookie(&mut response, "csrf_token=; Path=/; Max-Age=0");
    response
}

fn set_cookie(response: &mut Response, cookie: &str) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// A token's `exp` as the API writes times.
pub(super) fn at(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
    Timestamp::from_micros(seconds.saturating_mul(1_000_000)).to_string()
}
