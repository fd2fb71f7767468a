//! The routes of the v3 contract that are not built.

use super::route::{Access, Route};

const fn get(path: &'static str) -> Route {
    Route::not_built("GET", path, Access::Viewer)
}

pub(super) const ROUTES: &[Route] = &[get("/api/v1/metrics/cache")];
