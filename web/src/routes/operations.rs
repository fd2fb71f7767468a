//! Health, version, metrics, cluster status.

use std::collections::BTreeMap;

use http::StatusCode;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, TextEncoder};
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::{RequestContext, finish};
use crate::auth::require_user;
use crate::refusal::Refusal;
use crate::reply::{content, json, raw_json};
use crate::wall_clock::now;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const API_VERSION: &str = "1.0.0";

pub(super) fn routes(ask: &BoxedFilter<(RequestContext,)>) -> BoxedFilter<(Response,)> {
    let at = |filter: BoxedFilter<()>| filter.and(warp::get()).and(ask.clone());
    let live = at(warp::path!("livez").boxed())
        .then(async |ask| finish("livez", ask, async |_| Ok(text(StatusCode::OK, "ok\n"))).await);
    let ready =
        at(warp::path!("readyz").boxed()).then(async |ask| finish("readyz", ask, readyz).await);
    let metrics = at(warp::path!("metrics").boxed())
        .then(async |ask| finish("metrics", ask, prometheus_text).await);
    let health = at(warp::path!("api" / "v1" / "health").boxed())
        .then(async |ask| finish("health", ask, health).await);
    let version = at(warp::path!("version").boxed())
        .or(at(warp::path!("api" / "v1" / "version").boxed()))
        .unify()
        .then(async |ask| finish("version", ask, version).await);
    let status = at(warp::path!("api" / "v1" / "cluster" / "status").boxed())
        .then(async |ask| finish("cluster_status", ask, cluster_status).await);
    live.or(ready)
        .unify()
        .or(metrics)
        .unify()
        .or(health)
        .unify()
        .or(version)
        .unify()
        .or(status)
        .unify()
        .boxed()
}

fn text(status: StatusCode, text: impl Into<hyper::body::Bytes>) -> Response {
    content(status, "text/plain; charset=utf-8", text)
}

async fn readyz(ask: RequestContext) -> Result<Response, Refusal> {
    let health = ask.context.api.health().await;
    if health.ready {
        return Ok(text(StatusCode::OK, "ready\n"));
    }
    Err(Refusal::unavailable(
        "not_ready",
        format!("Not ready: {}", health.reason),
    ))
}

async fn health(ask: RequestContext) -> Result<Response, Refusal> {
    let health = ask.context.api.health().await;
    let ok = health.ready && health.store_ok;
    let (status, word) = if ok {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "degraded")
    };
    let body = json!({
        "status": word,
        "version": VERSION,
        "timestamp": now().to_string(),
        "uptime": ask.context.started.elapsed().as_secs(),
        "database_ok": health.ready,
        "timescale_ok": health.store_ok,
    });
    let mut response = json(status, &body);
    if !ok {
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, 5.into());
    }
    Ok(response)
}

async fn version(_ask: RequestContext) -> Result<Response, Refusal> {
    Ok(json(
        StatusCode::OK,
        &json!({ "version": VERSION, "api": API_VERSION }),
    ))
}

async fn cluster_status(ask: RequestContext) -> Result<Response, Refusal> {
    if !ask.context.options.open_status {
        require_user(&ask.context, &ask.headers)?;
    }
    let status = ask.context.api.cluster_status().await?;
    Ok(raw_json(StatusCode::OK, status))
}

/// All registries in one text; families of one name are merged, as the format demands.
async fn prometheus_text(ask: RequestContext) -> Result<Response, Refusal> {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for mut family in ask
        .context
        .registries
        .iter()
        .flat_map(prometheus::Registry::gather)
    {
        match families.get_mut(family.name()) {
            Some(known) => known.mut_metric().append(family.mut_metric()),
            None => {
                families.insert(family.name().to_owned(), family);
            }
        }
    }
    let families: Vec<_> = families.into_values().collect();
    let mut body = Vec::new();
    TextEncoder::new()
        .encode(&families, &mut body)
        .map_err(|_| Refusal::internal())?;
    Ok(content(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        body,
    ))
}
