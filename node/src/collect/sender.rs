//! Delivers what waits in the spool, one body at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::Full;
use pga_runtime::Instant;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use super::error::CollectError;
use super::identity::Identity;
use super::options::CollectArgs;
use super::spool::Spool;
use pga_client::{
    ClientError, ClientOptions, Endpoint, HttpClient, PushPolicy, PushedOutcome, Pusher,
};

/// After this long without an acknowledgement it is said in the log; the push goes on.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Pause after a refusal that is not about the body.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);
/// How often the token is renewed: it is good for an hour.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);

/// What waits, and a bell for when something is added.
#[derive(Debug)]
pub(super) struct Outgoing {
    spool: Mutex<Spool>,
    added: Notify,
}

impl Outgoing {
    pub(super) fn new(spool: Spool) -> Self {
        Self {
            spool: Mutex::new(spool),
            added: Notify::new(),
        }
    }

    /// Runs `use_it` on the spool.
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&mut Spool) -> T) -> T {
        use_it(&mut self.spool.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the sender that something was added.
    pub(super) fn ring(&self) {
        self.added.notify_one();
    }
}

/// Pushes what was collected.
pub(super) struct Sender {
    collector: String,
    pusher: Pusher,
    nodes: Vec<Endpoint>,
    options: Arc<ClientOptions>,
    state_dir: Option<PathBuf>,
    token: Option<String>,
    renewed: Instant,
}

impl Sender {
    /// Takes the identity of an earlier run, else registers, if there is a secret.
    pub(super) async fn new(args: &CollectArgs) -> Result<Self, CollectError> {
        let mut options =
            ClientOptions::new(args.timeout.min(Duration::from_secs(3)), args.timeout);
        if let Some(path) = &args.ca_file {
            options = options.with_ca_file(path)?;
        }
        let options = Arc::new(options);
        let policy = PushPolicy { give_up: GIVE_UP };
        let pusher = Pusher::new(&args.nodes, 0, &options, policy);
        let mut sender = Self {
            collector: args.collector_id.clone(),
            pusher,
            nodes: args.nodes.clone(),
            options,
            state_dir: args.state_dir.clone(),
            token: None,
            renewed: pga_runtime::now(),
        };
        let kept = match &sender.state_dir {
            Some(dir) => {
                Identity::read(dir).map_err(|error| CollectError::State(dir.clone(), error))?
            }
            None => None,
        };
        match (kept, &args.token, &args.registration_secret) {
            (Some(kept), _, _) => {
                sender.collector = kept.collector_id;
                sender.token = Some(kept.token);
                // It may have ended while the collector was away.
                sender.renew().await;
            }
            (None, Some(token), _) => sender.token = Some(token.clone()),
            (None, None, Some(secret)) => {
                let registered = register(args, &sender.options, secret).await?;
                sender.collector = registered.collector_id;
                sender.token = Some(registered.token);
                sender.keep();
            }
            (None, None, None) => {}
        }
        sender.pusher.set_token(sender.token.clone());
        Ok(sender)
    }

    /// The collector's id, as the cluster knows it.
    pub(super) fn collector(&self) -> &str {
        &self.collector
    }

    /// Delivers what waits, for as long as it runs. A body stays in the spool until it is
    /// acknowledged, or refused for good.
    pub(super) async fn run(mut self, outgoing: Arc<Outgoing>) {
        loop {
            if self.renewed.elapsed() >= RENEW_EVERY {
                self.renew().await;
            }
            match outgoing.with(Spool::next) {
                Some((number, body)) => {
                    if self.push(body).await {
                        outgoing.with(|spool| spool.remove(number));
                    }
                }
                None => outgoing.added.notified().await,
            }
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
            PushedOutcome::Refused { status: 401, .. } if self.renew().await => false,
            PushedOutcome::Refused { status, message } if matches!(status, 401 | 403) => {
                tracing::warn!(
                    status,
                    message,
                    "the cluster does not take this collector: register it anew with a secret"
                );
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

    /// Gets a new token for the one at hand. Answers whether there is one now.
    async fn renew(&mut self) -> bool {
        // Not again at once, whatever comes of it.
        self.renewed = pga_runtime::now();
        let Some(token) = self.token.clone() else {
            return false;
        };
        for node in &self.nodes {
            let mut client = HttpClient::new(node.clone(), Arc::clone(&self.options));
            let path = "/api/v1/collectors/refresh-token";
            let answer = client
                .send(Method::POST, path, Some(&token), Bytes::new())
                .await;
            match answer {
                Ok(answer) if answer.status.is_success() => {
                    let Ok(renewed) = serde_json::from_slice::<Renewed>(&answer.body) else {
                        continue;
                    };
                    self.token = Some(renewed.token);
                    self.pusher.set_token(self.token.clone());
                    self.keep();
                    return true;
                }
                Ok(answer) if answer.status.is_client_error() => {
                    tracing::warn!(status = %answer.status, "the cluster gives no new token");
                    return false;
                }
                Ok(_) | Err(_) => {}
            }
        }
        tracing::debug!("no node renews the token; it is tried again");
        false
    }

    /// Keeps the identity for the next start.
    fn keep(&self) {
        let (Some(dir), Some(token)) = (&self.state_dir, &self.token) else {
            return;
        };
        let identity = Identity {
            collector_id: self.collector.clone(),
            token: token.clone(),
        };
        if let Err(error) = identity.write(dir) {
            tracing::error!(%error, dir = %dir.display(), "the identity cannot be kept");
        }
    }
}

#[derive(Deserialize)]
struct Renewed {
    token: String,
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
