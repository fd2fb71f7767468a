//! Pushes what was collected, one body at a time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::{CollectArgs, CollectError};
use crate::client::{ClientError, ClientOptions, HttpClient, PushPolicy, PushedOutcome, Pusher};

/// After this long without an acknowledgement it is said in the log; the push goes on.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Pause after a refusal that is not about the body.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// Pushes what was collected.
pub(super) struct Sender {
    collector: String,
    pusher: Pusher,
}

impl Sender {
    /// Registers first, if there is a secret.
    pub(super) async fn new(args: &CollectArgs) -> Result<Self, CollectError> {
        let mut options =
            ClientOptions::new(args.timeout.min(Duration::from_secs(3)), args.timeout);
        if let Some(path) = &args.ca_file {
            options = options.with_ca_file(path)?;
        }
        let options = Arc::new(options);
        let policy = PushPolicy { give_up: GIVE_UP };
        let mut pusher = Pusher::new(&args.nodes, 0, &options, policy);
        let mut collector = args.collector_id.clone();
        let mut token = args.token.clone();
        if let (None, Some(secret)) = (&token, &args.registration_secret) {
            let registered = register(args, &options, secret).await?;
            collector = registered.collector_id;
            token = Some(registered.token);
        }
        pusher.set_token(token);
        Ok(Self { collector, pusher })
    }

    /// The collector's id, as the cluster knows it.
    pub(super) fn collector(&self) -> &str {
        &self.collector
    }

    /// Pushes each body until it is acknowledged or refused for good, in their order.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Bytes>) {
        while let Some(body) = waiting.recv().await {
            while !self.push(body.clone()).await {}
        }
    }

    /// Whether the body is done with.
    async fn push(&mut self, body: Bytes) -> bool {
        let pushed = self.pusher.push(body).await;
        match pushed.outcome {
            PushedOutcome::Acknowledged { position, .. } => {
                tracing::debug!(%position, elapsed = ?pushed.latency, "pushed");
                true
            }
            PushedOutcome::Refused { status, message } if matches!(status, 401 | 403) => {
                tracing::warn!(status, message, "the cluster does not take this collector");
                tokio::time::sleep(REFUSED_PAUSE).await;
                false
            }
            PushedOutcome::Refused { status, message } => {
                tracing::error!(status, message, "a cycle was refused and is dropped");
                true
            }
            PushedOutcome::Unknown { reason } => {
                tracing::warn!(
                    error = reason,
                    attempts = pushed.attempts,
                    "no node takes the push"
                );
                false
            }
        }
    }
}

#[derive(Deserialize)]
struct Registered {
    collector_id: String,
    token: String,
}

async fn register(
    args: &CollectArgs,
    options: &Arc<ClientOptions>,
    secret: &str,
) -> Result<Registered, CollectError> {
    let hostname = args.hostname();
    let body = json!({"name": args.collector_id, "hostname": hostname, "version": env!("CARGO_PKG_VERSION")});
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
                return serde_json::from_slice(&answer.body)
                    .map_err(|error| CollectError::Registration(error.to_string()));
            }
            Ok(answer) => failure = CollectError::Registration(answer.text_start()),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}
