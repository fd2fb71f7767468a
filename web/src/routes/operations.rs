//! Health, version, metrics, cluster status.

use pga_storage::Timestamp;
use std::collections::BTreeMap;

use http::StatusCode;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, TextEncoder};
use serde_json::json;
use warp::reply::Response;

use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always};
use crate::refusal::Refusal;
use crate::reply::{content, json, raw_json};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const API_VERSION: &str = "1.0.0";

const VERSION_ANSWER: Content = Content::Json(Shape::Object(&[
    always("version", Shape::Text),
    always("api", Shape::Text),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::get("/livez", "livez", Access::Anyone)
        .does(
            "Tells that the process lives.",
            Handler::Plain(|_| Box::pin(async { Ok(text(StatusCode::OK, "ok\n")) })),
        )
        .answers(Content::Text),
    Route::get("/readyz", "readyz", Access::Anyone)
        .does(
            "Tells whether this node can serve.",
            Handler::Plain(|ask| Box::pin(readyz(ask))),
        )
        .answers(Content::Text)
        .may(&[503]),
    Route::get("/metrics", "metrics", Access::Anyone)
        .does(
            "Tells the metrics of this node, for Prometheus.",
            Handler::Plain(|ask| Box::pin(prometheus_text(ask))),
        )
        .answers(Content::Text),
    Route::get("/api/v1/health", "health", Access::Anyone)
        .does(
            "Tells how this node and its store are.",
            Handler::Plain(|ask| Box::pin(health(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("status", Shape::Text),
            always("version", Shape::Text),
            always("timestamp", Shape::Time),
            always("uptime", Shape::Integer),
            always("database_ok", Shape::Flag),
            always("timescale_ok", Shape::Flag),
        ])))
        .or_unavailable(),
    Route::get("/version", "version", Access::Anyone)
        .does(
            "Tells the version of this node.",
            Handler::Plain(|ask| Box::pin(version(ask))),
        )
        .answers(VERSION_ANSWER),
    Route::get("/api/v1/version", "version", Access::Anyone)
        .does(
            "Tells the version of this node.",
            Handler::Plain(|ask| Box::pin(version(ask))),
        )
        .answers(VERSION_ANSWER),
    Route::get(
        "/api/v1/cluster/status",
        "cluster_status",
        Access::ViewerUnlessOpen,
    )
    .does(
        "Tells positions and lag of every node.",
        Handler::Plain(|ask| Box::pin(cluster_status(ask))),
    )
    .answers(Content::Json(Shape::Map(&Shape::Any))),
];

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
        "timestamp": Timestamp::now().to_string(),
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
