//! Each route, asked by each kind of caller.

use jsonwebtoken::{Algorithm, Header};
use pga_web::{Access, Route, WebOptions, routes};
use serde_json::json;

use crate::auth::{bearer, sign, with};
use crate::raw_http::request;
use crate::server::Server;

const CALLERS: [&str; 6] = ["nobody", "collector", "refresh", "viewer", "user", "admin"];

/// The status that refuses each of [`CALLERS`]; 0 if none does.
fn refusals(route: &Route) -> [u16; 6] {
    if !route.is_built() {
        return [0; 6];
    }
    match route.access {
        Access::Anyone | Access::Credentials => [0; 6],
        // Plans of a collector, and of users for one; a configuration for users, and for a
        // collector its own, whatever it asks for.
        Access::Caller if route.name == "explain_plans" => [401, 0, 401, 0, 0, 0],
        Access::Caller if route.path == "/api/v1/config/{collector_id}" => [403, 0, 403, 0, 0, 0],
        Access::Caller => [403, 403, 403, 0, 0, 0],
        Access::Collector => [401, 0, 403, 403, 403, 403],
        Access::ViewerUnlessOpen | Access::Viewer => [401, 403, 401, 0, 0, 0],
        Access::User => [401, 403, 401, 403, 0, 0],
        Access::Admin => [401, 403, 401, 403, 403, 0],
    }
}

#[tokio::test]
async fn each_route_lets_in_who_may_and_nobody_else() {
    let server = Server::start(WebOptions::default()).await;
    let hs256 = Header::new(Algorithm::HS256);
    let role = |role| bearer(&sign(&hs256, &with("role", json!(role))));
    let tokens = [
        String::new(),
        bearer(&server.register("c1").await),
        bearer(&sign(&hs256, &with("type", json!("refresh")))),
        role("viewer"),
        role("user"),
        role("admin"),
    ];
    for route in routes() {
        let path = route.path.replace(['{', '}'], "");
        for ((caller, token), want) in CALLERS.iter().zip(&tokens).zip(refusals(route)) {
            let name = format!("{caller}: {} {}", route.method, route.path);
            let status = request(server.addr, route.method, &path, token, b"")
                .await
                .status;
            let is_refusal = matches!(status, 401 | 403);
            match (route.access, want) {
                // The handler checks what the request holds, and an empty one holds nothing.
                (Access::Credentials, _) => {
                    let renews = matches!(route.name, "refresh_token" | "renew_certificate");
                    let is_renewal = renews && *caller == "collector";
                    assert_eq!(status < 300, is_renewal, "{name}: {status}");
                }
                (_, 0) => assert!(!is_refusal, "{name}: {status}"),
                (_, want) => assert_eq!(status, want, "{name}"),
            }
            assert!(route.is_built() || status == 501, "{name}: {status}");
        }
    }
}

/// To open a route is a decision; a row of the table alone does not make it.
#[test]
fn the_routes_that_need_no_token_are_these() {
    let open = |route: &&Route| matches!(route.access, Access::Anyone | Access::Credentials);
    let paths: Vec<_> = routes().filter(open).map(|route| route.path).collect();
    let want = [
        "/livez",
        "/readyz",
        "/metrics",
        "/api/v1/health",
        "/version",
        "/api/v1/version",
        "/api/v1/openapi.json",
        "/",
        "/alerts",
        "/alerts/rules",
        "/alerts/channels",
        "/alerts/silences",
        "/findings",
        "/cluster",
        "/collectors",
        "/people",
        "/account",
        "/collectors/{id}",
        "/audit",
        "/servers/{id}",
        "/servers/{id}/why",
        "/servers/{id}/activity",
        "/servers/{id}/queries",
        "/servers/{id}/queries/{hash}",
        "/servers/{id}/tables",
        "/servers/{id}/snapshots",
        "/servers/{id}/advice",
        "/servers/{id}/unusual",
        "/servers/{id}/logs",
        "/servers/{id}/replication",
        "/ui/{build}/{file}",
        "/api/v1/auth/login",
        "/api/v1/auth/logout",
        "/api/v1/auth/refresh",
        "/api/v1/auth/setup",
        "/api/v1/collectors/register",
        "/api/v1/collectors/refresh-token",
        "/api/v1/collectors/renew-certificate",
        "/api/v1/ml/health",
        "/api/v1/ml/circuit-breaker",
    ];
    assert_eq!(paths, want);
}
