//! An alert and its notifications, with real processes and a real receiver, while leaders are
//! killed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Longest time from an element to what is told of it: a rule is evaluated every ten seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Takes what is sent to it: the key and the body of each request.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    /// Requests that are refused with 503 before one is taken.
    refuse: Arc<Mutex<u32>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    pub(crate) async fn start(&self) -> anyhow::Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let receiver = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = receiver.clone();
                tokio::spawn(async move { receiver.serve(stream).await });
            }
        });
        Ok(port)
    }

    async fn serve(&self, stream: tokio::net::TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let (mut length, mut key) = (0, String::new());
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let refused = {
            let mut refuse = held(&self.refuse);
            let refused = *refuse > 0;
            *refuse = refuse.saturating_sub(1);
            refused
        };
        if !refused {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            held(&self.taken).push((key, body));
        }
        let status = if refused { "503 Busy" } else { "204 Taken" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()
    }

    /// How many of the bodies that were taken are like this.
    pub(crate) fn count(&self, is_like: impl Fn(&Value) -> bool) -> usize {
        held(&self.taken)
            .iter()
            .filter(|(_, body)| is_like(body))
            .count()
    }

    /// What was taken, each key once: status of the message, and of each alert.
    fn told(&self) -> Vec<String> {
        let taken = held(&self.taken);
        let mut keys = Vec::new();
        let mut told = Vec::new();
        for (key, body) in &*taken {
            if keys.contains(key) {
                continue;
            }
            keys.push(key.clone());
            let alerts = body["alerts"].as_array().into_iter().flatten();
            told.extend(alerts.map(|alert| {
                let word = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
                format!("{} {}", word("rule"), word("status"))
            }));
        }
        told
    }
}

pub(crate) async fn change(
    cluster: &Cluster,
    id: u64,
    path: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let token = cluster.login(id).await?;
    let answer = cluster
        .send(id, Method::POST, path, Some(&token), body.to_string())
        .await?;
    ensure!(
        answer.status.is_success(),
        "{path}: {}",
        answer.text_start()
    );
    Ok(serde_json::from_slice(&answer.body)?)
}

/// A sequence that has used this share of its column, read now.
pub(crate) async fn sequence(
    cluster: &Cluster,
    id: u64,
    name: &str,
    share: f64,
) -> anyhow::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let push = json!({
        "collector_id": "alerts-db", "hostname": "alerts-db", "timestamp": now.as_secs(),
        "metrics": [{
            "type": "pg_sequence", "database": "app", "timestamp": now.as_secs(), "changed_only": false,
            "rows": [{
                "schema": "public", "name": name, "table_name": "t", "column_name": "id",
                "column_type": "integer", "last_value": 1, "used_share": share, "cycle": false,
            }],
        }],
    });
    cluster.push_ok(id, push.to_string()).await.map(drop)
}

/// The alerts of the sequence: rule, state, how often it fired.
async fn alerts(cluster: &Cluster, id: u64) -> anyhow::Result<Vec<(u64, String, u64)>> {
    let list = cluster
        .get_json(id, "/api/v1/alerts?rule=S1.near&page_size=100")
        .await?;
    let alerts = list["data"].as_array().context("no list")?.iter();
    let alerts = alerts.map(|alert| {
        let state = alert["state"].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| alert[name].as_u64().unwrap_or_default();
        (number("id"), state, number("incident"))
    });
    Ok(alerts.collect())
}

async fn wait_told(receiver: &Receiver, want: &[&str]) -> anyhow::Result<()> {
    until(&format!("{want:?} is told"), LIMIT, async || {
        let told = receiver.told();
        if told == want { Ok(()) } else { Err(told) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_outlives_its_leader_and_each_turn_is_told_once() -> anyhow::Result<()> {
    let receiver = Receiver::default();
    let port = receiver.start().await?;
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let first = cluster.leader().await?;
    let channel = json!({
        "name": "test", "kind": "webhook", "settings": { "url": format!("http://127.0.0.1:{port}/hook") },
        "matchers": [{ "label": "rule", "value": "S1" }], "group_wait_seconds": 0, "group_interval_seconds": 0,
    });
    change(&cluster, first, "/api/v1/channels", &channel).await?;
    let tested = change(&cluster, first, "/api/v1/channels/1/test", &json!({})).await?;
    ensure!(tested["success"] == json!(true), "{tested}");
    wait_told(&receiver, &["TEST firing"]).await?;

    // The receiver is away for two attempts; then it is told once.
    *held(&receiver.refuse) = 2;
    sequence(&cluster, first, "s", 0.9999).await?;
    wait_told(&receiver, &["TEST firing", "S1 firing"]).await?;
    let before = alerts(&cluster, first).await?;
    ensure!(before.len() == 1 && before[0].1 == "firing", "{before:?}");

    cluster.kill(first).await?;
    let second = cluster.leader().await?;
    ensure!(second != first, "another leads");
    let after = alerts(&cluster, second).await?;
    ensure!(after == before, "{after:?} after {before:?}");
    // Through some evaluations of the new leader nothing is told again.
    tokio::time::sleep(Duration::from_secs(25)).await;
    ensure!(receiver.told().len() == 2, "{:?}", receiver.told());
    let after = alerts(&cluster, second).await?;
    ensure!(after == before, "{after:?} after {before:?}");

    cluster.restart(first).await?;
    sequence(&cluster, second, "s", 0.1).await?;
    wait_told(&receiver, &["TEST firing", "S1 firing", "S1 resolved"]).await?;
    let notifications = cluster.get_json(second, "/api/v1/notifications").await?;
    let states: Vec<_> = notifications["data"]
        .as_array()
        .context("a list")?
        .iter()
        .collect();
    ensure!(states.len() == 2, "{notifications}");
    ensure!(
        states.iter().all(|one| one["state"] == "sent"),
        "{notifications}"
    );
    ensure!(
        states[1]["attempts"].as_array().map(Vec::len) == Some(3),
        "{notifications}"
    );
    Ok(())
}
