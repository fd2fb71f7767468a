//! A statement that is slower since its plan changed.

use anyhow::ensure;
use serde_json::json;

use super::client::{Client, fires};

pub(super) async fn plan_regressions(client: &Client<'_>) -> anyhow::Result<()> {
    let done = client.judge(3, "/plan-regressions/detect").await?;
    ensure!(done["found"] == 1 && done["plans_read"] == 5, "{done}");
    for node in client.cluster.ids() {
        let listed = client.get(node, "/plan-regressions").await?;
        let one = &listed["plan_regressions"][0];
        ensure!(
            listed["total"] == 1 && one["query_hash"] == -7,
            "node {node}: {listed}"
        );
        ensure!(one["cause"]["kind"] == "index_gone", "{one}");
        ensure!(one["pivot"]["is"] == "Seq Scan on lines", "{one}");
        let after = one["after_ms"].as_f64().unwrap_or_default();
        ensure!((after - 62.0).abs() < 1.0, "{one}");
    }
    let labels = fires(client, 1, "Q2").await?;
    ensure!(
        labels["statement"] == "-7" && labels["database"] == "shop",
        "{labels}"
    );
    let dry = client
        .post(2, "/alert-rules/dry-run", json!({ "key": "Q2" }))
        .await?;
    ensure!(dry["fired"] == 1, "{dry}");
    // Asked again, the same is not found again.
    let again = client.judge(1, "/plan-regressions/detect").await?;
    ensure!(again["found"] == 0, "{again}");
    let none = client.get(1, "/queries/9/plan-regressions").await?;
    ensure!(
        none["count"] == 0,
        "the same time with another plan: {none}"
    );
    Ok(())
}
