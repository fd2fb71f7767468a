//! Users, for admins.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use pga_cluster::{ControlCommand, NewUser, PeopleCommand, Person, State, User};
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
use crate::auth::is_hash;
use crate::body::BodyStream;
use crate::new_user::{
    check_email, check_name, check_password, check_role, check_text, temporary_password,
};
use crate::refusal::Refusal;
use crate::reply::json;

/// The contract's User, and what came later.
pub(super) const USER: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("username", Shape::Text),
    always("email", Shape::Text),
    maybe("full_name", Shape::Text),
    always("role", Shape::Text),
    always("is_active", Shape::Flag),
    always("password_changed", Shape::Flag),
    maybe("last_login", Shape::Time),
    always("created_at", Shape::Time),
    always("updated_at", Shape::Time),
    maybe("temporary_password", Shape::Text),
    maybe("effective_role", Shape::Text),
    maybe("via", Shape::Text),
]);

const CHANGES: Content = Content::Json(Shape::Object(&[
    maybe("email", Shape::Text),
    maybe("full_name", Shape::Text),
    maybe("role", Shape::Text),
    maybe("is_active", Shape::Flag),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/users", "users", Access::Admin)
        .does(
            "Lists users by name.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[PAGE, PAGE_SIZE])
        .answers(paginated!(USER)),
    Route::post("/api/v1/users", "users", Access::Admin)
        .does(
            "Adds a user, with the password given or with one that is made up and shown once.",
            Handler::WithBody(|ask, body| Box::pin(create(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            always("username", Shape::Text),
            always("email", Shape::Text),
            maybe("full_name", Shape::Text),
            maybe("role", Shape::Text),
            maybe("password", Shape::Text),
            maybe("password_hash", Shape::Text),
        ])))
        .answers(Content::Json(USER))
        .with_status(201),
    Route::get("/api/v1/users/{id}", "user", Access::Admin)
        .does("Shows a user.", Handler::Plain(|ask| Box::pin(get(ask))))
        .answers(Content::Json(USER)),
    Route::put("/api/v1/users/{id}", "user", Access::Admin)
        .does(
            "Changes what is given of a user.",
            Handler::WithBody(|ask, body| Box::pin(update(ask, body))),
        )
        .takes(CHANGES)
        .answers(Content::Json(USER)),
    Route::patch("/api/v1/users/{id}", "user", Access::Admin)
        .does(
            "Changes what is given of a user.",
            Handler::WithBody(|ask, body| Box::pin(update(ask, body))),
        )
        .takes(CHANGES)
        .answers(Content::Json(USER)),
    Route::delete("/api/v1/users/{id}", "user", Access::Admin)
        .does(
            "Removes a user, and ends the user's sessions and tokens.",
            Handler::Plain(|ask| Box::pin(delete(ask))),
        )
        .answers(MESSAGE),
    Route::post(
        "/api/v1/users/{id}/reset-password",
        "reset_password",
        Access::Admin,
    )
    .does(
        "Gives a user a password that is made up and shown once.",
        Handler::Plain(|ask| Box::pin(reset_password(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("message", Shape::Text),
        always("temporary_password", Shape::Text),
    ]))),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    username: String,
    email: String,
    full_name: Option<String>,
    role: Option<String>,
    password: Option<String>,
    password_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    email: Option<String>,
    full_name: Option<String>,
    role: Option<String>,
    is_active: Option<bool>,
}

/// A user as the API shows it; never with the password's hash.
pub(super) fn user_json(user: &User, person: &Person) -> Value {
    let mut shown = json!({
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "is_active": !person.is_disabled,
        "password_changed": !person.must_change_password,
        "created_at": user.created_at.to_string(),
        "updated_at": user.updated_at.to_string(),
    });
    if !person.full_name.is_empty() {
        shown["full_name"] = json!(person.full_name);
    }
    if let Some(at) = user.last_login {
        shown["last_login"] = json!(at.to_string());
    }
    shown
}

fn show(state: &State, user: &User) -> Value {
    user_json(user, &state.person(user.id))
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let page = Page::of(&QueryString::parse(&ask.query)?);
    let answer = ask.read(|state| {
        let users: Vec<&User> = state.users().values().collect();
        page.answer(&users, |user| show(state, user))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    let (_, shown) = find(&ask).await?;
    Ok(json(StatusCode::OK, &shown))
}

/// The user that the path names.
async fn find(ask: &RequestContext) -> Result<(User, Value), Refusal> {
    let id: i64 = ask
        .segment()
        .parse()
        .map_err(|_| Refusal::bad("argument", "Invalid user id"))?;
    let found = ask.read(|state| {
        let user = state.user_by_id(id)?;
        Some((user.clone(), show(state, user)))
    });
    found.await?.ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "User not found")
}

async fn create(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    ask.require_login()?;
    let given: Create = small_json(&ask, body).await?;
    check_name(&given.username).map_err(invalid)?;
    check_email(&given.email).map_err(invalid)?;
    let role = given.role.as_deref().unwrap_or("user");
    check_role(role).map_err(invalid)?;
    let full_name = given.full_name.unwrap_or_default();
    check_text("full_name", &full_name).map_err(invalid)?;
    let (password_hash, temporary) = match (given.password, given.password_hash) {
        (Some(_), Some(_)) => {
            return Err(invalid("password and password_hash exclude each other"));
        }
        (None, Some(hash)) if is_hash(&hash) => (hash, None),
        (None, Some(_)) => {
            return Err(invalid(
                "password_hash is neither Argon2 (PHC string) nor bcrypt",
            ));
        }
        (Some(password), None) => {
            check_password(&password).map_err(invalid)?;
            (ask.context.passwords.hash(password).await?, None)
        }
        (None, None) => {
            let password = temporary_password();
            let hash = ask.context.passwords.hash(password.clone()).await?;
            (hash, Some(password))
        }
    };
    let add = PeopleCommand::Add {
        user: NewUser {
            username: given.username.clone(),
            email: given.email.clone(),
            role: role.to_owned(),
            password_hash,
        },
        full_name: full_name.clone(),
        must_change_password: temporary.is_some(),
        at: Timestamp::now(),
    };
    let after = json!({ "email": given.email, "role": role, "full_name": full_name });
    let note = Note::new("user.create", &given.username).after(after);
    ask.decide(ControlCommand::People(add), note).await?;
    let made = ask.read_here(|state| {
        let user = state.user(&given.username)?;
        Some(show(state, user))
    })?;
    let mut made = made.ok_or_else(Refusal::internal)?;
    if let Some(password) = temporary {
        made["temporary_password"] = json!(password);
    }
    Ok(secret(json(StatusCode::CREATED, &made)))
}

async fn update(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    ask.require_login()?;
    let (user, before) = find(&ask).await?;
    let given: Update = small_json(&ask, body).await?;
    if let Some(email) = &given.email {
        check_email(email).map_err(invalid)?;
    }
    if let Some(role) = &given.role {
        check_role(role).map_err(invalid)?;
    }
    check_text("full_name", given.full_name.as_deref().unwrap_or_default()).map_err(invalid)?;
    let mut after = json!({});
    for (name, value) in [
        ("email", json!(given.email)),
        ("full_name", json!(given.full_name)),
        ("role", json!(given.role)),
        ("is_active", json!(given.is_active)),
    ] {
        if !value.is_null() {
            after[name] = value;
        }
    }
    let update = PeopleCommand::Update {
        user_id: user.id,
        email: given.email,
        full_name: given.full_name,
        role: given.role,
        is_active: given.is_active,
        at: Timestamp::now(),
    };
    let note = Note::new("user.update", user.username)
        .before(before)
        .after(after);
    ask.decide(ControlCommand::People(update), note).await?;
    let shown = ask.read_here(|state| {
        let user = state.user_by_id(user.id)?;
        Some(show(state, user))
    })?;
    Ok(json(StatusCode::OK, &shown.ok_or_else(not_found)?))
}

async fn delete(ask: RequestContext) -> Result<Response, Refusal> {
    ask.require_login()?;
    let (user, before) = find(&ask).await?;
    let delete = PeopleCommand::Delete { user_id: user.id };
    let note = Note::new("user.delete", user.username).before(before);
    ask.decide(ControlCommand::People(delete), note).await?;
    Ok(json(StatusCode::OK, &json!({ "message": "User deleted" })))
}

async fn reset_password(ask: RequestContext) -> Result<Response, Refusal> {
    ask.require_login()?;
    let (user, _) = find(&ask).await?;
    let password = temporary_password();
    let set = PeopleCommand::SetPassword {
        user_id: user.id,
        password_hash: ask.context.passwords.hash(password.clone()).await?,
        must_change_password: true,
        keep: None,
        at: Timestamp::now(),
    };
    let note = Note::new("user.reset-password", user.username);
    ask.decide(ControlCommand::People(set), note).await?;
    let body = json!({
        "message": "Password reset; all sessions of the user have ended",
        "temporary_password": password,
    });
    Ok(secret(json(StatusCode::OK, &body)))
}

/// An answer that nobody may keep.
pub(super) fn secret(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
