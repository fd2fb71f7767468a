//! Sessions, users and API tokens, over HTTP.

use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::raw_http::{Answer, request};
use crate::server::Server;

const ME: &str = "/api/v1/auth/me";

async fn send(server: &Server, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    request(server.addr, method, path, headers, body.as_bytes()).await
}

async fn login(server: &Server, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    send(server, "POST", "/api/v1/auth/login", "", &body).await
}

/// The header of a user's access token.
async fn token_of(server: &Server, name: &str) -> String {
    let answer = login(server, name, "correct horse").await.json();
    bearer(answer["token"].as_str().unwrap())
}

async fn refresh(server: &Server, token: &Value) -> Answer {
    let body = json!({ "refresh_token": token });
    send(server, "POST", "/api/v1/auth/refresh", "", &body).await
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_replay_ends_the_session() {
    let server = Server::start(WebOptions::default()).await;
    let first = login(&server, "ann", "correct horse").await.json();
    let second = refresh(&server, &first["refresh_token"]).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let access = bearer(second["token"].as_str().unwrap());
    assert_eq!(server.get(ME, &access).await.json()["username"], "ann");

    assert_eq!(refresh(&server, &first["refresh_token"]).await.status, 401);
    assert_eq!(server.get(ME, &access).await.status, 401);
    assert_eq!(refresh(&server, &second["refresh_token"]).await.status, 401);
    let other = token_of(&server, "ann").await;
    assert_eq!(server.get(ME, &other).await.status, 200, "another login");
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let server = Server::start(WebOptions::default()).await;
    let answer = login(&server, "vic", "correct horse").await.json();
    let access = bearer(answer["token"].as_str().unwrap());
    let out = server.post("/api/v1/auth/logout", &access, b"").await;
    assert_eq!(out.json()["message"], "Logged out successfully");
    assert_eq!(server.get(ME, &access).await.status, 401);
    assert_eq!(refresh(&server, &answer["refresh_token"]).await.status, 401);
}

fn cookies(answer: &Answer) -> (String, String) {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs: Vec<&str> = set
        .map(|(_, value)| value.split(';').next().unwrap())
        .collect();
    let csrf = pairs
        .iter()
        .find_map(|pair| pair.strip_prefix("csrf_token="));
    (
        format!("Cookie: {}\r\n", pairs.join("; ")),
        csrf.unwrap().to_owned(),
    )
}

#[tokio::test]
async fn a_change_by_cookie_has_to_be_meant() {
    let server = Server::start(WebOptions::default()).await;
    let (cookie, csrf) = cookies(&login(&server, "admin", "correct horse").await);
    assert_eq!(server.get(ME, &cookie).await.status, 200);
    let mut n = 0;
    for (name, headers, want) in [
        ("no token", String::new(), 403),
        ("another token", "X-CSRF-Token: 0123\r\n".to_owned(), 403),
        ("its token", format!("X-CSRF-Token: {csrf}\r\n"), 201),
        (
            "same site",
            format!("X-CSRF-Token: {csrf}\r\nOrigin: http://x\r\n"),
            201,
        ),
        (
            "another site",
            format!("X-CSRF-Token: {csrf}\r\nOrigin: http://evil.test\r\n"),
            403,
        ),
        (
            "no site",
            format!("X-CSRF-Token: {csrf}\r\nOrigin: null\r\n"),
            403,
        ),
    ] {
        n += 1;
        let user = json!({ "username": format!("user{n}"), "email": format!("u{n}@x") });
        let headers = format!("{cookie}{headers}");
        let answer = send(&server, "POST", "/api/v1/users", &headers, &user).await;
        assert_eq!(answer.status, want, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_refresh_by_cookie_has_to_be_meant_too() {
    let server = Server::start(WebOptions::default()).await;
    let (cookie, csrf) = cookies(&login(&server, "ann", "correct horse").await);
    let path = "/api/v1/auth/refresh";
    assert_eq!(server.post(path, &cookie, b"").await.status, 403);
    let meant = format!("{cookie}X-CSRF-Token: {csrf}\r\n");
    let renewed = server.post(path, &meant, b"").await;
    assert_eq!(renewed.status, 200);
    assert_ne!(cookies(&renewed).0, cookie);
}

#[tokio::test]
async fn admins_manage_users_and_each_change_is_audited() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    let body =
        json!({ "username": "carl", "email": "carl@x", "role": "viewer", "full_name": "Carl" });
    let made = send(&server, "POST", "/api/v1/users", &admin, &body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let password = made["temporary_password"].as_str().unwrap().to_owned();
    assert_eq!(made["password_changed"], false);
    let path = format!("/api/v1/users/{}", made["id"]);

    let carl = own_password(&server, "carl", &password).await;
    assert_eq!(server.get("/api/v1/users", &carl).await.status, 403);
    let promote = json!({ "role": "admin" });
    assert_eq!(
        send(&server, "PATCH", &path, &admin, &promote).await.status,
        200
    );
    let listed = server.get("/api/v1/users?page_size=2&page=3", &carl).await;
    assert_eq!(listed.status, 200, "the role of now, not of the token");
    let listed = listed.json();
    assert_eq!(
        (listed["total"].as_u64(), listed["total_pages"].as_u64()),
        (Some(5), Some(3))
    );
    assert_eq!(listed["data"][0]["username"], "vic");

    let off = json!({ "is_active": false });
    assert_eq!(
        send(&server, "PUT", &path, &admin, &off).await.json()["is_active"],
        false
    );
    assert_eq!(server.get(ME, &carl).await.status, 401, "disabled at once");
    let reset = format!("{path}/reset-password");
    assert_eq!(
        send(&server, "POST", &reset, &admin, &Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(
        send(&server, "DELETE", &path, &admin, &Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(server.get(&path, &admin).await.status, 404);

    let audit = server.get("/api/v1/audit", &admin).await;
    let text = String::from_utf8(audit.body.clone()).unwrap();
    assert!(
        !text.contains("argon2") && !text.contains(&password),
        "{text}"
    );
    let audit = audit.json();
    let actions: Vec<&str> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let want = [
        "user.delete",
        "user.reset-password",
        "user.update",
        "user.update",
        "user.change-password",
        "user.create",
    ];
    assert_eq!(actions, want);
    let promoted = &audit["data"][3];
    assert_eq!(promoted["actor"], "admin");
    assert_eq!(promoted["before"]["role"], "viewer");
    assert_eq!(promoted["after"]["role"], "admin");
    let lines = server.get("/api/v1/audit/export", &admin).await.body;
    assert_eq!(String::from_utf8(lines).unwrap().lines().count(), 6);
}

#[tokio::test]
async fn a_mail_address_is_one_users() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    let user = |name: &str, email: &str| json!({ "username": name, "email": email });
    let make = async |body: Value| send(&server, "POST", "/api/v1/users", &admin, &body).await;
    let taken = make(user("carl", "ANN@example.test")).await;
    assert_eq!(taken.status, 409, "{taken:?}");
    let why = "the mail address ANN@example.test is that of user ann: each user has another";
    assert_eq!(taken.json()["message"], why);
    let carl = make(user("carl", "carl@example.test")).await.json();
    let path = format!("/api/v1/users/{}", carl["id"]);
    for (email, want) in [
        ("vic@example.test", 409),
        ("Carl@Example.test", 200),
        ("c@example.test", 200),
    ] {
        let change = json!({ "email": email });
        let answer = send(&server, "PATCH", &path, &admin, &change).await;
        assert_eq!(answer.status, want, "{email}: {answer:?}");
    }
    assert_eq!(make(user("dora", "carl@example.test")).await.status, 201);
}

/// The token of a user who was given a password, and has changed it: nothing else may be done with
/// one that somebody else chose.
async fn own_password(server: &Server, name: &str, given: &str) -> String {
    let token = login(server, name, given).await.json();
    assert_eq!(token["user"]["password_changed"], false);
    let token = bearer(token["token"].as_str().unwrap());
    for path in ["/api/v1/collectors", "/api/v1/api-tokens"] {
        let answer = server.get(path, &token).await;
        let told = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(
            answer.status == 403 && told.contains("change-password"),
            "{path}: {answer:?}"
        );
    }
    assert_eq!(server.get(ME, &token).await.status, 200);
    let change = json!({ "current_password": given, "new_password": "of my own choice" });
    let path = "/api/v1/auth/change-password";
    let changed = send(server, "POST", path, &token, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(server.get("/api/v1/collectors", &token).await.status, 200);
    token
}

#[tokio::test]
async fn an_api_token_makes_no_account_and_no_token_and_revokes_none_above_it() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    let make = async |scope: &str| {
        let wanted = json!({ "name": scope, "scope": scope });
        let made = send(&server, "POST", "/api/v1/api-tokens", &admin, &wanted).await;
        let made = made.json();
        let path = format!("/api/v1/api-tokens/{}", made["id"].as_str().unwrap());
        (bearer(made["token"].as_str().unwrap()), path)
    };
    let (script, script_path) = make("admin").await;
    let (viewer, viewer_path) = make("viewer").await;
    let user = json!({ "username": "eve", "email": "eve@x", "role": "viewer" });
    let role = json!({ "role": "user" });
    let token = json!({ "name": "more" });
    for (method, path, body) in [
        ("POST", "/api/v1/users", &user),
        ("PATCH", "/api/v1/users/3", &role),
        ("DELETE", "/api/v1/users/3", &Value::Null),
        ("POST", "/api/v1/users/3/reset-password", &Value::Null),
        ("POST", "/api/v1/api-tokens", &token),
        ("POST", "/api/v1/auth/change-password", &Value::Null),
    ] {
        let answer = send(&server, method, path, &script, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    let secret = json!({ "name": "fleet" });
    let path = "/api/v1/registration-secrets";
    let made = send(&server, "POST", path, &script, &secret).await;
    assert_eq!(made.status, 201, "what its role may");
    for (by, path, want) in [
        (&viewer, &script_path, 403),
        (&viewer, &viewer_path, 200),
        (&script, &script_path, 200),
    ] {
        let answer = send(&server, "DELETE", path, by, &Value::Null).await;
        assert_eq!(answer.status, want, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn bad_users_are_refused_with_what_to_correct() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    for (body, status, want) in [
        (
            json!({ "username": "x", "email": "a@b" }),
            400,
            "username must",
        ),
        (
            json!({ "username": "xyz", "email": "ab" }),
            400,
            "email is \"ab\"",
        ),
        (
            json!({ "username": "xyz", "email": "a@b", "role": "root" }),
            400,
            "role is \"root\"",
        ),
        (
            json!({ "username": "xyz", "email": "a@b", "password": "short" }),
            400,
            "shorter than 8",
        ),
        (
            json!({ "username": "xyz", "email": "a@b", "password_hash": "x" }),
            400,
            "neither Argon2",
        ),
        (
            json!({ "username": "xyz", "email": "a@b", "rolle": "user" }),
            400,
            "rolle",
        ),
        (
            json!({ "username": "ann", "email": "a@b" }),
            409,
            "name is taken",
        ),
    ] {
        let answer = send(&server, "POST", "/api/v1/users", &admin, &body).await;
        assert_eq!(answer.status, status, "{body}");
        let text = answer.json().to_string().replace("\\\"", "\"");
        assert!(text.contains(want), "{body}: {text}");
    }
    let gone = json!({ "role": "viewer" });
    let last = send(&server, "PUT", "/api/v1/users/1", &admin, &gone).await;
    assert_eq!(last.status, 409);
    assert_eq!(last.json()["message"], "this is the last admin");
}

#[tokio::test]
async fn a_hash_of_the_original_verifies_and_is_replaced() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    let hash = bcrypt::hash("old password", 4).unwrap();
    let body = json!({ "username": "olga", "email": "o@x", "password_hash": hash });
    assert_eq!(
        send(&server, "POST", "/api/v1/users", &admin, &body)
            .await
            .status,
        201
    );
    assert_eq!(login(&server, "olga", "old passwort").await.status, 401);
    for _ in 0..2 {
        assert_eq!(login(&server, "olga", "old password").await.status, 200);
        let state = server.node.state.lock().unwrap();
        let kept = &state.0.user("olga").unwrap().password_hash;
        assert!(kept.starts_with("$argon2id$"), "{kept}");
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let server = Server::start(WebOptions::default()).await;
    let (mine, other) = (
        token_of(&server, "ann").await,
        token_of(&server, "ann").await,
    );
    let path = "/api/v1/auth/change-password";
    let change = |current, new| json!({ "current_password": current, "new_password": new });
    let wrong = send(&server, "POST", path, &mine, &change("x", "new password")).await;
    assert_eq!(wrong.status, 403);
    let short = send(
        &server,
        "POST",
        path,
        &mine,
        &change("correct horse", "new"),
    )
    .await;
    assert_eq!(short.status, 400);
    let done = send(
        &server,
        "POST",
        path,
        &mine,
        &change("correct horse", "new password"),
    )
    .await;
    assert_eq!(done.status, 200);
    assert_eq!(server.get(ME, &mine).await.status, 200);
    assert_eq!(server.get(ME, &other).await.status, 401);
    assert_eq!(login(&server, "ann", "correct horse").await.status, 401);
    assert_eq!(login(&server, "ann", "new password").await.status, 200);
}

#[tokio::test]
async fn an_api_token_may_what_its_scope_and_its_owner_may() {
    let server = Server::start(WebOptions::default()).await;
    let (admin, ann) = (
        token_of(&server, "admin").await,
        token_of(&server, "ann").await,
    );
    let path = "/api/v1/api-tokens";
    let make = |scope: &str| json!({ "name": format!("grafana-{scope}"), "scope": scope });
    let made = send(&server, "POST", path, &admin, &make("viewer")).await;
    assert_eq!(
        (made.status, made.header("cache-control")),
        (201, Some("no-store"))
    );
    let made = made.json();
    let text = made["token"].as_str().unwrap();
    let reader = bearer(text);
    assert_eq!(
        server.get(ME, &reader).await.json()["effective_role"],
        "viewer"
    );
    assert_eq!(server.get("/api/v1/users", &reader).await.status, 403);
    let nested = send(&server, "POST", path, &reader, &make("admin")).await;
    assert_eq!(nested.status, 403, "a token makes no token");

    let high = send(&server, "POST", path, &ann, &make("admin"))
        .await
        .json();
    let high = bearer(high["token"].as_str().unwrap());
    assert_eq!(
        server.get("/api/v1/users", &high).await.status,
        403,
        "ann may not"
    );

    let listed = server.get(path, &ann).await;
    assert!(!String::from_utf8_lossy(&listed.body).contains("pga_"));
    assert_eq!(listed.json()["total"], 1, "only her own");
    let all = server.get(path, &admin).await.json();
    assert_eq!(all["total"], 2);
    let used = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .all(|t| t["last_used_at"].is_string());
    assert!(used, "{all}");

    let own = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        send(&server, "DELETE", &own, &ann, &Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        send(&server, "DELETE", &own, &admin, &Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(server.get(ME, &reader).await.status, 401);
    for damaged in [&text[..text.len() - 1], "pga_1_2_3", "pga_"] {
        assert_eq!(
            server.get(ME, &bearer(damaged)).await.status,
            401,
            "{damaged}"
        );
    }
}

#[tokio::test]
async fn a_cluster_with_a_user_is_not_set_up_again() {
    let server = Server::start(WebOptions::default()).await;
    let body = json!({ "username": "eve", "email": "e@x", "password": "long enough" });
    let answer = send(&server, "POST", "/api/v1/auth/setup", "", &body).await;
    assert_eq!(answer.status, 403);
}
