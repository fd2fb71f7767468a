//! One push, to whichever node takes it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::Full;
use pga_runtime::Backoff;
use pga_storage::Position;
use serde::Deserialize;

use crate::clock_reading::ClockReading;
use crate::compression::{Encoding, takes_zstd};
use crate::{Answer, ClientError, ClientOptions, Endpoint, HttpClient};

const PUSH_PATH: &str = "/api/v1/metrics/push";
/// First pause after every node has refused or failed once, and its largest value.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(1),
};
/// Longest time a `Retry-After` is obeyed for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long a push is tried for.
#[derive(Clone, Copy, Debug)]
pub struct PushPolicy {
    /// After this long without an acknowledgement the push counts as failed, its outcome as
    /// unknown.
    pub give_up: Duration,
}

/// What became of a push.
#[derive(Debug)]
pub struct Pushed {
    /// How it ended.
    pub outcome: PushedOutcome,
    /// How many requests it took.
    pub attempts: u32,
    /// From the first request to the acknowledgement, or to giving up.
    pub latency: Duration,
    /// How the body of the last request was encoded.
    pub encoding: Encoding,
    /// Bytes of that body.
    pub body_bytes: u64,
    /// What the last answer says about the clocks; `None` if there was no answer.
    pub clock: Option<ClockReading>,
}

/// What a node asks of a collector beside its pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// The version of the configuration that it is to have, 0 for none; `None` if the node does not
    /// say, as older ones do for the first version.
    pub config_version: Option<u64>,
}

/// How a push ended.
#[derive(Debug)]
pub enum PushedOutcome {
    /// Durable on a quorum.
    Acknowledged {
        /// The log entry that committed it.
        position: Position,
        /// Elements this request added.
        accepted: u64,
        /// Elements an earlier request had added.
        repeated: u64,
        /// What the node asks for.
        next: Next,
    },
    /// Refused for good by the first request, so certainly without effect.
    Refused {
        /// HTTP status, 4xx.
        status: u16,
        /// Start of the answer's body.
        message: String,
    },
    /// Never acknowledged; may have taken effect.
    Unknown {
        /// The last failure.
        reason: String,
    },
}

#[derive(Deserialize)]
struct PushAnswer {
    position: Position,
    #[serde(default)]
    metrics_inserted: u64,
    #[serde(default)]
    metrics_repeated: u64,
    next_config_version: Option<u64>,
}

enum Attempt {
    Done(PushedOutcome),
    Again {
        reason: String,
        after: Option<Duration>,
    },
}

/// Pushes bodies to one of several nodes: the same body goes to the next node until one
/// acknowledges it.
///
/// Safe to repeat, since repeated elements are found by the cluster (DEDUP-1). It stays with the
/// node that answered.
pub struct Pusher {
    nodes: Vec<Node>,
    current: usize,
    policy: PushPolicy,
    token: Option<String>,
    compresses: bool,
}

/// A node, and what it has said of itself.
#[derive(Debug)]
struct Node {
    client: HttpClient,
    takes_zstd: bool,
}

/// What was sent last, and what is known from its answer.
#[derive(Debug)]
struct Sent {
    encoding: Encoding,
    body: Bytes,
    clock: Option<ClockReading>,
}

impl Pusher {
    /// `first` picks the node to begin with, modulo their number, so that many pushers spread.
    pub fn new(
        nodes: &[Endpoint],
        first: usize,
        options: &Arc<ClientOptions>,
        policy: PushPolicy,
    ) -> Self {
        let node = |node: &Endpoint| Node {
            client: HttpClient::new(node.clone(), Arc::clone(options)),
            takes_zstd: false,
        };
        Self {
            nodes: nodes.iter().map(node).collect(),
            current: first % nodes.len().max(1),
            policy,
            token: None,
            compresses: false,
        }
    }

    /// Compresses bodies: by zstd for a node that has said that it takes it, else by gzip.
    #[must_use]
    pub fn compressing(mut self) -> Self {
        self.compresses = true;
        self
    }

    /// Sends this bearer token from now on.
    pub fn set_token(&mut self, token: Option<String>) {
        self.token = token;
    }

    /// Connects with these options from now on.
    pub fn set_options(&mut self, options: &Arc<ClientOptions>) {
        for node in &mut self.nodes {
            node.client.set_options(Arc::clone(options));
        }
    }

    /// Which node the next push goes to first.
    pub fn current(&self) -> Option<&Endpoint> {
        let node = self.nodes.get(self.current);
        node.map(|node| node.client.endpoint())
    }

    /// Pushes `body` (JSON; in any encoding the contract allows, if the pusher does not compress)
    /// until it is acknowledged, refused, or given up. Dropped before its end, the outcome is
    /// unknown.
    pub async fn push(&mut self, body: Bytes) -> Pushed {
        let begun = pga_runtime::now();
        let mut attempts = 0;
        let mut rounds = 0;
        let mut sent = Sent {
            encoding: Encoding::Plain,
            body: body.clone(),
            clock: None,
        };
        let outcome = loop {
            attempts += 1;
            sent.encode(&body, self.encoding()).await;
            let (reason, after) = match self.attempt(&mut sent, attempts == 1).await {
                Attempt::Done(outcome) => break outcome,
                Attempt::Again { reason, after } => (reason, after),
            };
            self.current = (self.current + 1) % self.nodes.len().max(1);
            let mut wait = Duration::ZERO;
            if (attempts as usize).is_multiple_of(self.nodes.len().max(1)) {
                rounds += 1;
                wait = BACKOFF
                    .pause(rounds)
                    .max(after.unwrap_or_default().min(MAX_RETRY_AFTER));
            }
            if begun.elapsed() + wait >= self.policy.give_up {
                break PushedOutcome::Unknown { reason };
            }
            tokio::time::sleep(wait).await;
        };
        Pushed {
            outcome,
            attempts,
            latency: begun.elapsed(),
            encoding: sent.encoding,
            body_bytes: sent.body.len() as u64,
            clock: sent.clock,
        }
    }

    /// The encoding for the node that is next.
    fn encoding(&self) -> Encoding {
        match self.nodes.get(self.current) {
            Some(node) if self.compresses && node.takes_zstd => Encoding::Zstd,
            Some(_) if self.compresses => Encoding::Gzip,
            Some(_) | None => Encoding::Plain,
        }
    }

    async fn attempt(&mut self, sent: &mut Sent, is_first: bool) -> Attempt {
        let Some(node) = self.nodes.get_mut(self.current) else {
            return Attempt::Again {
                reason: "no nodes".to_owned(),
                after: None,
            };
        };
        let begun = pga_runtime::unix_time();
        let answer = match request(self.token.as_deref(), sent) {
            Ok(request) => node.client.send_request(request).await,
            Err(error) => Err(error.into()),
        };
        if let Ok(answer) = &answer {
            node.takes_zstd = takes_zstd(&answer.headers);
            sent.clock = ClockReading::of(&answer.headers, begun, pga_runtime::unix_time());
        }
        judge(answer, is_first)
    }
}

impl Sent {
    /// Encodes the body, unless it is in that encoding already.
    async fn encode(&mut self, body: &Bytes, encoding: Encoding) {
        if encoding == self.encoding {
            return;
        }
        let plain = body.clone();
        let encoded = pga_runtime::spawn_blocking(move || encoding.encode(&plain)).await;
        (self.encoding, self.body) = match encoded {
            Ok(Ok(encoded)) => (encoding, encoded),
            // Every node takes it as it is.
            Ok(Err(_)) | Err(_) => (Encoding::Plain, body.clone()),
        };
    }
}

fn request(token: Option<&str>, sent: &Sent) -> http::Result<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(PUSH_PATH)
        .header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(encoding) = sent.encoding.header() {
        request = request.header(CONTENT_ENCODING, encoding);
    }
    request.body(Full::new(sent.body.clone()))
}

/// What an answer says about the configuration: `X-Config-Version`, which is 0 where there is none.
/// The body has 1 for none and for the first version (contract 1.4), so it tells only later ones.
fn config_version(answer: &Answer, told: Option<u64>) -> Option<u64> {
    let header = answer.headers.get("x-config-version");
    match header.and_then(|value| value.to_str().ok()?.parse().ok()) {
        Some(version) => Some(version),
        None => told.filter(|version| *version > 1),
    }
}

fn judge(answer: Result<Answer, ClientError>, is_first: bool) -> Attempt {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return Attempt::Again {
                reason: pga_runtime::error_chain(&error),
                after: None,
            };
        }
    };
    let status = answer.status.as_u16();
    match status {
        200 | 201 => match serde_json::from_slice::<PushAnswer>(&answer.body) {
            Ok(ack) => Attempt::Done(PushedOutcome::Acknowledged {
                position: ack.position,
                accepted: ack.metrics_inserted,
                repeated: ack.metrics_repeated,
                next: Next {
                    config_version: config_version(&answer, ack.next_config_version),
                },
            }),
            // Not the answer the contract promises: nothing is known to be durable.
            Err(error) => Attempt::Again {
                reason: format!("answer {status} without a position: {error}"),
                after: None,
            },
        },
        // A request before this one may have taken effect, so only the first refusal is a certain
        // one.
        400..=499 if status != 429 && status != 408 => {
            let message = answer.text_start();
            Attempt::Done(if is_first {
                PushedOutcome::Refused { status, message }
            } else {
                PushedOutcome::Unknown {
                    reason: format!("answer {status}: {message}"),
                }
            })
        }
        _ => Attempt::Again {
            reason: format!("answer {status}: {}", answer.text_start()),
            after: answer.retry_after(),
        },
    }
}

impl fmt::Debug for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher")
            .field("nodes", &self.nodes)
            .field("current", &self.current)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
