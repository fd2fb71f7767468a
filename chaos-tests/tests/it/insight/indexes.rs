//! Index advice: found, tried, dismissed, and found again by another leader.

use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::times::ago;
use crate::bodies::position;

pub(super) async fn indexes(client: &Client<'_>) -> anyhow::Result<()> {
    let path = "/databases/shop/index-recommendations";
    let done = client.judge(1, &format!("{path}/generate")).await?;
    ensure!(done["recommendations_generated"] == 1, "{done}");
    for node in client.cluster.ids() {
        let listed = client.get(node, path).await?;
        let statement = &listed["recommendations"][0]["create_statement"];
        let wanted = "CREATE INDEX CONCURRENTLY lines_order_id_idx ON public.lines (order_id);";
        ensure!(statement == wanted, "node {node}: {listed}");
        let whole = listed["total"] == 1 && listed["truncated"] == false;
        ensure!(whole, "node {node}: {listed}");
    }
    tried(client, path).await?;
    let id = client.get(2, path).await?["recommendations"][0]["id"].clone();
    let dismiss = format!("/index-recommendations/{id}/dismiss");
    client
        .post(2, &dismiss, json!({ "reason": "the table goes" }))
        .await?;
    // Found again, it stays dismissed.
    client.judge(3, &format!("{path}/generate")).await?;
    let listed = client.get(3, path).await?;
    ensure!(listed["count"] == 0, "{listed}");
    let all = client
        .get(3, &format!("{path}?include_dismissed=true"))
        .await?;
    let reason = &all["recommendations"][0]["dismissed_reason"];
    ensure!(reason == "the table goes", "{all}");
    for (path, wanted) in [
        ("/databases/nowhere/index-recommendations/generate", 404),
        ("/index-recommendations/12/dismiss", 404),
        ("/index-recommendations/twelve/dismiss", 400),
        ("/queries/12345/rewrite-suggestions/generate", 404),
    ] {
        let (status, value) = client.ask(1, Method::POST, path, &Value::Null).await?;
        ensure!(status == wanted, "{path}: {status} {value}");
    }
    Ok(())
}

/// A collector is told what to try, and what it tells makes the advice surer.
async fn tried(client: &Client<'_>, path: &str) -> anyhow::Result<()> {
    let told = client.get(3, "/collectors/db-1/index-candidates").await?;
    let one = &told["data"][0];
    ensure!(told["count"] == 1 && one["query_hashes"][0] == -7, "{told}");
    let check = json!({ "type": "pg_index_check", "timestamp": ago(0), "database": "shop",
        "create_statement": one["create_statement"], "size_bytes": 1,
        "rows": [{ "query_hash": -7, "cost_before": 30_000.0, "cost_after": 8.0, "is_used": true }] });
    let push = json!({ "collector_id": "db-1", "hostname": "db-1", "version": "3.0.0",
        "timestamp": ago(0), "metrics_count": 1, "metrics": [check] });
    let answer = client.cluster.push_ok(2, push.to_string()).await?;
    let position = position(&answer)?;
    client.cluster.elements(1, "db-1", Some(&position)).await?;
    client.judge(1, &format!("{path}/generate")).await?;
    let listed = client.get(1, path).await?;
    let advice = &listed["recommendations"][0];
    let evidence = advice["evidence"].to_string();
    ensure!(advice["confidence_score"] == 0.9, "{listed}");
    ensure!(evidence.contains("falls from 30000 to 8"), "{listed}");
    Ok(())
}

/// A job that a lost leader began is run again, and what both have found is told once.
pub(super) async fn begun_anew(client: &Client<'_>, node: u64) -> anyhow::Result<()> {
    let done = client
        .post(node, "/jobs/index-advice/run", Value::Null)
        .await?;
    ensure!(done["found"] == 1, "{done}");
    let path = "/databases/shop/index-recommendations?include_dismissed=true";
    let listed = client.get(node, path).await?;
    ensure!(listed["total"] == 1, "{listed}");
    let jobs = client.get(node, "/jobs").await?;
    let rows = jobs["jobs"].as_array().context("no jobs")?;
    let job = rows.iter().find(|job| job["name"] == "index-advice");
    let job = job.context("no such job")?;
    ensure!(
        job["found"] == 1 && job["error"].is_null() && job["cuts"] == json!([]),
        "{job}"
    );
    Ok(())
}
