//! The route table.

mod auth;
mod collectors;
mod not_built;
mod operations;
mod push;
mod query_string;
mod reads;

use std::convert::Infallible;
use std::sync::Arc;

use http::HeaderMap;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

pub use self::not_built::{UnbuiltRoute, routes_not_built};
use crate::body::{self, BodyStream};
use crate::context::Context;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use crate::serve::Peer;

/// Name of the route that made a response, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteName(pub(crate) &'static str);

/// What every handler gets.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) context: Arc<Context>,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: Peer,
    pub(crate) id: RequestId,
    pub(crate) query: String,
}

/// All routes, with one mapping of rejections to answers.
pub(crate) fn routes(context: Arc<Context>) -> BoxedFilter<(Response,)> {
    let ask = ask(Arc::clone(&context));
    push::routes(&ask)
        .or(operations::routes(&ask))
        .unify()
        .or(reads::routes(&ask))
        .unify()
        .or(auth::routes(&ask))
        .unify()
        .or(collectors::routes(&ask))
        .unify()
        .or(not_built::fallback(&ask))
        .unify()
        .boxed()
        .recover(move |rejection| rejected(Arc::clone(&context), rejection))
        .unify()
        .boxed()
}

/// Runs a handler and turns its outcome into the answer.
pub(crate) async fn finish<F>(
    name: &'static str,
    ask: RequestContext,
    handler: impl FnOnce(RequestContext) -> F,
) -> Response
where
    F: Future<Output = Result<Response, Refusal>>,
{
    let (context, id) = (Arc::clone(&ask.context), ask.id.clone());
    let mut response = match handler(ask).await {
        Ok(response) => response,
        Err(refusal) => {
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
        }
    };
    response.extensions_mut().insert(RouteName(name));
    response
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
        })
        .boxed()
}

fn body_stream() -> BoxedFilter<(BodyStream,)> {
    warp::body::stream().map(body::boxed).boxed()
}

/// The answer to a rejection that is none of ours; the fallback takes every path, so warp makes none.
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
