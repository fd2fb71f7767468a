//! How long a statement will take.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::until;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::Client;

/// How long what was stored may take to be read elsewhere.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn predictions(client: &Client<'_>) -> anyhow::Result<()> {
    let body = json!({ "query_hash": 11 });
    let before = client.post(2, "/ml/predict", body.clone()).await?;
    ensure!(before["source"] == "fallback", "{before}");
    let begun = client.post(1, "/ml/train", json!({})).await?;
    let id = begun["job_id"].as_str().context("no job")?.to_owned();
    let path = format!("/ml/train/{id}");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (status, job) = client.ask(2, Method::GET, &path, &Value::Null).await?;
        if status == 200 && job["status"] == "completed" {
            break;
        }
        let is_late = Instant::now() > deadline;
        ensure!(!is_late && job["status"] != "failed", "{status} {job}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The store of another node may be a moment behind.
    let told = until("node 3 knows the model", LIMIT, async || {
        let told = client.post(3, "/ml/predict", body.clone()).await;
        let told = told.map_err(|error| format!("{error:#}"))?;
        match told["source"] == "native" && told["model_version"] == 1 {
            true => Ok(told),
            false => Err(told.to_string()),
        }
    })
    .await?;
    let (low, high) = (&told["range"]["min"], &told["range"]["max"]);
    let value = told["predicted_execution_time_ms"].as_f64();
    ensure!(low.as_f64() <= value && value <= high.as_f64(), "{told}");
    ensure!(
        value.is_some_and(|value| (9.0..36.0).contains(&value)),
        "{told}"
    );
    let body = json!({ "prediction_id": told["prediction_id"], "query_hash": 11,
        "predicted_execution_time_ms": value, "actual_execution_time_ms": value });
    let checked = client.post(1, "/ml/validate", body).await?;
    ensure!(checked["within_confidence_interval"] == true, "{checked}");
    let (status, _) = client
        .ask(
            1,
            Method::POST,
            "/ml/predict",
            &json!({ "query_hash": 404 }),
        )
        .await?;
    ensure!(status == 400, "an unknown statement: {status}");
    Ok(())
}
