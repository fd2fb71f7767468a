//! The advised indexes that the cluster wants the planner asked about.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use pga_client::{ClientOptions, Endpoint, HttpClient};
use pga_collector::IndexCandidate;
use serde::Deserialize;

use super::pull::encoded;

#[derive(Deserialize)]
struct Answer {
    data: Vec<IndexCandidate>,
}

/// What the first node says that answers; `None` if none does, or it knows no such question, as
/// older ones.
pub(super) async fn fetch(
    collector: &str,
    token: Option<&str>,
    nodes: &[Endpoint],
    options: &Arc<ClientOptions>,
) -> Option<Vec<IndexCandidate>> {
    let path = format!("/api/v1/collectors/{}/index-candidates", encoded(collector));
    for node in nodes {
        let mut client = HttpClient::new(node.clone(), Arc::clone(options));
        match client.send(Method::GET, &path, token, Bytes::new()).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let read = serde_json::from_slice::<Answer>(&answer.body);
                return read.ok().map(|answer| answer.data);
            }
            Ok(answer) if answer.status.is_server_error() => {}
            Ok(_) => return None,
            Err(error) => tracing::debug!(%error, "no indexes to try are told"),
        }
    }
    None
}
