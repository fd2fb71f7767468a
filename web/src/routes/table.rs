//! One table of routes.
//!
//! Dispatch, 404, 405, 501, `Allow`, the right to ask, the metrics' labels, the OpenAPI document
//! and the README's list follow from it.

use super::route::Route;
use super::{
    alert_routes, alert_rules, alerts, anomalies, api_tokens, audit, auth, cache, channels,
    collector_config, collector_list, collector_state, collectors, comparison, fingerprints,
    health_report, index_advice, index_candidates, jobs, logs, ml, ml_training, openapi,
    operations, page, parameters, patterns, plan_regressions, plans, push, query_features,
    query_parts, reads, recommendations, registration_secrets, relations, results, rewrites,
    servers, silences, snapshots, store_use, token_keys, users, why,
};

/// The route that tells all routes.
const OPENAPI: &[Route] = &[openapi::route(|ask| {
    Box::pin(async move { openapi::openapi(&ask, routes()) })
})];

/// All routes.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    let families = [
        push::ROUTES,
        operations::ROUTES,
        OPENAPI,
        page::ROUTES,
        reads::ROUTES,
        query_parts::ROUTES,
        auth::ROUTES,
        users::ROUTES,
        api_tokens::ROUTES,
        token_keys::ROUTES,
        registration_secrets::ROUTES,
        audit::ROUTES,
        collectors::ROUTES,
        collector_list::ROUTES,
        collector_config::ROUTES,
        collector_state::ROUTES,
        relations::ROUTES,
        servers::ROUTES,
        logs::ROUTES,
        alerts::ROUTES,
        alert_rules::ROUTES,
        silences::ROUTES,
        channels::ROUTES,
        alert_routes::ROUTES,
        plans::ROUTES,
        plan_regressions::ROUTES,
        fingerprints::ROUTES,
        why::ROUTES,
        health_report::ROUTES,
        snapshots::ROUTES,
        comparison::ROUTES,
        rewrites::ROUTES,
        jobs::ROUTES,
        recommendations::ROUTES,
        anomalies::ROUTES,
        parameters::ROUTES,
        ml::ROUTES,
        ml_training::ROUTES,
        query_features::ROUTES,
        patterns::ROUTES,
        results::ROUTES,
        index_advice::ROUTES,
        index_candidates::ROUTES,
        cache::ROUTES,
        store_use::ROUTES,
    ];
    families.into_iter().flatten()
}

/// What stands at a path.
#[derive(Debug)]
pub(super) enum Found {
    /// The route, and the segments that its braces stand for, as they came.
    Route(&'static Route, Vec<String>),
    /// Other methods only: these, for `Allow`.
    Methods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// Looks a request up.
///
/// Of several patterns that match, the first in the table stands for the path, with all its
/// methods: a name stands before a segment that stands for any (OpenAPI 3.1, 4.8.8.2).
pub(super) fn find(method: &str, path: &str) -> Found {
    let matching = routes().find_map(|route| Some((route.path, segments(route.path, path)?)));
    let Some((pattern, segments)) = matching else {
        return Found::Nothing;
    };
    match at(pattern).find(|route| route.method == method) {
        Some(route) => Found::Route(route, segments),
        None => Found::Methods(allowed(pattern)),
    }
}

fn at(pattern: &str) -> impl Iterator<Item = &'static Route> {
    routes().filter(move |route| route.path == pattern)
}

/// The methods of a pattern, for `Allow` (RFC 9110, 10.2.1).
pub(super) fn allowed(pattern: &str) -> Vec<&'static str> {
    let mut methods = Vec::new();
    for route in at(pattern) {
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

/// What the braces of `pattern` stand for in `path`, if it matches. A path may end with a slash
/// more.
fn segments(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let mut have = path.strip_suffix('/').unwrap_or(path).split('/');
    for want in pattern.strip_suffix('/').unwrap_or(pattern).split('/') {
        match have.next()? {
            "" if want.starts_with('{') => return None,
            segment if want.starts_with('{') => params.push(segment.to_owned()),
            segment if segment != want => return None,
            _ => {}
        }
    }
    have.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn patterns_match_whole_paths_only() {
        for (path, want) in [
            ("/api/v1/queries/-17/explain", Some("-17")),
            ("/api/v1/queries//explain", None),
            ("/api/v1/queries/-17/explain/x", None),
            ("/api/v1/queries/-17", None),
        ] {
            let found = segments("/api/v1/queries/{hash}/explain", path);
            let first = found.as_ref().map(|params| params[0].as_str());
            assert_eq!(first, want, "{path}");
        }
    }

    #[test]
    fn each_request_has_one_route_and_each_built_route_is_described() {
        let mut seen = HashSet::new();
        for route in routes() {
            assert!(seen.insert((route.method, route.path)), "{route:?}");
            assert!(
                !route.is_built() || route.summary.ends_with('.'),
                "{route:?}"
            );
        }
    }

    #[test]
    fn each_route_is_found_at_its_own_path() {
        for route in routes() {
            let words = route
                .path
                .split('/')
                .map(|word| match word.starts_with('{') {
                    true => "7",
                    false => word,
                });
            let path = words.collect::<Vec<_>>().join("/");
            match find(route.method, &path) {
                Found::Route(found, _) => assert_eq!(found.path, route.path, "{path}"),
                other => panic!("{} {path}: {other:?}", route.method),
            }
        }
    }

    #[test]
    fn a_name_before_a_segment_that_stands_for_any() {
        for (method, path, want) in [
            ("POST", "/api/v1/collectors/register", "register"),
            ("GET", "/api/v1/collectors/c/metrics", "elements"),
            ("GET", "/livez/", "livez"),
            ("DELETE", "/api/v1/snapshots", "POST, GET, HEAD, OPTIONS"),
            ("GET", "/livez//", ""),
            ("GET", "/nowhere", ""),
            ("GET", "/api/v1/collectors/register", "POST, OPTIONS"),
            ("GET", "/", "page"),
        ] {
            let found = match find(method, path) {
                Found::Route(route, _) => route.name.to_owned(),
                Found::Methods(methods) => methods.join(", "),
                Found::Nothing => String::new(),
            };
            assert_eq!(found, want, "{method} {path}");
        }
    }
}
