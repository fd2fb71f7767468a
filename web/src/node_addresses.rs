//! Where the nodes of the cluster are, for the web page: it asks another one when its own is away.

use std::time::Duration;

use pga_runtime::Instant;
use tokio::sync::Mutex;

use crate::NodeApi;

/// Addresses are asked for again after this time: nodes seldom join or leave.
const KEPT: Duration = Duration::from_secs(60);
/// Whoever loads the page waits no longer for addresses that are known from before.
const PATIENCE: Duration = Duration::from_millis(300);

/// The addresses of all nodes as they were told last, such as `http://10.0.0.1:8080`.
#[derive(Debug, Default)]
pub(crate) struct NodeAddresses(Mutex<Option<(Instant, Vec<String>)>>);

impl NodeAddresses {
    /// Answers them, at most a minute old if the cluster answers; none if it never did. One caller
    /// at a time asks the cluster.
    pub(crate) async fn of(&self, api: &dyn NodeApi) -> Vec<String> {
        let mut kept = self.0.lock().await;
        let now = pga_runtime::now();
        let known = match &*kept {
            Some((at, known)) if now.duration_since(*at) < KEPT => return known.clone(),
            Some((_, known)) => Some(known.clone()),
            None => None,
        };
        let asked = api.cluster_status();
        let told = match &known {
            Some(_) => tokio::time::timeout(PATIENCE, asked).await.ok(),
            None => Some(asked.await),
        };
        let Some(Ok(status)) = told else {
            return known.unwrap_or_default();
        };
        let found = addresses(&status);
        *kept = Some((now, found.clone()));
        found
    }
}

/// The addresses in a cluster's status that may stand in a policy as they are.
fn addresses(status: &[u8]) -> Vec<String> {
    let status: serde_json::Value = serde_json::from_slice(status).unwrap_or_default();
    let nodes = status.get("nodes").and_then(serde_json::Value::as_array);
    let told = nodes.into_iter().flatten();
    told.filter_map(|node| node.get("http")?.as_str())
        .filter(|address| is_origin(address))
        .map(str::to_owned)
        .collect()
}

/// Whether a text is a scheme, a host and perhaps a port, and nothing that a policy would read as
/// more.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_origins_and_nothing_else() {
        let status = br#"{"nodes": [{"http": "https://db1:8080"}, {"http": "http://[::1]:81"}, {"id": 3},
            {"http": "http://a; script-src *"}, {"http": "data:x"}, {"http": "http://a/b"}, {"http": "https://"}]}"#;
        assert_eq!(addresses(status), ["https://db1:8080", "http://[::1]:81"]);
        assert!(addresses(b"no JSON").is_empty());
    }
}
