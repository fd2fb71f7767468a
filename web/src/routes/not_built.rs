//! The routes of the v3 contract that are not built, and the answer to everything that is no built route.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;

use super::{RequestContext, finish};
use crate::refusal::Refusal;

/// A route of the contract that answers 501.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnbuiltRoute {
    /// HTTP method.
    pub method: &'static str,
    /// Path; a segment in braces stands for any one segment.
    pub path: &'static str,
}

const fn get(path: &'static str) -> UnbuiltRoute {
    UnbuiltRoute {
        method: "GET",
        path,
    }
}

const fn post(path: &'static str) -> UnbuiltRoute {
    UnbuiltRoute {
        method: "POST",
        path,
    }
}

const NOT_BUILT: &[UnbuiltRoute] = &[
    get("/api/v1/collectors"),
    get("/api/v1/collectors/{id}"),
    UnbuiltRoute {
        method: "DELETE",
        path: "/api/v1/collectors/{id}",
    },
    get("/api/v1/collectors/{id}/explain-plans"),
    get("/api/v1/metrics/cache"),
    post("/api/v1/internal/explain-plans"),
    UnbuiltRoute {
        method: "PUT",
        path: "/api/v1/config/{collector_id}",
    },
    get("/api/v1/servers"),
    get("/api/v1/servers/{id}"),
    get("/api/v1/servers/{id}/metrics"),
    get("/api/v1/alerts"),
    get("/api/v1/alerts/{id}"),
    post("/api/v1/alerts/{id}/acknowledge"),
    get("/api/v1/queries/fingerprints"),
    get("/api/v1/queries/fingerprints/{fingerprint}/queries"),
    get("/api/v1/queries/{hash}/explain"),
    get("/api/v1/queries/{hash}/explain/history"),
    get("/api/v1/queries/{hash}/anomalies"),
    get("/api/v1/queries/comparison"),
    get("/api/v1/queries/{hash}/comparison"),
    post("/api/v1/queries/{hash}/rewrite-suggestions/generate"),
    get("/api/v1/queries/{hash}/rewrite-suggestions"),
    post("/api/v1/queries/{hash}/parameter-optimization/generate"),
    get("/api/v1/queries/{hash}/parameter-optimization"),
    post("/api/v1/queries/{hash}/predict-performance"),
    get("/api/v1/databases/{database_name}/index-recommendations"),
    post("/api/v1/databases/{database_name}/index-recommendations/generate"),
    post("/api/v1/index-recommendations/{id}/dismiss"),
    get("/api/v1/anomalies"),
    post("/api/v1/anomalies/detect"),
    post("/api/v1/anomalies/{id}/resolve"),
    post("/api/v1/snapshots"),
    get("/api/v1/snapshots"),
    post("/api/v1/workload-patterns/analyze"),
    get("/api/v1/workload-patterns"),
    post("/api/v1/recommendations/aggregate"),
    get("/api/v1/optimization-recommendations"),
    post("/api/v1/optimization-recommendations/{recommendation_id}/implement"),
    get("/api/v1/optimization-results"),
    get("/api/v1/ml/health"),
    get("/api/v1/ml/circuit-breaker"),
    post("/api/v1/ml/train"),
    get("/api/v1/ml/train/{job_id}"),
    post("/api/v1/ml/predict"),
    post("/api/v1/ml/validate"),
    post("/api/v1/ml/patterns/detect"),
    get("/api/v1/ml/features/{hash}"),
];

/// The routes of the v3 contract that answer 501.
pub fn routes_not_built() -> &'static [UnbuiltRoute] {
    NOT_BUILT
}

/// The routes that are built, for telling a wrong method from an unknown path.
const BUILT: &[UnbuiltRoute] = &[
    post("/api/v1/metrics/push"),
    post("/api/v1/metrics/push/binary"),
    get("/api/v1/health"),
    get("/api/v1/version"),
    get("/version"),
    get("/livez"),
    get("/readyz"),
    get("/metrics"),
    get("/api/v1/cluster/status"),
    post("/api/v1/auth/login"),
    post("/api/v1/auth/logout"),
    post("/api/v1/auth/refresh"),
    post("/api/v1/collectors/register"),
    post("/api/v1/collectors/refresh-token"),
    get("/api/v1/collectors/{id}/metrics"),
    get("/api/v1/collectors/{id}/queries/slow"),
    get("/api/v1/collectors/{id}/queries/frequent"),
    get("/api/v1/queries/{hash}/timeline"),
    get("/api/v1/config/{collector_id}"),
];

/// Answers every request that no built route took: 501, 405, 404, or what may be asked (`OPTIONS`).
pub(super) fn fallback(ask: &BoxedFilter<(RequestContext,)>) -> BoxedFilter<(Response,)> {
    warp::path::full()
        .and(warp::method())
        .and(ask.clone())
        .then(async |path: FullPath, method: Method, ask| {
            let allow = allowed(path.as_str());
            let answer = unrouted(path.as_str(), &method, &allow);
            let mut response = finish("unrouted", ask, async |_| answer).await;
            if !allow.is_empty()
                && let Ok(value) = HeaderValue::from_str(&allow.join(", "))
            {
                response.headers_mut().insert(ALLOW, value);
            }
            response
        })
        .boxed()
}

/// The methods of the routes at `path`; none for an unknown one (RFC 9110, 10.2.1).
fn allowed(path: &str) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for route in BUILT.iter().chain(NOT_BUILT) {
        if !matches(route.path, path) || methods.contains(&route.method) {
            continue;
        }
        methods.push(route.method);
        if route.method == "GET" {
            methods.push("HEAD");
        }
    }
    if !methods.is_empty() {
        methods.push("OPTIONS");
    }
    methods
}

fn unrouted(path: &str, method: &Method, allow: &[&str]) -> Result<Response, Refusal> {
    if allow.is_empty() {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "unknown_path",
            "Not found",
        ));
    }
    if method == Method::OPTIONS {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let is_not_built =
        |route: &UnbuiltRoute| route.method == method.as_str() && matches(route.path, path);
    if NOT_BUILT.iter().any(is_not_built) {
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_built",
            "Not implemented yet",
        ));
    }
    Err(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "Method not allowed",
    ))
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    pattern.split('/').all(|want| {
        segments.next().is_some_and(|have| {
            if want.starts_with('{') {
                !have.is_empty()
            } else {
                want == have
            }
        })
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_paths_only() {
        for (path, want) in [
            ("/api/v1/queries/-17/explain", true),
            ("/api/v1/queries//explain", false),
            ("/api/v1/queries/-17/explain/", false),
            ("/api/v1/queries/-17", false),
        ] {
            assert_eq!(
                matches("/api/v1/queries/{hash}/explain", path),
                want,
                "{path}"
            );
        }
    }
}
