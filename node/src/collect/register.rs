//! How a collector becomes known to the cluster.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::Full;
use pga_client::{ClientError, ClientOptions, HttpClient};
use serde::Deserialize;
use serde_json::json;

use super::error::CollectError;
use super::identity::{Certificate, Identity};
use super::options::CollectArgs;
use super::watched::Watched;

#[derive(Deserialize)]
struct Registered {
    collector_id: String,
    token: String,
    certificate: Option<String>,
    private_key: Option<String>,
}

/// Registers the collector of a server with a secret, at whichever node answers.
///
/// # Errors
/// If no node answers, or the cluster does not take it.
pub(super) async fn register(
    args: &CollectArgs,
    watched: &Watched,
    options: &Arc<ClientOptions>,
    secret: &str,
) -> Result<Identity, CollectError> {
    let body = json!({
        "name": watched.collector_id,
        "hostname": watched.hostname,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let body = Bytes::from(body.to_string());
    let mut failure = CollectError::Options("--nodes: write at least one address".to_owned());
    for node in &args.nodes {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/collectors/register")
            .header(CONTENT_TYPE, "application/json")
            .header("X-Registration-Secret", secret)
            .body(Full::new(body.clone()))
            .map_err(ClientError::from)?;
        match HttpClient::new(node.clone(), Arc::clone(options))
            .send_request(request)
            .await
        {
            Ok(answer) if answer.status.is_success() => {
                let registered: Registered = serde_json::from_slice(&answer.body)
                    .map_err(|error| CollectError::Registration(error.to_string()))?;
                return Ok(Identity {
                    collector_id: registered.collector_id,
                    token: registered.token,
                    certificate: registered.certificate.zip(registered.private_key).map(
                        |(certificate, private_key)| Certificate {
                            certificate,
                            private_key,
                        },
                    ),
                });
            }
            Ok(answer) => failure = CollectError::Registration(answer.text_start()),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}
