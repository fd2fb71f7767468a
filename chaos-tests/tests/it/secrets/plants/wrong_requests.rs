//! Requests with a secret where it does not belong.

use http::Method;
use serde_json::{Value, json};

/// Method, path and body.
type Request = (Method, &'static str, String);

pub(super) fn all(wrong: &str) -> Vec<Request> {
    [people(wrong), settings(wrong), pushes(wrong)].concat()
}

fn post(path: &'static str, body: &Value) -> Request {
    (Method::POST, path, body.to_string())
}

fn people(wrong: &str) -> Vec<Request> {
    let (login, refresh) = ("/api/v1/auth/login", "/api/v1/auth/refresh");
    let (change, users) = ("/api/v1/auth/change-password", "/api/v1/users");
    vec![
        post(login, &json!({ "username": "admin", "password": wrong })),
        post(login, &json!({ "username": "admin", "password": [wrong] })),
        post(login, &json!({ "username": {}, "password": wrong })),
        post(login, &json!(wrong)),
        (
            Method::POST,
            login,
            format!("{{\"password\": \"{wrong}\", \"user"),
        ),
        post(refresh, &json!({ "refresh_token": wrong })),
        post(refresh, &json!(wrong)),
        post(
            change,
            &json!({ "current_password": wrong, "new_password": wrong }),
        ),
        post(
            users,
            &json!({ "username": "x", "password": wrong, "role": 1 }),
        ),
        post(users, &json!(wrong)),
    ]
}

fn settings(wrong: &str) -> Vec<Request> {
    let (group, channels) = ("/api/v1/config-groups/default", "/api/v1/channels");
    let slack = |settings: Value| json!({ "name": "n", "kind": "slack", "settings": settings });
    let toml = |value: String| {
        (
            Method::PUT,
            group,
            format!("[postgres]\npassword = {value}\n"),
        )
    };
    vec![
        toml(format!("\"{wrong}")),
        toml(format!("[\"{wrong}\"]")),
        toml(format!("\"{wrong}\" # \"{wrong}\"")),
        post(channels, &slack(json!(wrong))),
        post(channels, &slack(json!({ "url": wrong }))),
        post(
            channels,
            &slack(json!({ "url": format!("http://10.0.0.1/{wrong}") })),
        ),
    ]
}

fn pushes(wrong: &str) -> Vec<Request> {
    let push = "/api/v1/metrics/push";
    let envelope = |timestamp: &str, metrics: Value| json!({ "collector_id": "c", "hostname": "h", "timestamp": timestamp, "metrics": metrics });
    let element = json!([{ "type": wrong, "timestamp": wrong }]);
    vec![
        (Method::POST, push, format!("{{\"password\": \"{wrong}\", ")),
        post(push, &envelope(wrong, json!([]))),
        post(push, &envelope("2026-11-30T00:00:00Z", element)),
        (
            Method::POST,
            "/api/v1/metrics/push/binary",
            wrong.to_owned(),
        ),
    ]
}
