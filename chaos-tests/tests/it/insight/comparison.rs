//! What statements took in parts of a time, and before and after.

use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::times::ago;

/// Part by part a statement ran as often as in all, and nothing is known of what was not sampled.
pub(super) async fn parts(client: &Client<'_>) -> anyhow::Result<()> {
    for node in client.cluster.ids() {
        let path = "/collectors/db-1/queries/parts?hashes=-7&hours=2";
        let told = client.get(node, path).await?;
        let calls = told["statements"][0]["calls"].as_array();
        let calls = calls.with_context(|| format!("node {node}: {told}"))?;
        let sum: f64 = calls.iter().filter_map(Value::as_f64).sum();
        let is_whole = (sum - 6_000.0).abs() < 0.5 && told["step_seconds"] == 240.0;
        ensure!(is_whole && calls[0].is_null(), "node {node}: {told}");
    }
    Ok(())
}

pub(super) async fn compare(client: &Client<'_>) -> anyhow::Result<()> {
    for (name, from, to) in [("before", 3_500, 1_900), ("after", 1_700, 60)] {
        let body = json!({ "name": name, "from": ago(from), "to": ago(to) });
        client.post(1, "/snapshots", body).await?;
    }
    let listed = client.get(3, "/snapshots").await?;
    ensure!(
        listed["count"] == 2 && listed["snapshots"][0]["name"] == "after",
        "{listed}"
    );
    let path = "/queries/comparison?before_snapshot=1&after_snapshot=2";
    let compared = client.get(2, path).await?;
    let first = &compared["comparisons"][0];
    ensure!(
        first["query_hash"] == -7 && first["improvement_status"] == "degraded",
        "{compared}"
    );
    for (name, wanted) in [("before_mean_time", 20.0), ("after_mean_time", 62.0)] {
        let told = first[name].as_f64().unwrap_or_default();
        // A difference that reaches over the end of the window counts by its share.
        ensure!((told - wanted).abs() < 0.1, "{name}: {first}");
    }
    ensure!(compared["degraded_count"] == 1, "{compared}");
    ensure!(compared["unchanged_count"] == 1, "{compared}");
    let path = "/queries/9/comparison?before_snapshot=1&after_snapshot=2";
    let one = client.get(3, path).await?;
    ensure!(
        one["comparison"]["improvement_status"] == "unchanged",
        "{one}"
    );
    let path = "/queries/comparison?before_snapshot=1&after_snapshot=99";
    let (status, _) = client.ask(1, Method::GET, path, &Value::Null).await?;
    ensure!(status == 404, "an unknown snapshot: {status}");
    delete_snapshot(client).await
}

/// A deleted snapshot is gone on every node, and what names it says so.
async fn delete_snapshot(client: &Client<'_>) -> anyhow::Result<()> {
    let body = json!({ "name": "wrong", "from": ago(90), "to": ago(60) });
    let made = client.post(2, "/snapshots", body).await?;
    ensure!(made["id"] == 3, "{made}");
    let deleted = client.ask(3, Method::DELETE, "/snapshots/3", &Value::Null);
    let (status, answer) = deleted.await?;
    ensure!(status == 200, "{status} {answer}");
    for node in 1..=3 {
        for (method, path) in [
            (Method::DELETE, "/snapshots/3"),
            (
                Method::GET,
                "/queries/comparison?before_snapshot=1&after_snapshot=3",
            ),
        ] {
            let (status, answer) = client.ask(node, method, path, &Value::Null).await?;
            ensure!(status == 404, "{path} at {node}: {status}");
            ensure!(answer["message"] == "There is no snapshot 3", "{answer}");
        }
    }
    Ok(())
}
