//! The OpenAPI document: what it names is there, and answers are as it says.

use std::collections::BTreeSet;

use pga_web::routes;
use serde_json::{Value, json};

use crate::fake_node::SECRET;
use crate::push::CYCLE;
use crate::raw_http::request;
use crate::server::Server;

const PATH: &str = "/api/v1/openapi.json";

/// Why `value` is not what `schema` says, a member that it does not name included.
fn misfit(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let kinds = match &schema["type"] {
        Value::Null => return None,
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_number = kind == "integer" && kinds.contains(&json!("number"));
    if !is_number && !kinds.contains(&json!(kind)) {
        return Some(format!("{at} is {kind}, not {kinds:?}"));
    }
    if let Value::Array(items) = value {
        return items
            .iter()
            .find_map(|item| misfit(&schema["items"], item, at));
    }
    let members = value.as_object()?;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let missing = required
        .iter()
        .filter_map(Value::as_str)
        .find(|name| !members.contains_key(*name));
    if let Some(missing) = missing {
        return Some(format!("{at}/{missing} is missing"));
    }
    members.iter().find_map(|(name, member)| {
        let at = format!("{at}/{name}");
        match (
            schema["properties"].get(name),
            schema.get("additionalProperties"),
        ) {
            (Some(schema), _) | (None, Some(schema)) => misfit(schema, member, &at),
            (None, None) => Some(format!("{at} is not in the document")),
        }
    })
}

#[tokio::test]
async fn the_document_is_the_committed_one_and_names_each_built_route_once() {
    let server = Server::open().await;
    let answer = server.get(PATH, "").await;
    assert_eq!(answer.status, 200);
    let tag = answer.header("etag").unwrap().to_owned();
    let again = server.get(PATH, &format!("If-None-Match: {tag}\r\n")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    if std::env::var_os("PGANALYTICS_BLESS").is_some() {
        std::fs::write(path, &answer.body).unwrap();
    }
    let committed = std::fs::read(path).unwrap();
    assert!(
        committed == answer.body,
        "run with PGANALYTICS_BLESS=1 to renew docs/openapi.json"
    );

    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{operation}"
            );
            named.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    let built = routes().filter(|route| route.is_built());
    let built: BTreeSet<_> = built
        .map(|route| (route.method.into(), route.path.into()))
        .collect();
    assert_eq!(named, built);
}

#[tokio::test]
async fn real_answers_are_as_the_document_says() {
    let server = Server::open().await;
    let document = server.get(PATH, "").await.json();
    let user = server.login().await;
    let secret = format!("X-Registration-Secret: {SECRET}\r\n");
    let collector = format!("Authorization: Bearer {}\r\n", server.register("c1").await);
    let login = br#"{"username":"admin","password":"correct horse"}"#.as_slice();
    let register = br#"{"name":"c","hostname":"h"}"#.as_slice();
    let refresh = server.post("/api/v1/auth/login", "", login).await.json();
    let refresh = json!({ "refresh_token": refresh["refresh_token"] }).to_string();
    let rejected = br#"{"collector_id":"c","hostname":"h","timestamp":1767225600,"metrics":[7]}"#;
    for (method, path, real, headers, body) in [
        ("get", "/api/v1/health", "", "", b"".as_slice()),
        ("get", "/api/v1/version", "", "", b""),
        ("get", "/api/v1/cluster/status", "", &user, b""),
        (
            "get",
            "/api/v1/collectors/{id}/metrics",
            "/api/v1/collectors/c/metrics",
            &user,
            b"",
        ),
        (
            "get",
            "/api/v1/collectors/{id}/queries/slow",
            "/api/v1/collectors/c/queries/slow",
            &user,
            b"",
        ),
        (
            "get",
            "/api/v1/collectors/{id}/queries/frequent",
            "/api/v1/collectors/c/queries/frequent",
            &user,
            b"",
        ),
        (
            "get",
            "/api/v1/collectors/{id}/queries/parts",
            "/api/v1/collectors/c/queries/parts?hashes=-5",
            &user,
            b"",
        ),
        (
            "get",
            "/api/v1/queries/{hash}/timeline",
            "/api/v1/queries/-5/timeline",
            &user,
            b"",
        ),
        ("post", "/api/v1/auth/login", "", "", login),
        ("post", "/api/v1/auth/logout", "", "", b""),
        ("post", "/api/v1/auth/refresh", "", "", refresh.as_bytes()),
        ("post", "/api/v1/collectors/register", "", &secret, register),
        (
            "post",
            "/api/v1/collectors/refresh-token",
            "",
            &collector,
            b"",
        ),
        ("post", "/api/v1/metrics/push", "", "", CYCLE),
        ("post", "/api/v1/metrics/push", "", "", rejected),
    ] {
        let real = if real.is_empty() { path } else { real };
        let answer = request(
            server.addr,
            &method.to_ascii_uppercase(),
            real,
            headers,
            body,
        )
        .await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let schema = &document["paths"][path][method]["responses"]["200"]["content"];
        let schema = &schema["application/json"]["schema"];
        assert!(schema.is_object(), "{path}");
        assert_eq!(misfit(schema, &answer.json(), ""), None, "{path}");
    }
    let refused = server.get("/api/v1/collectors/c/metrics", "").await.json();
    let error = &document["components"]["schemas"]["Error"];
    assert_eq!(misfit(error, &refused, ""), None);
}
