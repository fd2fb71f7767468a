//! Moments to compare, over HTTP.

use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::raw_http::request;
use crate::server::Server;

const SNAPSHOTS: &str = "/api/v1/snapshots";

async fn token_of(server: &Server, name: &str) -> String {
    let body = json!({ "username": name, "password": "correct horse" }).to_string();
    let answer = server.post("/api/v1/auth/login", "", body.as_bytes()).await;
    bearer(answer.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_snapshot_is_deleted_by_who_may_make_one() {
    let server = Server::start(WebOptions::default()).await;
    let [admin, ann, vic] = ["admin", "ann", "vic"].map(|name| token_of(&server, name));
    let (admin, ann, vic) = (admin.await, ann.await, vic.await);
    for name in ["before", "after"] {
        let body = json!({ "name": name }).to_string();
        let made = server.post(SNAPSHOTS, &ann, body.as_bytes()).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let delete = async |by: &str, id: &str| {
        let path = format!("{SNAPSHOTS}/{id}");
        let answer = request(server.addr, "DELETE", &path, by, b"").await;
        (answer.status, answer.json()["message"].clone())
    };
    assert_eq!(delete(&vic, "2").await.0, 403, "a viewer");
    assert_eq!(delete(&ann, "2").await, (200, json!("Snapshot deleted")));
    for id in ["2", "99", "x", "-1"] {
        let gone = json!(format!("There is no snapshot {id}"));
        assert_eq!(delete(&ann, id).await, (404, gone));
    }
    let listed = server.get(SNAPSHOTS, &vic).await.json();
    assert_eq!(
        (&listed["total"], &listed["snapshots"][0]["id"]),
        (&json!(1), &json!(1))
    );
    let path = "/api/v1/queries/comparison?before_snapshot=1&after_snapshot=2";
    let compared = server.get(path, &vic).await;
    assert_eq!(compared.status, 404);
    assert_eq!(compared.json()["message"], "There is no snapshot 2");
    let audit = server.get("/api/v1/audit", &admin).await.json();
    let entry = &audit["data"][0];
    assert_eq!(
        (&entry["action"], &entry["actor"]),
        (&json!("snapshot.delete"), &json!("ann"))
    );
    assert_eq!(entry["before"]["name"], "after");
    assert_eq!(entry["after"], Value::Null);
    let body = json!({ "name": "next" }).to_string();
    let next = server.post(SNAPSHOTS, &ann, body.as_bytes()).await.json();
    assert_eq!(next["id"], 3, "a number is not given again");
}
