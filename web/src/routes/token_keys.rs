//! The keys that sign tokens: admins see their numbers and make new ones, and nobody sees a key.

use http::StatusCode;
use pga_cluster::{ControlCommand, TokenKey, TokenKeyCommand};
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use super::decision::Note;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always};
use crate::auth::token_keys::{SPREAD, after, needed};
use crate::refusal::Refusal;
use crate::reply::json;

const KEY: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("created_at", Shape::Time),
    always("signs_from", Shape::Time),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/token-keys", "token_keys", Access::Admin)
        .does(
            "Lists the keys that sign tokens after the first, without them; the last one signs.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .answers(Content::Json(Shape::List(&KEY))),
    Route::post("/api/v1/token-keys", "token_keys", Access::Admin)
        .does(
            "Makes a new key that signs tokens; those that were signed before stay good until they end.",
            Handler::Plain(|ask| Box::pin(create(ask))),
        )
        .answers(Content::Json(KEY))
        .with_status(201),
];

fn show(id: u64, key: &TokenKey) -> Value {
    json!({
        "id": id,
        "created_at": key.at.to_string(),
        "signs_from": after(key.at, SPREAD).to_string(),
    })
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let shown = ask.read(|state| {
        let keys = state.token_keys().iter();
        keys.map(|(id, key)| show(*id, key)).collect::<Vec<_>>()
    });
    Ok(json(StatusCode::OK, &shown.await?))
}

async fn create(ask: RequestContext) -> Result<Response, Refusal> {
    let newest = ask.read(|state| state.token_keys().last_key_value().map(|(id, _)| *id));
    let id = newest.await?.unwrap_or(0) + 1;
    let secret: [u8; 32] = pga_runtime::random();
    let at = Timestamp::now();
    let key = TokenKey {
        sealed: ask.context.api.seal_token_key(&secret)?.into(),
        at,
    };
    let shown = show(id, &key);
    let needed = i64::try_from(needed().as_micros()).unwrap_or(i64::MAX);
    let add = TokenKeyCommand::Add {
        id,
        key,
        followed_before: Timestamp::from_micros(at.micros().saturating_sub(needed)),
    };
    let note = Note::new("token-key.create", id.to_string());
    ask.decide(ControlCommand::TokenKey(add), note).await?;
    Ok(json(StatusCode::CREATED, &shown))
}
