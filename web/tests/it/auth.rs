//! Who may do what.

use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pga_cluster::{Command, ControlCommand, TokenKey, TokenKeyCommand};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::fake_node::{CLUSTER, KEY, SECRET};
use crate::raw_http::exchange;
use crate::server::Server;

fn push_as(collector: &str) -> String {
    format!(
        r#"{{"collector_id":"{collector}","hostname":"h","timestamp":1767225600,"metrics":[]}}"#
    )
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn now() -> i64 {
    i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap()
}

pub(crate) fn claims() -> Value {
    json!({
        "kind": "user", "type": "access", "sub": "user:1", "iss": "pganalytics", "user_id": 1,
        "username": "admin", "email": "e", "role": "admin",
        "exp": now() + 60, "iat": now(), "nbf": now(),
    })
}

pub(crate) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

pub(crate) fn sign(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(KEY)).unwrap()
}

fn unsigned(alg: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.",
        encode(&json!({ "alg": alg, "typ": "JWT" })),
        encode(&claims())
    )
}

#[tokio::test]
async fn only_our_own_valid_tokens_pass() {
    let server = Server::start(WebOptions::default()).await;
    let hs256 = Header::new(Algorithm::HS256);
    let kid = |kid: &str| Header {
        kid: Some(kid.into()),
        ..Header::new(Algorithm::HS256)
    };
    let good = sign(&hs256, &claims());
    let mut flipped = good.clone().into_bytes();
    let at = flipped.len() - 10;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let mut no_exp = claims();
    no_exp.as_object_mut().unwrap().remove("exp");
    let expired = with("exp", json!(now() - 10));
    for (name, header, want) in [
        ("good", bearer(&good), 200),
        ("54 none", String::new(), 401),
        ("54 empty", "Authorization: Bearer\r\n".into(), 401),
        ("54 twice", bearer(&good).repeat(2), 401),
        ("other scheme", "Authorization: Basic eDp5\r\n".into(), 401),
        ("55 none", bearer(&unsigned("none")), 401),
        ("55 nOnE", bearer(&unsigned("nOnE")), 401),
        (
            "other hmac",
            bearer(&sign(&Header::new(Algorithm::HS512), &claims())),
            401,
        ),
        (
            "57 kid path",
            bearer(&sign(&kid("../../dev/null"), &claims())),
            401,
        ),
        ("58 expired", bearer(&sign(&hs256, &expired)), 401),
        (
            "58 nbf ahead",
            bearer(&sign(&hs256, &with("nbf", json!(now() + 60)))),
            401,
        ),
        ("58 no exp", bearer(&sign(&hs256, &no_exp)), 401),
        (
            "58 exp text",
            bearer(&sign(&hs256, &with("exp", json!("9999999999")))),
            401,
        ),
        (
            "58 exp float",
            bearer(&sign(&hs256, &with("exp", json!(1e300)))),
            401,
        ),
        (
            "another installation with the same key",
            bearer(&sign(&hs256, &with("cluster", json!("cluster-b")))),
            401,
        ),
        (
            "this installation",
            bearer(&sign(&hs256, &with("cluster", json!(CLUSTER)))),
            200,
        ),
        (
            "59 issuer",
            bearer(&sign(&hs256, &with("iss", json!("other")))),
            401,
        ),
        (
            "59 refresh as access",
            bearer(&sign(&hs256, &with("type", json!("refresh")))),
            401,
        ),
        (
            "60 collector on a user route",
            bearer(&sign(&hs256, &with("kind", json!("collector")))),
            403,
        ),
        ("63 flipped", bearer(&flipped), 401),
        ("63 cut", bearer(&good[..good.len() - 1]), 401),
        ("63 padded", bearer(&format!("{good}=")), 401),
        ("cookie", format!("Cookie: a=b; auth_token={good}\r\n"), 200),
    ] {
        let bytes = format!(
            "GET /api/v1/cluster/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n"
        );
        let answer = exchange(server.addr, bytes.as_bytes()).await;
        assert_eq!(
            answer.status,
            want,
            "{name}: {:?}",
            String::from_utf8_lossy(&answer.body)
        );
    }
    let answer = server.get("/api/v1/cluster/status", "").await;
    assert_eq!(answer.json()["message"], "Missing authorization header");
    let answer = server
        .get("/api/v1/cluster/status", &bearer(&sign(&hs256, &expired)))
        .await;
    assert_eq!(answer.json()["message"], "Token expired");
}

#[tokio::test]
async fn a_collector_pushes_as_itself_only() {
    let server = Server::start(WebOptions::default()).await;
    let token = server.register("c1").await;
    let user = server.login().await;
    let id = CollectorId::from_external("c1");
    for (name, header, body, want) in [
        ("own id", bearer(&token), push_as(&id.to_string()), 200),
        ("own external id", bearer(&token), push_as("c1"), 200),
        ("13 other id", bearer(&token), push_as("c2"), 403),
        ("60 user token", user, push_as("c1"), 403),
        ("no token", String::new(), push_as("c1"), 401),
        ("forged", bearer("dev-token"), push_as("c1"), 401),
    ] {
        assert_eq!(
            server.push(&header, body.as_bytes()).await.status,
            want,
            "{name}"
        );
    }
    assert_eq!(server.node.pushes.lock().unwrap().len(), 2);
    let refresh = "/api/v1/collectors/refresh-token";
    let answer = server.post(refresh, &bearer(&token), b"").await;
    assert_eq!(answer.status, 200);
    let renewed = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        server
            .push(&bearer(&renewed), push_as("c1").as_bytes())
            .await
            .status,
        200
    );
    let renew = "/api/v1/collectors/renew-certificate";
    let answer = server.post(renew, &bearer(&token), b"").await;
    assert_eq!(
        (answer.status, &answer.json()["certificate"]),
        (200, &"CERT 2".into())
    );
    for (name, header) in [("no token", String::new()), ("forged", bearer("x.y.z"))] {
        assert_eq!(server.post(renew, &header, b"").await.status, 401, "{name}");
    }
    server.node.revoked.lock().unwrap().insert(id);
    assert_eq!(server.post(renew, &bearer(&token), b"").await.status, 401);
    assert_eq!(
        server
            .push(&bearer(&token), push_as("c1").as_bytes())
            .await
            .status,
        401
    );
    assert_eq!(server.post(refresh, &bearer(&token), b"").await.status, 401);
}

/// The claims in a token.
fn claims_in(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_collectors_token_says_whom_it_is_for_and_those_of_before_are_good() {
    let server = Server::start(WebOptions::default()).await;
    let now = claims_in(&server.register("c1").await);
    assert_eq!(now["aud"], "pganalytics-ingest");
    let refreshed = server
        .post(
            "/api/v1/collectors/refresh-token",
            &bearer(&server.register("c1").await),
            b"",
        )
        .await;
    let refreshed = claims_in(refreshed.json()["token"].as_str().unwrap());
    assert_eq!(refreshed["aud"], "pganalytics-ingest");
    for (name, audience, want) in [
        ("before level 8", Value::Null, 200),
        ("ours", json!("pganalytics-ingest"), 200),
        ("a user's", json!("pganalytics-api"), 401),
        ("somebody's", json!("others"), 401),
    ] {
        let mut claims = now.clone();
        claims["aud"] = audience;
        if claims["aud"].is_null() {
            claims.as_object_mut().unwrap().remove("aud");
        }
        let token = sign(&Header::new(Algorithm::HS256), &claims);
        let answer = server.push(&bearer(&token), push_as("c1").as_bytes()).await;
        assert_eq!(answer.status, want, "{name}");
    }
}

/// Old collectors drop what they pushed at 401: only a node that knows what the cluster knows says
/// so, however old the token is (contract Q14).
#[tokio::test]
async fn a_node_without_a_quorum_sends_no_collector_away() {
    let server = Server::start(WebOptions::default()).await;
    let mut claims = claims_in(&server.register("c1").await);
    claims["iat"] = json!(now() - 600);
    let token = bearer(&sign(&Header::new(Algorithm::HS256), &claims));
    let id = CollectorId::from_external("c1");
    server.node.revoked.lock().unwrap().insert(id);
    for (is_cut_off, want) in [(true, 503), (false, 401)] {
        server.node.no_quorum.store(is_cut_off, Ordering::Relaxed);
        let push = server.push(&token, push_as("c1").as_bytes()).await;
        assert_eq!(push.status, want, "{push:?}");
        let refresh = "/api/v1/collectors/refresh-token";
        let refresh = server.post(refresh, &token, b"").await;
        assert_eq!(refresh.status, want, "{refresh:?}");
    }
    server.node.no_quorum.store(true, Ordering::Relaxed);
    let (header, body) = (bearer("x.y.z"), push_as("c1"));
    let forged = server.push(&header, body.as_bytes()).await;
    assert_eq!(forged.status, 401, "nobody's token");
}

#[tokio::test]
async fn registration_gives_all_fields_and_brakes_guessing() {
    let server = Server::start(WebOptions::default()).await;
    let body = br#"{"name":"n","hostname":"h"}"#;
    let path = "/api/v1/collectors/register";
    let answer = server
        .post(path, &format!("X-Registration-Secret: {SECRET}\r\n"), body)
        .await;
    let json = answer.json();
    for field in [
        "collector_id",
        "token",
        "certificate",
        "private_key",
        "expires_at",
    ] {
        assert!(
            json[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}: {json}"
        );
    }
    for _ in 0..10 {
        let answer = server
            .post(path, "X-Registration-Secret: guess\r\n", body)
            .await;
        let text = "Invalid or missing registration secret";
        assert_eq!(
            (answer.status, answer.json()["message"].as_str()),
            (401, Some(text))
        );
    }
    let answer = server
        .post(path, "X-Registration-Secret: guess\r\n", body)
        .await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn login_gives_tokens_and_cookies_to_who_knows_the_password() {
    let server = Server::start(WebOptions::default()).await;
    let login = |user: &str, password: &str| {
        format!(r#"{{"username":"{user}","password":"{password}"}}"#).into_bytes()
    };
    let path = "/api/v1/auth/login";
    for (name, body, status, message) in [
        (
            "wrong password",
            login("admin", "x"),
            401,
            "Invalid credentials",
        ),
        (
            "unknown user",
            login("nobody", "correct horse"),
            401,
            "Invalid credentials",
        ),
        (
            "inactive",
            login("sleeper", "correct horse"),
            401,
            "User account is inactive",
        ),
        (
            "no password",
            br#"{"username":"admin"}"#.to_vec(),
            400,
            "Invalid request",
        ),
    ] {
        let answer = server.post(path, "", &body).await;
        assert_eq!(
            (answer.status, answer.json()["message"].as_str()),
            (status, Some(message)),
            "{name}"
        );
    }
    let answer = server
        .post(path, "", &login("admin", "correct horse"))
        .await;
    assert!(answer.head.contains("auth_token=") && answer.head.contains("csrf_token="));
    let json = answer.json();
    assert_eq!(json["user"]["username"], "admin");
    let (token, refresh) = (
        json["token"].as_str().unwrap(),
        json["refresh_token"].as_str().unwrap(),
    );
    let status = |token: &str| bearer(token);
    assert_eq!(
        server
            .get("/api/v1/cluster/status", &status(token))
            .await
            .status,
        200
    );
    assert_eq!(
        server
            .get("/api/v1/cluster/status", &status(refresh))
            .await
            .status,
        401
    );
    let body = json!({ "refresh_token": refresh }).to_string();
    let again = server
        .post("/api/v1/auth/refresh", "", body.as_bytes())
        .await;
    assert_eq!(again.status, 200);
    assert_ne!(again.json()["refresh_token"], json["refresh_token"]);
    let body = json!({ "refresh_token": token }).to_string();
    assert_eq!(
        server
            .post("/api/v1/auth/refresh", "", body.as_bytes())
            .await
            .status,
        401
    );
    let missing = server.post("/api/v1/auth/refresh", "", b"{}").await;
    assert_eq!(missing.json()["message"], "Missing refresh token");
    assert_eq!(
        server.post("/api/v1/auth/logout", "", b"").await.status,
        200
    );
}

/// The key that a token names.
fn kid(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).unwrap().kid
}

#[tokio::test]
async fn a_new_key_signs_and_nobody_is_logged_out() {
    let server = Server::start(WebOptions::default()).await;
    let login = br#"{"username":"admin","password":"correct horse"}"#;
    let before = server.post("/api/v1/auth/login", "", login).await.json();
    let old = bearer(before["token"].as_str().unwrap());
    let collector = bearer(&server.register("c1").await);

    // One that every node has known for long.
    let hour_ago = Timestamp::from_micros(Timestamp::now().micros() - 3_600_000_000);
    let add = TokenKeyCommand::Add {
        id: 1,
        key: TokenKey {
            sealed: vec![7; 32].into(),
            at: hour_ago,
        },
        followed_before: Timestamp::from_micros(0),
    };
    server
        .node
        .apply(&Command::Control(ControlCommand::TokenKey(add)));

    let after = server.post("/api/v1/auth/login", "", login).await.json();
    let after = after["token"].as_str().unwrap();
    assert_eq!(kid(after).as_deref(), Some("1"));
    for token in [&old, &bearer(after)] {
        assert_eq!(server.get("/api/v1/auth/me", token).await.status, 200);
    }
    assert_eq!(
        server
            .push(&collector, push_as("c1").as_bytes())
            .await
            .status,
        200
    );
    let refresh = json!({ "refresh_token": before["refresh_token"] }).to_string();
    let refreshed = server
        .post("/api/v1/auth/refresh", "", refresh.as_bytes())
        .await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let refreshed = refreshed.json();
    assert_eq!(
        kid(refreshed["token"].as_str().unwrap()).as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn admins_make_keys_that_sign_a_minute_later() {
    let server = Server::start(WebOptions::default()).await;
    let admin = server.login().await;
    let path = "/api/v1/token-keys";
    assert_eq!(server.get(path, &admin).await.json(), json!([]));
    let made = server.post(path, &admin, b"").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["id"], 1);
    let second = server.post(path, &admin, b"").await.json();
    assert_eq!(second["id"], 2);
    assert_eq!(
        server.get(path, &admin).await.json(),
        json!([made.json(), second])
    );
    let audit = server
        .get("/api/v1/audit?action=token-key.create", &admin)
        .await;
    assert_eq!(audit.json()["total"], 2);
    assert_eq!(
        kid(server.login().await.trim_end().rsplit(' ').next().unwrap()),
        None
    );
}
