//! The routes of the v3 contract that are not built.

use super::table::{Access, Route};

const fn get(path: &'static str) -> Route {
    Route::not_built("GET", path, Access::Viewer)
}

const fn post(path: &'static str) -> Route {
    Route::not_built("POST", path, Access::User)
}

pub(super) const ROUTES: &[Route] = &[
    get("/api/v1/metrics/cache"),
    get("/api/v1/queries/{hash}/anomalies"),
    post("/api/v1/queries/{hash}/parameter-optimization/generate"),
    get("/api/v1/queries/{hash}/parameter-optimization"),
    post("/api/v1/queries/{hash}/predict-performance"),
    get("/api/v1/anomalies"),
    post("/api/v1/anomalies/detect"),
    post("/api/v1/anomalies/{id}/resolve"),
    post("/api/v1/workload-patterns/analyze"),
    get("/api/v1/workload-patterns"),
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
