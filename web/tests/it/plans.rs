//! Plans that collectors and users send, over HTTP.

use pga_storage::Element;
use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::raw_http::Answer;
use crate::server::Server;

const PATH: &str = "/api/v1/internal/explain-plans";

async fn token_of(server: &Server, name: &str) -> String {
    let body = json!({ "username": name, "password": "correct horse" }).to_string();
    let answer = server.post("/api/v1/auth/login", "", body.as_bytes()).await;
    bearer(answer.json()["token"].as_str().unwrap())
}

async fn send(server: &Server, token: &str, body: &Value) -> Answer {
    server.post(PATH, token, body.to_string().as_bytes()).await
}

fn plan() -> Value {
    json!({ "Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "orders", "Startup Cost": 0.0,
        "Total Cost": 1.0, "Plan Rows": 5, "Plan Width": 4 })
}

#[tokio::test]
async fn a_plan_is_kept_under_the_names_of_the_contract_whichever_it_came_by() {
    let server = Server::open().await;
    let user = token_of(&server, "ann").await;
    server.node.know("db-1");
    for (body, planning) in [
        (
            json!({ "query_hash": -7, "plan_json": { "Plan": plan() }, "plan_duration_ms": 0.5 }),
            0.5,
        ),
        (
            json!({ "query_hash": -7, "plan": plan(), "planning_time_ms": 0.7, "has_index_scan": true }),
            0.7,
        ),
    ] {
        let mut body = body;
        body["collector_id"] = json!("db-1");
        let answer = send(&server, &user, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        assert_eq!(
            answer.json(),
            json!({ "query_hash": -7, "status": "received" })
        );
        let pushes = server.node.pushes.lock().unwrap();
        let Some(Element::Document(kept)) = pushes.last().unwrap().elements.first() else {
            panic!("a document");
        };
        assert_eq!(kept.kind, "explain_plan");
        let kept: Value = serde_json::from_slice(&kept.body).unwrap();
        assert_eq!(kept["plan_duration_ms"], planning);
        assert!(
            kept["plan_json"].is_object() && kept.get("plan").is_none(),
            "{kept}"
        );
    }
}

#[tokio::test]
async fn what_is_no_plan_or_nobodys_is_refused_with_what_to_correct() {
    let server = Server::start(WebOptions::default()).await;
    let user = token_of(&server, "ann").await;
    let viewer = token_of(&server, "vic").await;
    server.node.know("db-1");
    let good = json!({ "query_hash": 7, "collector_id": "db-1", "plan_json": plan() });
    assert_eq!(send(&server, &user, &good).await.status, 201);
    assert_eq!(send(&server, &viewer, &good).await.status, 403);
    assert_eq!(send(&server, "", &good).await.status, 401);
    for (key, value, status, want) in [
        ("query_hash", json!(0), 400, "query_hash is missing"),
        ("collector_id", json!(null), 400, "whose plan is it?"),
        ("collector_id", json!("nobody"), 404, "Collector not found"),
        ("plan_json", json!({ "Plans": [] }), 400, "plan_json: "),
        (
            "plan_json",
            json!(null),
            400,
            "it is missing, and so is plan_text",
        ),
        ("collected_at", json!("noon"), 400, "write a time such as"),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let answer = send(&server, &user, &body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(
            answer.json().to_string().contains(want),
            "{}",
            answer.json()
        );
    }
}
