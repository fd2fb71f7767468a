//! How long a statement will take.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::until;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{Client, push_all};
use super::grown;

/// How long what was stored may take to be read elsewhere.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn predictions(client: &Client<'_>) -> anyhow::Result<()> {
    let body = json!({ "query_hash": 11 });
    let before = client.post(2, "/ml/predict", body.clone()).await?;
    ensure!(before["source"] == "fallback", "{before}");
    push_all(client.cluster, "grown", grown::grown()).await?;
    let begun = client.post(1, "/ml/train", json!({})).await?;
    let id = begun["job_id"].as_str().context("no job")?.to_owned();
    let (status, shown) = client
        .ask(1, Method::GET, &format!("/ml/train/{id}"), &Value::Null)
        .await?;
    ensure!(status == 200, "it is shown at once: {status} {shown}");
    let again = client.post(1, "/ml/train", json!({})).await?;
    ensure!(again["job_id"] == id.as_str(), "one at a time: {again}");
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
    sizes(client).await
}

/// What is known of the table is what its collector told last, on every node; a table of ten times
/// the rows takes longer.
async fn sizes(client: &Client<'_>) -> anyhow::Result<()> {
    // Another hour may begin meanwhile; nothing is told of it.
    let told = client.get(1, "/ml/features/-12").await?;
    let rows = told["table_row_count"].as_f64().context("no rows")?;
    let last = [grown::now(), grown::now() - 3_600].map(|hour| grown::rows(hour) as f64);
    ensure!(last.contains(&rows), "{told}, and not {last:?}");
    for node in client.cluster.ids() {
        let told = client.get(node, "/ml/features/-12").await?;
        let relation = &told["relations"][0];
        ensure!(
            relation["name"] == "grown" && relation["rows"] == rows && relation["indexes"] == 1.0,
            "{told}"
        );
        ensure!(told["avg_row_width_bytes"] == 60.0, "{told}");
    }
    let asked = |scenario: Value| json!({ "query_hash": -12, "scenario": scenario });
    let now = client.post(2, "/ml/predict", asked(json!({}))).await?;
    ensure!(now["source"] == "native", "{now}");
    ensure!(now["features"]["relation_rows"] == rows, "{now}");
    let many = asked(json!({ "table_row_count": rows * 10.0 }));
    let many = client.post(3, "/ml/predict", many).await?;
    let ms = |told: &Value| told["predicted_execution_time_ms"].as_f64();
    let (now, many) = ms(&now).zip(ms(&many)).context("no number")?;
    // A call takes a millisecond for each 1,000 rows. In nine days of two statements, one of which
    // has no table, the model is careful: what it learns of sizes is shrunk.
    ensure!((2.0..20.0).contains(&(many / now)), "{now} to {many} ms");
    let want = rows / 1_000.0;
    ensure!(
        (0.2..5.0).contains(&(now / want)),
        "{now} and not {want} ms"
    );
    Ok(())
}
