//! The OpenAPI 3.1 document, made from the table of routes.
//!
//! Routes that answer 501 are left out: a client made from the document can call all that it names.

mod responses;

use std::sync::OnceLock;

use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use serde_json::{Map, Value, json};
use warp::reply::Response;
use xxhash_rust::xxh3::xxh3_64;

use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Outcome, Route};
use super::shape::{Shape, always, maybe};
use crate::reply::raw_json;

/// The route of the document; `handler` knows the table, which this route is a part of.
pub(super) const fn route(handler: fn(RequestContext) -> BoxFuture<'static, Outcome>) -> Route {
    Route::get("/api/v1/openapi.json", "openapi", Access::Anyone)
        .does(
            "Tells all routes as an OpenAPI 3.1 document.",
            Handler::Plain(handler),
        )
        .answers(Content::Json(Shape::Any))
        .tagged()
}

const ERROR: Shape = Shape::Object(&[
    always("code", Shape::Integer),
    always("message", Shape::Text),
    always("error", Shape::Text),
    maybe("details", Shape::Text),
    always("request_id", Shape::Text),
]);

/// The text and its entity tag.
static TEXT: OnceLock<(String, String)> = OnceLock::new();

/// The document of `routes`, which are the same each time.
pub(super) fn openapi(
    ask: &RequestContext,
    routes: impl Iterator<Item = &'static Route>,
) -> Outcome {
    let (text, tag) = TEXT.get_or_init(|| {
        let text = format!("{:#}\n", document(routes));
        let tag = format!("\"{:016x}\"", xxh3_64(text.as_bytes()));
        (text, tag)
    });
    let asked = ask.headers.get(IF_NONE_MATCH);
    let is_known = asked.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        raw_json(StatusCode::OK, text.as_str())
    };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

fn document(routes: impl Iterator<Item = &'static Route>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes.filter(|route| route.is_built()) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pgAnalytics",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": { "Error": ERROR.schema() },
            "responses": responses::components(),
            "securitySchemes": {
                "collector": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "user": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": crate::auth::COOKIE_NAME },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "security": security(route.access),
        "parameters": parameters(route),
        "responses": responses::of(route),
    });
    if !matches!(route.body, Content::Nothing)
        && let Some(members) = operation.as_object_mut()
    {
        let content = content(route.body);
        let body = json!({ "required": true, "content": content });
        members.insert("requestBody".to_owned(), body);
    }
    operation
}

/// Stable and unique: the method and the words of the path.
fn operation_id(route: &Route) -> String {
    let mut id = route.method.to_ascii_lowercase();
    for word in route
        .path
        .split(|letter: char| !letter.is_ascii_alphanumeric())
    {
        if !matches!(word, "" | "api" | "v1") {
            id.push('_');
            id.push_str(word);
        }
    }
    if matches!(route.answer, Content::Html) {
        id.push_str("_page");
    }
    // Of the two paths of one answer, the contract's is the one with the prefix.
    if route.path == "/version" {
        id.push_str("_short");
    }
    id
}

fn security(access: Access) -> Value {
    match access {
        Access::Anyone | Access::Credentials => json!([]),
        Access::Collector => json!([{ "collector": [] }]),
        Access::Caller => json!([{ "collector": [] }, { "user": [] }, { "cookie": [] }, {}]),
        Access::ViewerUnlessOpen => json!([{ "user": [] }, { "cookie": [] }, {}]),
        Access::Viewer | Access::User | Access::Admin => {
            json!([{ "user": [] }, { "cookie": [] }])
        }
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let names = route.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({
            "name": name, "in": "path", "required": true, "schema": Shape::Text.schema(),
        }))
    });
    let arguments = route.query.iter().map(|field| {
        let mut argument = json!({
            "name": field.name, "in": "query", "required": field.is_required,
            "schema": field.shape.schema(),
        });
        if let Shape::Bounded(number) = field.shape {
            argument["description"] = json!(number.description());
        }
        argument
    });
    names.chain(arguments).collect()
}

fn content(body: Content) -> Value {
    match body {
        Content::Nothing => json!({}),
        Content::Html => json!({ "text/html": { "schema": Shape::Text.schema() } }),
        Content::Text => json!({ "text/plain": { "schema": Shape::Text.schema() } }),
        Content::TextOf(kinds) => {
            let kinds = kinds.iter().map(|kind| {
                (
                    (*kind).to_owned(),
                    json!({ "schema": Shape::Text.schema() }),
                )
            });
            kinds.collect::<Map<_, _>>().into()
        }
        Content::JsonOrHtml(shape) => json!({
            "application/json": { "schema": shape.schema() },
            "text/html": { "schema": Shape::Text.schema() },
        }),
        Content::Json(shape) => json!({ "application/json": { "schema": shape.schema() } }),
        Content::Frame => json!({ "application/octet-stream": {} }),
    }
}
