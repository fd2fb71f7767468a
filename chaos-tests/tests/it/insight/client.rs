//! Asks nodes what was found, as a user does.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, until};
use serde_json::{Value, json};

use super::times::ago;
use crate::bodies::position;

/// How long an alert may take to fire.
const ALERT: Duration = Duration::from_secs(60);
/// Under which the cluster keeps what it finds.
pub(super) const OWN: &str = "7067616e-616c-8974-8963-7366696e6473";

pub(crate) struct Client<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) token: String,
}

impl Client<'_> {
    pub(crate) async fn ask(
        &self,
        node: u64,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<(u16, Value)> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self
            .cluster
            .send(
                node,
                method,
                &format!("/api/v1{path}"),
                Some(&self.token),
                body,
            )
            .await?;
        let value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok((answer.status.as_u16(), value))
    }

    pub(crate) async fn get(&self, node: u64, path: &str) -> anyhow::Result<Value> {
        let (status, value) = self.ask(node, Method::GET, path, &Value::Null).await?;
        ensure!(status == 200, "{path}: {status} {value}");
        Ok(value)
    }

    pub(crate) async fn post(&self, node: u64, path: &str, body: Value) -> anyhow::Result<Value> {
        let (status, value) = self.ask(node, Method::POST, path, &body).await?;
        ensure!(status < 300, "{path}: {status} {value}");
        Ok(value)
    }

    /// Has an analysis run, and waits until every node's store holds what it found.
    pub(crate) async fn judge(&self, node: u64, path: &str) -> anyhow::Result<Value> {
        self.judge_with(node, path, String::new()).await
    }

    pub(crate) async fn judge_with(
        &self,
        node: u64,
        path: &str,
        body: String,
    ) -> anyhow::Result<Value> {
        let path = format!("/api/v1{path}");
        let answer = self
            .cluster
            .send(node, Method::POST, &path, Some(&self.token), body)
            .await?;
        ensure!(
            answer.status.is_success(),
            "{path}: {}",
            answer.text_start()
        );
        let position = answer.headers.get("x-pganalytics-position");
        let position = position.context("no position")?.to_str()?;
        for node in self.cluster.ids() {
            self.cluster.elements(node, OWN, Some(position)).await?;
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

/// Waits until the alert rule fires; the labels of the newest of its alerts.
pub(super) async fn fires(client: &Client<'_>, node: u64, rule: &str) -> anyhow::Result<Value> {
    let path = format!("/alerts?rule={rule}");
    let fires = async || {
        let listed = client.get(node, &path).await;
        let listed = listed.map_err(|error| error.to_string())?;
        let one = &listed["data"][0];
        match one["state"] == "firing" {
            true => Ok(one["labels"].clone()),
            false => Err(listed.to_string()),
        }
    };
    until(&format!("{rule} fires"), ALERT, fires).await
}

pub(crate) async fn push_all(
    cluster: &Cluster,
    id: &str,
    metrics: Vec<Value>,
) -> anyhow::Result<()> {
    let mut last = None;
    for (part, node) in metrics.chunks(400).zip(cluster.ids().into_iter().cycle()) {
        let push = json!({ "collector_id": id, "hostname": id, "version": "3.0.0",
            "timestamp": ago(0), "metrics_count": part.len(), "metrics": part });
        last = Some(position(&cluster.push_ok(node, push.to_string()).await?)?);
    }
    let last = last.context("nothing was pushed")?;
    for node in cluster.ids() {
        cluster.elements(node, id, Some(&last)).await?;
    }
    Ok(())
}
