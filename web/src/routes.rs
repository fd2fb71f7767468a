//! Dispatch by the table of routes.

mod admission;
mod alert_routes;
mod alert_rules;
mod alerts;
mod analyses;
mod anomalies;
mod api_tokens;
mod audit;
mod auth;
mod bounded;
mod cache;
mod channels;
mod collector_config;
mod collector_list;
mod collector_state;
mod collectors;
mod comparison;
mod decision;
mod fingerprints;
mod group_name;
mod health_report;
mod index_advice;
mod index_candidates;
mod invalid;
mod jobs;
mod logs;
mod ml;
mod ml_training;
mod openapi;
mod operations;
mod own_of_collector;
mod page;
mod paging;
mod parameters;
mod patterns;
mod plan_regressions;
mod plans;
mod push;
mod push_answer;
mod query_features;
mod query_parts;
mod query_string;
mod reads;
mod recommendations;
mod registration_secrets;
mod relations;
mod request_context;
mod results;
mod rewrites;
mod route;
mod servers;
mod severity;
mod shape;
mod silences;
mod small_body;
mod snapshots;
mod store_use;
mod table;
mod token_keys;
mod users;
mod why;

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use self::request_context::RequestContext;
pub use self::route::{Access, Route};
use self::route::{Handler, Outcome};
pub use self::table::routes;
use self::table::{Found, allowed, find};
use crate::Principal;
use crate::body::{self, BodyStream};
use crate::cache_outcome;
use crate::context::Context;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::request_id::RequestId;

/// Label of the metrics for what no route answers.
pub(crate) const UNROUTED: &str = "unrouted";

/// Name of the route that made a response, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteName(pub(crate) &'static str);

/// One filter for all routes.
pub(crate) fn filter(context: Arc<Context>) -> BoxedFilter<(Response,)> {
    warp::path::full()
        .and(warp::method())
        .and(ask(Arc::clone(&context)))
        .and(warp::body::stream().map(body::boxed))
        .then(async |path: FullPath, method: Method, ask, body| {
            let answer = dispatch(&method, path.as_str(), ask, body);
            cache_outcome::told(answer).await
        })
        .recover(move |rejection| rejected(Arc::clone(&context), rejection))
        .unify()
        .boxed()
}

async fn dispatch(
    method: &Method,
    path: &str,
    mut ask: RequestContext,
    body: BodyStream,
) -> Response {
    match find(method.as_str(), path) {
        Found::Route(route, segments) => {
            ask.segments = segments;
            let (context, id) = (Arc::clone(&ask.context), ask.id.clone());
            let started = ask.started;
            let outcome = run(route, ask, body).await;
            if let Some(observe) = route.observe {
                observe(&context.metrics, &outcome, started.elapsed());
            }
            let mut response = answer(route.name, &context, &id, outcome);
            if route.reads_state() {
                reads::at_applied(&mut response, &context);
            }
            if !route.is_built() {
                allow(&mut response, &allowed(route.path));
            }
            response
        }
        Found::Methods(methods) => {
            let outcome = other_method(method);
            let mut response = answer(UNROUTED, &ask.context, &ask.id, outcome);
            allow(&mut response, &methods);
            response
        }
        Found::Nothing => {
            let refusal = Refusal::new(StatusCode::NOT_FOUND, "unknown_path", "Not found");
            answer(UNROUTED, &ask.context, &ask.id, Err(refusal))
        }
    }
}

/// Lets those in who may, and runs the handler.
async fn run(route: &Route, mut ask: RequestContext, body: BodyStream) -> Outcome {
    if !route.is_built() {
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_built",
            "Not implemented yet",
        ));
    }
    match (admission::admit(route, &ask).await, route.handler) {
        (Ok(caller), Handler::Plain(handler)) => {
            ask.caller = caller;
            let outcome = handler(ask).await;
            // Not before: hyper closes a connection whose body nobody wants while it still comes.
            drop(body);
            outcome
        }
        (Ok(caller), Handler::WithBody(handler)) => {
            ask.caller = caller;
            handler(ask, body).await
        }
        (Err(refusal), Handler::WithBody(_)) => Err(body::refuse(body, refusal).await),
        (Err(refusal), _) => Err(refusal),
        (Ok(_), Handler::NotBuilt) => Err(Refusal::internal()),
    }
}

/// What may be asked of a path, or that this may not.
fn other_method(method: &Method) -> Outcome {
    if method == Method::OPTIONS {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    Err(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "Method not allowed",
    ))
}

fn allow(response: &mut Response, methods: &[&str]) {
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, value);
    }
}

/// Turns an outcome into the answer, and counts a refusal.
fn answer(name: &'static str, context: &Context, id: &RequestId, outcome: Outcome) -> Response {
    let mut response = outcome.unwrap_or_else(|refusal| {
        tracing::debug!(
            request_id = id.as_str(),
            route = name,
            status = refusal.status.as_u16(),
            reason = refusal.reason,
            "request refused"
        );
        context
            .metrics
            .refusals
            .with_label_values(&[refusal.reason])
            .inc();
        refusal.response(id.as_str())
    });
    response.extensions_mut().insert(RouteName(name));
    protect(&mut response);
    response
}

/// What tells browsers to do nothing with an answer but to show it; the page has its own policy.
fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    let none = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(none);
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn ask(context: Arc<Context>) -> BoxedFilter<(RequestContext,)> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::header::headers_cloned()
        .and(warp::ext::get::<Peer>())
        .and(warp::ext::get::<RequestId>())
        .and(query)
        .map(move |headers, peer, id, query| RequestContext {
            context: Arc::clone(&context),
            headers,
            peer,
            id,
            query,
            started: pga_runtime::now(),
            caller: Principal::Anonymous,
            segments: Vec::new(),
        })
        .boxed()
}

/// The answer to a rejection that is none of ours; the filter takes every path, so warp makes none.
async fn rejected(context: Arc<Context>, rejection: Rejection) -> Result<Response, Infallible> {
    tracing::warn!(?rejection, "request rejected");
    let refusal = Refusal::bad("rejected", "Invalid request");
    context
        .metrics
        .refusals
        .with_label_values(&[refusal.reason])
        .inc();
    Ok(refusal.response(""))
}
