//! Statements that can be written better, and what is to be done on a server.

use anyhow::ensure;
use http::Method;
use serde_json::{Value, json};

use super::client::{Client, OWN};

pub(super) async fn rewrites(client: &Client<'_>) -> anyhow::Result<()> {
    client
        .judge(2, "/queries/9/rewrite-suggestions/generate")
        .await?;
    let listed = client.get(1, "/queries/9/rewrite-suggestions").await?;
    let rewritten = listed[0]["suggested_rewrite"].as_str().unwrap_or_default();
    ensure!(rewritten.contains("EXISTS"), "{listed}");
    ensure!(
        listed[0]["suggestion_type"] == "subquery_optimization",
        "{listed}"
    );
    let none = client.get(1, "/queries/-7/rewrite-suggestions").await?;
    ensure!(none == json!([]), "{none}");
    Ok(())
}

/// All that is to be done, and what is to be done on one server.
pub(super) async fn recommended(client: &Client<'_>) -> anyhow::Result<()> {
    let done = client.judge(3, "/jobs/rewrites/run").await?;
    ensure!(done["found"] == 1, "{done}");
    let all = client.get(2, "/optimization-recommendations").await?;
    let sources: Vec<_> = all.as_array().into_iter().flatten().collect();
    ensure!(
        sources.len() == 1 && sources[0]["source_type"] == "rewrite",
        "{all}"
    );
    for (server, count) in [(&sources[0]["collector_id"], 1), (&json!(OWN), 0)] {
        let id = server.as_str().unwrap_or_default();
        let path = format!("/optimization-recommendations?collector_id={id}");
        let of_server = client.get(1, &path).await?;
        ensure!(
            of_server.as_array().map(Vec::len) == Some(count),
            "{of_server}"
        );
    }
    let path = "/optimization-recommendations?min_position=nonsense";
    let (status, value) = client.ask(2, Method::GET, path, &Value::Null).await?;
    ensure!(status == 400, "{path}: {status} {value}");
    Ok(())
}
