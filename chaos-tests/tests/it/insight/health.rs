//! The page of a server.

use anyhow::{Context, ensure};
use http::Method;

use super::client::Client;

/// The page tells what was found; of a server that was seen for an hour there is no score.
pub(super) async fn health(client: &Client<'_>) -> anyhow::Result<()> {
    let servers = client.get(1, "/servers").await?;
    let id = &servers["data"][0]["id"];
    let path = format!("/servers/{id}/health-report");
    for node in client.cluster.ids() {
        let told = client.get(node, &path).await?;
        ensure!(told["score"].is_null(), "node {node}: {told}");
        let sections = told["sections"].as_array().context("no sections")?;
        for (topic, wanted) in [
            ("costs", "SELECT * FROM lines"),
            ("trouble", "index gone"),
            ("advice", "EXISTS"),
            ("not_seen", "pg_activity_sample"),
        ] {
            let section = sections.iter().find(|one| one["topic"] == topic);
            let section = section.with_context(|| format!("no {topic}: {told}"))?;
            let is_told = section["items"].to_string().contains(wanted);
            ensure!(is_told, "{topic} on node {node}: {section}");
        }
    }
    let path = format!("/api/v1{path}?format=html");
    let sent = client
        .cluster
        .send(2, Method::GET, &path, Some(&client.token), String::new());
    let page = String::from_utf8(sent.await?.body.to_vec())?;
    ensure!(page.starts_with("<!doctype html>"), "{page}");
    ensure!(page.contains("SELECT * FROM lines"), "{page}");
    Ok(())
}
