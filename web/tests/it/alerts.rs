//! Rules, channels, silences and alerts, over HTTP.

use std::sync::atomic::Ordering;

use pga_cluster::{Alert, AlertChange, AlertCommand, AlertState, Command, ControlCommand};
use pga_storage::Timestamp;
use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::raw_http::{Answer, request};
use crate::server::Server;

async fn token_of(server: &Server, name: &str) -> String {
    let body = json!({ "username": name, "password": "correct horse" }).to_string();
    let answer = server.post("/api/v1/auth/login", "", body.as_bytes()).await;
    bearer(answer.json()["token"].as_str().unwrap())
}

async fn send(server: &Server, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    let body = match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    request(server.addr, method, path, token, body.as_bytes()).await
}

fn fire(server: &Server) {
    let alert = Alert {
        fingerprint: 7,
        rule: "C1".into(),
        level: "reserve".into(),
        name: "connections_used".into(),
        severity: "c".into(),
        labels: [("server".to_owned(), "db-1".to_owned())].into(),
        annotations: [("summary".to_owned(), "No connection is free.".to_owned())].into(),
        value: "1.0".into(),
        state: AlertState::Firing,
        active_at: Timestamp::from_micros(1),
        fired_at: Some(Timestamp::from_micros(2)),
        incident: 1,
        ..Alert::default()
    };
    let changes = vec![AlertChange {
        id: None,
        base: 0,
        alert,
    }];
    let at = Timestamp::from_micros(2);
    let command = ControlCommand::Alert(Box::new(AlertCommand::Evaluated { at, changes }));
    server.node.apply(&Command::Control(command));
}

#[tokio::test]
async fn an_alert_is_shown_acknowledged_and_commented() {
    let server = Server::start(WebOptions::default()).await;
    fire(&server);
    let viewer = token_of(&server, "vic").await;
    let user = token_of(&server, "ann").await;
    let list = server
        .get("/api/v1/alerts?severity=critical", &viewer)
        .await
        .json();
    assert_eq!(list["total"], 1);
    let alert = &list["data"][0];
    assert_eq!(
        (&alert["id"], &alert["rule"], &alert["message"]),
        (
            &json!(1),
            &json!("C1.reserve"),
            &json!("No connection is free.")
        )
    );
    for (query, want) in [
        ("severity=warning", 0),
        ("severity=all&state=open", 1),
        ("state=resolved", 0),
        ("server=db-1", 1),
        ("rule=C1", 1),
        ("rule=C2", 0),
    ] {
        let list = server
            .get(&format!("/api/v1/alerts?{query}"), &viewer)
            .await
            .json();
        assert_eq!(list["total"], want, "{query}");
    }
    assert_eq!(
        server
            .get("/api/v1/alerts?severity=loud", &viewer)
            .await
            .status,
        400
    );
    let path = "/api/v1/alerts/1/acknowledge";
    assert_eq!(
        send(&server, "POST", path, &viewer, &Value::Null)
            .await
            .status,
        403
    );
    let answer = send(&server, "POST", path, &user, &json!({ "note": "on it" })).await;
    assert_eq!(
        answer.json(),
        json!({ "success": true, "message": "Alert acknowledged" })
    );
    let comment = json!({ "text": "a deploy" });
    let answer = send(
        &server,
        "POST",
        "/api/v1/alerts/1/comments",
        &user,
        &comment,
    )
    .await;
    assert_eq!(answer.status, 201);
    let alert = server.get("/api/v1/alerts/1", &viewer).await.json();
    assert_eq!(
        (&alert["acknowledged_by"], &alert["comments"][0]["text"]),
        (&json!("ann"), &json!("a deploy"))
    );
    send(&server, "POST", path, &user, &json!({ "undo": true })).await;
    let alert = server.get("/api/v1/alerts/1", &viewer).await.json();
    assert_eq!(alert["is_acknowledged"], false);
    assert_eq!(server.get("/api/v1/alerts/2", &viewer).await.status, 404);
}

#[tokio::test]
async fn what_fires_is_seen_without_a_quorum() {
    let server = Server::start(WebOptions::default()).await;
    fire(&server);
    let user = token_of(&server, "ann").await;
    server.node.no_quorum.store(true, Ordering::Relaxed);
    for (path, status) in [
        ("/api/v1/alerts", 200),
        ("/api/v1/alerts/1", 200),
        ("/api/v1/alert-rules", 200),
        ("/api/v1/silences", 200),
        ("/api/v1/maintenance-windows", 200),
        // Who may do what, nobody answers from an old view.
        ("/api/v1/users", 403),
        ("/api/v1/channels", 503),
    ] {
        let answer = server.get(path, &user).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_rule_is_changed_written_exported_and_forgotten() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    let path = "/api/v1/alert-rules/C1";
    let off = send(
        &server,
        "PATCH",
        path,
        &admin,
        &json!({ "enabled": false, "for": "10m" }),
    )
    .await;
    let off = off.json();
    assert_eq!(
        (&off["origin"], &off["enabled"], &off["version"]),
        (&json!("changed"), &json!(false), &json!(1))
    );
    for (change, want) in [
        (json!({ "for": "10" }), "C1.for: \"10\" is no duration"),
        (json!({ "fire": "value >" }), "C1.fire"),
        (
            json!({ "severity": "loud" }),
            "use critical, warning or info",
        ),
        (json!({ "fires": "x" }), "unknown field `fires`"),
        (json!({ "id": "C9" }), "id cannot be changed"),
    ] {
        let answer = send(&server, "PATCH", path, &admin, &change).await;
        assert_eq!(answer.status, 400, "{change}");
        assert!(
            answer
                .json()
                .to_string()
                .contains(&want.replace('"', "\\\"")),
            "{change}: {}",
            answer.json()
        );
    }
    let own = json!({
        "id": "X9", "name": "my_rule", "severity": "warning", "from": "my_metric", "value": "num(row.value)",
        "fire": "value > 3.25", "summary": "{{ value }}",
    });
    assert_eq!(
        send(&server, "PUT", "/api/v1/alert-rules/X8", &admin, &own)
            .await
            .status,
        400
    );
    let stored = send(&server, "PUT", "/api/v1/alert-rules/X9", &admin, &own)
        .await
        .json();
    assert_eq!(stored["origin"], "own");
    let file = server.get("/api/v1/alert-rules.toml", &admin).await;
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    let again = send(
        &server,
        "PUT",
        "/api/v1/alert-rules.toml",
        &admin,
        &json!(text),
    )
    .await
    .json();
    assert!(
        again["message"]
            .as_str()
            .unwrap()
            .starts_with("0 rules stored"),
        "{again}"
    );
    let changed = text.replace("fire = \"value > 3.25\"", "fire = \"value > 4\"");
    let again = send(
        &server,
        "PUT",
        "/api/v1/alert-rules.toml",
        &admin,
        &json!(changed),
    )
    .await
    .json();
    assert!(
        again["message"]
            .as_str()
            .unwrap()
            .starts_with("1 rules stored"),
        "{again}"
    );
    assert_eq!(
        send(&server, "DELETE", path, &admin, &Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(server.get(path, &admin).await.json()["origin"], "default");
    assert_eq!(
        send(&server, "DELETE", path, &admin, &Value::Null)
            .await
            .status,
        400
    );
    assert_eq!(
        send(
            &server,
            "DELETE",
            "/api/v1/alert-rules/X9",
            &admin,
            &Value::Null
        )
        .await
        .status,
        200
    );
    assert_eq!(
        server.get("/api/v1/alert-rules/X9", &admin).await.status,
        404
    );
}

#[tokio::test]
async fn a_channel_keeps_its_secrets() {
    let server = Server::start(WebOptions::default()).await;
    let admin = token_of(&server, "admin").await;
    let channel = json!({
        "name": "ops", "kind": "slack", "settings": { "url": "https://u:pw@hooks.example.com/T0/SECRET?k=SECRET" },
    });
    let made = send(&server, "POST", "/api/v1/channels", &admin, &channel).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["target"], "https://hooks.example.com");
    for path in ["/api/v1/channels", "/api/v1/channels/1", "/api/v1/audit"] {
        let shown = server.get(path, &admin).await.json().to_string();
        assert!(
            !shown.contains("SECRET") && !shown.contains("pw@"),
            "{path}: {shown}"
        );
    }
    assert_eq!(
        send(&server, "POST", "/api/v1/channels", &admin, &channel)
            .await
            .status,
        409,
        "its name"
    );
    let renamed = json!({ "name": "ops 2", "kind": "slack", "enabled": false });
    let stored = send(&server, "PUT", "/api/v1/channels/1", &admin, &renamed)
        .await
        .json();
    assert_eq!(
        (&stored["name"], &stored["enabled"], &stored["target"]),
        (
            &json!("ops 2"),
            &json!(false),
            &json!("https://hooks.example.com")
        )
    );
    let tested = send(
        &server,
        "POST",
        "/api/v1/channels/1/test",
        &admin,
        &Value::Null,
    )
    .await
    .json();
    assert_eq!(
        tested,
        json!({ "success": true, "outcome": "200 https://hooks.example.com", "latency_ms": 7 })
    );
    for (wrong, want) in [
        (
            json!({ "name": "a", "kind": "fax", "settings": {} }),
            "use one of webhook",
        ),
        (
            json!({ "name": "a", "kind": "webhook", "settings": { "url": "ftp://x" } }),
            "write http:// or https://",
        ),
        (
            json!({ "name": "a", "kind": "webhook" }),
            "settings is missing",
        ),
        (
            json!({ "name": "a", "kind": "pagerduty", "settings": {} }),
            "routing key",
        ),
        (
            json!({ "name": "a", "kind": "webhook", "settings": { "url": "http://x", "template": "{{ nothing }}" } }),
            "template",
        ),
    ] {
        let answer = send(&server, "POST", "/api/v1/channels", &admin, &wrong).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(
            answer.json().to_string().contains(want),
            "{wrong}: {}",
            answer.json()
        );
    }
    assert_eq!(
        send(
            &server,
            "DELETE",
            "/api/v1/channels/1",
            &admin,
            &Value::Null
        )
        .await
        .status,
        200
    );
    assert_eq!(
        server.get("/api/v1/notifications", &admin).await.json()["total"],
        0
    );
}

#[tokio::test]
async fn a_silence_needs_matchers_a_reason_and_an_end() {
    let server = Server::start(WebOptions::default()).await;
    fire(&server);
    let user = token_of(&server, "ann").await;
    let good = json!({
        "matchers": [{ "label": "server", "operator": "~", "value": "db-*" }],
        "to": "2999-01-01T00:00:00Z", "comment": "a move",
    });
    let made = send(&server, "POST", "/api/v1/silences", &user, &good).await;
    assert_eq!((made.status, &made.json()["alerts"]), (201, &json!(1)));
    let alert = server.get("/api/v1/alerts/1", &user).await.json();
    assert_eq!(alert["quiet"], "silenced");
    for (key, value, want) in [
        ("matchers", json!([]), "silence everything"),
        ("comment", json!(" "), "say why"),
        ("to", json!("2020-01-01T00:00:00Z"), "has passed"),
        ("to", json!(null), "to is missing"),
        (
            "weekly",
            json!({ "days": ["mon"], "from": "02:00", "minutes": 5 }),
            "maintenance windows",
        ),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        let answer = send(&server, "POST", "/api/v1/silences", &user, &wrong).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(
            answer.json().to_string().contains(want),
            "{}",
            answer.json()
        );
    }
    let window = json!({
        "matchers": [], "comment": "backup",
        "weekly": { "days": ["sun", "Mon"], "from": "23:30", "minutes": 90 },
    });
    let made = send(
        &server,
        "POST",
        "/api/v1/maintenance-windows",
        &user,
        &window,
    )
    .await
    .json();
    assert_eq!(
        made["weekly"],
        json!({ "days": ["sun", "mon"], "from": "23:30", "minutes": 90 })
    );
    assert_eq!(
        server.get("/api/v1/silences", &user).await.json()["total"],
        1
    );
    assert_eq!(
        server
            .get("/api/v1/maintenance-windows", &user)
            .await
            .json()["total"],
        1
    );
    // One is not ended as the other.
    assert_eq!(
        send(&server, "DELETE", "/api/v1/silences/2", &user, &Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        send(&server, "DELETE", "/api/v1/silences/1", &user, &Value::Null)
            .await
            .status,
        200
    );
    let path = "/api/v1/maintenance-windows/2";
    assert_eq!(
        send(&server, "DELETE", path, &user, &Value::Null)
            .await
            .status,
        200
    );
    let alert = server.get("/api/v1/alerts/1", &user).await.json();
    assert_eq!(alert["quiet"], Value::Null);
}

#[tokio::test]
async fn routes_are_replaced_as_a_list_and_say_who_is_told() {
    let server = Server::start(WebOptions::default()).await;
    let (admin, user) = (
        token_of(&server, "admin").await,
        token_of(&server, "ann").await,
    );
    let routes = "/api/v1/alert-routes";
    for name in ["ops", "team"] {
        let channel = json!({ "name": name, "kind": "webhook",
            "settings": { "url": "https://example.org/hook" } });
        let made = send(&server, "POST", "/api/v1/channels", &admin, &channel).await;
        assert_eq!(made.status, 201, "{}", made.json());
    }
    let empty = send(&server, "GET", routes, &user, &Value::Null).await;
    assert_eq!(
        empty.json(),
        json!({ "version": 0, "by": "", "changed_at": null, "routes": [] })
    );

    let team = json!({ "name": "team's", "channel": "team", "group_wait_seconds": 5,
        "matchers": [{ "label": "server", "operator": "~", "value": "db-*" }] });
    let list = json!({ "version": 0, "routes": [team] });
    let refused = send(&server, "PUT", routes, &user, &list).await;
    assert_eq!(refused.status, 403);
    let stored = send(&server, "PUT", routes, &admin, &list).await;
    assert_eq!(stored.status, 200, "{}", stored.json());
    let late = send(&server, "PUT", routes, &admin, &list).await;
    assert_eq!(late.status, 409, "{}", late.json());
    assert!(
        late.json()
            .to_string()
            .contains("version 1, which admin made"),
        "{}",
        late.json()
    );
    let read = send(&server, "GET", routes, &user, &Value::Null).await;
    let read = read.json();
    assert_eq!(read["version"], 1);
    assert_eq!(read["routes"][0]["channel"], "team");
    assert_eq!(read["routes"][0]["group_wait_seconds"], 5);

    let told = async |labels: Value| {
        let body = json!({ "labels": labels, "severity": "warning" });
        let path = "/api/v1/alert-routes/test";
        let answer = send(&server, "POST", path, &admin, &body).await.json();
        let all = answer["destinations"].as_array().unwrap().clone();
        let show = |one: &Value| format!("{} {}", one["channel"], one["route"]).replace('"', "");
        all.iter().map(show).collect::<Vec<_>>()
    };
    assert_eq!(told(json!({ "server": "db-1" })).await, ["team team's"]);
    assert_eq!(
        told(json!({ "server": "web" })).await,
        ["ops null", "team null"]
    );

    let used = send(
        &server,
        "DELETE",
        "/api/v1/channels/2",
        &admin,
        &Value::Null,
    )
    .await;
    assert_eq!(used.status, 409);
    assert!(
        used.json().to_string().contains("team's"),
        "{}",
        used.json()
    );
    for (name, wrong, part) in [
        (
            "channel",
            json!([{ "name": "a", "channel": "nobody" }]),
            "there is no channel",
        ),
        (
            "twice",
            json!([{ "name": "a", "channel": "ops" }, { "name": "a", "channel": "ops" }]),
            "two routes",
        ),
        (
            "repeat",
            json!([{ "name": "a", "channel": "ops", "repeat_interval_seconds": 1 }]),
            "at least 60",
        ),
        (
            "operator",
            json!([{ "name": "a", "channel": "ops",
            "matchers": [{ "label": "x", "operator": "=~", "value": "y" }] }]),
            "=~",
        ),
        (
            "key",
            json!([{ "name": "a", "channel": "ops", "continued": true }]),
            "continued",
        ),
    ] {
        let wrong = json!({ "version": 1, "routes": wrong });
        let answer = send(&server, "PUT", routes, &admin, &wrong).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.json());
        assert!(
            answer.json().to_string().contains(part),
            "{name}: {}",
            answer.json()
        );
    }
}
