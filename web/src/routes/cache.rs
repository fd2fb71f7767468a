//! What the cache of answers did (contract 8).

use http::StatusCode;
use serde_json::{Value, json};
use warp::reply::Response;

use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always};
use crate::refusal::Refusal;
use crate::reply::json as reply;

/// Caches that the original names. What it would keep in them is computed once by a job here, and
/// stored: nothing is looked up in them, and the figures say so.
const OF_THE_ORIGINAL: [&str; 5] = [
    "feature_cache",
    "prediction_cache",
    "fingerprint_cache",
    "explain_plan_cache",
    "anomaly_cache",
];

const FIGURES: Shape = Shape::Object(&[
    always("hits", Shape::Integer),
    always("misses", Shape::Integer),
    always("evictions", Shape::Integer),
    always("hit_rate", Shape::Number),
    always("size", Shape::Integer),
]);

pub(super) const ROUTES: &[Route] = &[Route::get("/api/v1/metrics/cache", "cache", Access::Viewer)
    .does(
        "Tells what the cache of answers did since this node started.",
        Handler::Plain(|ask| Box::pin(figures(ask))),
    )
    .answers(Content::Json(Shape::Object(&[
        always("enabled", Shape::Flag),
        always("max_size", Shape::Integer),
        always("message", Shape::Text),
        always(
            "metrics",
            Shape::ObjectOrNull(&[
                always("query_cache", FIGURES),
                always("feature_cache", FIGURES),
                always("prediction_cache", FIGURES),
                always("fingerprint_cache", FIGURES),
                always("explain_plan_cache", FIGURES),
                always("anomaly_cache", FIGURES),
                always("total_cache_hits", Shape::Integer),
                always("total_cache_misses", Shape::Integer),
                always("overall_hit_rate", Shape::Number),
            ]),
        ),
    ])))];

async fn figures(ask: RequestContext) -> Result<Response, Refusal> {
    let Some(figures) = ask.context.api.cache().await else {
        let off = json!({
            "enabled": false,
            "max_size": 0,
            "message": "Cache is disabled",
            "metrics": null,
        });
        return Ok(reply(StatusCode::OK, &off));
    };
    let (hits, misses) = (figures.hits, figures.misses);
    let mut metrics = serde_json::Map::new();
    for name in OF_THE_ORIGINAL {
        metrics.insert(name.to_owned(), one(0, 0, 0, 0));
    }
    let answers = one(hits, misses, figures.evictions, figures.bytes);
    metrics.insert("query_cache".to_owned(), answers);
    metrics.insert("total_cache_hits".to_owned(), hits.into());
    metrics.insert("total_cache_misses".to_owned(), misses.into());
    metrics.insert("overall_hit_rate".to_owned(), rate(hits, misses).into());
    let on = json!({
        "enabled": true,
        "max_size": figures.max_bytes,
        "message": "Answers of this node are in query_cache, sizes are in bytes; the other caches are the original's, and hold nothing here",
        "metrics": metrics,
    });
    Ok(reply(StatusCode::OK, &on))
}

fn one(hits: u64, misses: u64, evictions: u64, size: u64) -> Value {
    json!({
        "hits": hits,
        "misses": misses,
        "evictions": evictions,
        "hit_rate": rate(hits, misses),
        "size": size,
    })
}

/// The share of look-ups that found something; 0 before the first.
fn rate(hits: u64, misses: u64) -> f64 {
    let all = hits + misses;
    if all == 0 {
        return 0.0;
    }
    hits as f64 / all as f64
}
