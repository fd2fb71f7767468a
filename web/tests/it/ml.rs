//! Predictions, over HTTP.

use pga_web::WebOptions;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::server::Server;

const PREDICT: &str = "/api/v1/ml/predict";
const VALIDATE: &str = "/api/v1/ml/validate";
const TRAIN: &str = "/api/v1/ml/train";

/// A server with one collector, whose statement -5 was called once; and a user's token.
async fn started() -> (Server, String) {
    let server = Server::start(WebOptions::default()).await;
    server.node.know("db-1");
    let body = json!({ "username": "ann", "password": "correct horse" }).to_string();
    let answer = server.post("/api/v1/auth/login", "", body.as_bytes()).await;
    let token = bearer(answer.json()["token"].as_str().unwrap());
    (server, token)
}

fn list(kind: &'static str, rows: &Value) -> (&'static str, String) {
    let body = json!({ "type": kind, "database": "", "timestamp": "2026-01-01T00:00:00Z",
        "changed_only": false, "truncated": false, "rows": rows });
    (kind, body.to_string())
}

#[tokio::test]
async fn features_tell_the_largest_table_as_its_collector_told_it() {
    let (server, token) = started().await;
    "SELECT * FROM lines JOIN kinds USING (kind) WHERE order_id = $1"
        .clone_into(&mut server.node.store.text.lock().unwrap());
    let table = |name: &str, rows: i64, pages: i64| {
        json!({ "schemaname": "public", "relname": name, "relkind": "r", "n_live_tup": rows,
            "n_dead_tup": rows / 3, "reltuples": rows, "relpages": pages,
            "relallvisible": pages / 4, "analyze_count": 1 })
    };
    let index =
        |name: &str| json!({ "schemaname": "public", "relname": "lines", "indexrelname": name });
    let column = |name: &str, width: i64| json!({ "schemaname": "public", "relname": "lines", "attname": name, "avg_width": width });
    *server.node.store.documents.lock().unwrap() = vec![
        list(
            "pg_table",
            &json!([
                table("kinds", 30, 1),
                table("lines", 90_000, 1_024),
                table("x", 1, 9_999)
            ]),
        ),
        list("pg_index", &json!([index("a"), index("b")])),
        list("pg_column", &json!([column("id", 8), column("note", 40)])),
    ];
    let told = server.get("/api/v1/ml/features/-5", &token).await;
    assert_eq!(told.status, 200, "{told:?}");
    let told = told.json();
    let names = [0, 1].map(|at| &told["relations"][at]["name"]);
    assert_eq!(names, ["lines", "kinds"], "{told}");
    for (field, want) in [
        ("table_row_count", json!(90_000.0)),
        ("mean_table_size_mb", json!((1_024.0 + 1.0) / 2.0 / 128.0)),
        ("avg_row_width_bytes", json!(48.0)),
        ("index_count", json!(2.0)),
    ] {
        assert_eq!(told[field], want, "{field}");
    }
    let largest = &told["relations"][0];
    assert_eq!(
        (&largest["dead_share"], &largest["visible_share"]),
        (&json!(0.25), &json!(0.25))
    );
    assert_eq!(
        told["relations"][1]["indexes"], 0.0,
        "a whole list has none of it"
    );
    assert_eq!(told["relations"][1].get("row_width_bytes"), None, "{told}");
}

#[tokio::test]
async fn a_statement_whose_tables_nobody_told_has_none_and_no_zeros() {
    let (server, token) = started().await;
    "SELECT * FROM lines".clone_into(&mut server.node.store.text.lock().unwrap());
    let told = server.get("/api/v1/ml/features/-5", &token).await.json();
    assert_eq!(
        (&told["relations"], &told["index_count"]),
        (&json!([]), &Value::Null)
    );
    for field in [
        "table_row_count",
        "mean_table_size_mb",
        "avg_row_width_bytes",
        "index_scans",
    ] {
        assert_eq!(told.get(field), None, "{field}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_its_name() {
    let (server, token) = started().await;
    for (path, body, status, want) in [
        (PREDICT, "", 400, "query_hash is missing"),
        (
            PREDICT,
            r#"{"query_hash": 0}"#,
            400,
            "query_hash is missing",
        ),
        (PREDICT, r#"{"query_hash": "-5"}"#, 400, "expected i64"),
        (PREDICT, "[", 400, "Invalid request"),
        (PREDICT, r#"{"query_hash": 404}"#, 400, "Query not found"),
        (
            PREDICT,
            r#"{"query_hash": -5, "model_id": "newest"}"#,
            400,
            "model_id is",
        ),
        (
            PREDICT,
            r#"{"query_hash": -5, "parameters": 4}"#,
            400,
            "parameters is no object",
        ),
        (
            PREDICT,
            r#"{"query_hash": -5, "scenario": {"dead_share": 2}}"#,
            400,
            "scenario.dead_share is 2: it is 0 to 1",
        ),
        (
            PREDICT,
            r#"{"query_hash": -5, "scenario": {"table_row_count": "x"}}"#,
            400,
            "scenario.table_row_count is no number",
        ),
        (
            "/api/v1/queries/0/predict-performance",
            "{}",
            400,
            "query hash",
        ),
        (
            "/api/v1/queries/404/predict-performance",
            "{}",
            404,
            "No collector has sent",
        ),
        (VALIDATE, "", 400, "prediction_id is missing"),
        (
            VALIDATE,
            r#"{"prediction_id": "p", "query_hash": 1, "predicted_execution_time_ms": -3, "actual_execution_time_ms": 1}"#,
            400,
            "predicted_execution_time_ms is -3: it is more than 0",
        ),
        (
            VALIDATE,
            r#"{"prediction_id": "p", "query_hash": 1, "predicted_execution_time_ms": 3}"#,
            400,
            "actual_execution_time_ms is missing",
        ),
        (
            VALIDATE,
            r#"{"prediction_id": "p", "query_hash": 1, "predicted_execution_time_ms": 3, "actual_execution_time_ms": 0}"#,
            400,
            "actual_execution_time_ms is 0: it is more than 0",
        ),
        (
            TRAIN,
            r#"{"lookback_days": 0}"#,
            400,
            "lookback_days is 0: it is 1 to 365",
        ),
        (TRAIN, r#"{"lookback_days": "ten"}"#, 400, "expected i64"),
        (
            TRAIN,
            r#"{"model_type": "oracle"}"#,
            400,
            "model_type is \"oracle\"",
        ),
    ] {
        let answer = server.post(path, &token, body.as_bytes()).await;
        let told = answer.json();
        assert_eq!(answer.status, status, "{path} {body}: {told}");
        let text = format!("{} {}", told["message"].as_str().unwrap(), told["details"]);
        assert!(text.contains(want), "{path} {body}: {text}");
    }
    for (path, status) in [
        ("/api/v1/ml/features/0", 400),
        ("/api/v1/ml/features/x", 400),
        ("/api/v1/ml/features/404", 404),
        ("/api/v1/ml/train/training-1", 404),
    ] {
        assert_eq!(server.get(path, &token).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn without_enough_calls_there_is_no_number_and_the_scenario_is_named() {
    let (server, token) = started().await;
    let body = json!({ "query_hash": -5, "scenario": { "table_row_count": 5, "colour": 1 } });
    let answer = server
        .post(PREDICT, &token, body.to_string().as_bytes())
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["insufficient_data"], true, "{told}");
    assert_eq!(
        (&told["predicted_execution_time_ms"], &told["range"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&told["confidence"], told.get("source")),
        (&json!(0.0), None)
    );
    assert_eq!(told["ignored"], json!(["colour", "table_row_count"]));
    let missing = told["missing"][0].as_str().unwrap();
    assert!(missing.ends_with("of 30 calls in 8 days"), "{missing}");
}
