//! One push, to whichever node takes it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use pga_runtime::{Backoff, Instant};
use pga_storage::Position;
use serde::Deserialize;

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
    clients: Vec<HttpClient>,
    current: usize,
    policy: PushPolicy,
    token: Option<String>,
}

impl Pusher {
    /// `first` picks the node to begin with, modulo their number, so that many pushers spread.
    pub fn new(
        nodes: &[Endpoint],
        first: usize,
        options: &Arc<ClientOptions>,
        policy: PushPolicy,
    ) -> Self {
        let client = |node: &Endpoint| HttpClient::new(node.clone(), Arc::clone(options));
        Self {
            clients: nodes.iter().map(client).collect(),
            current: first % nodes.len().max(1),
            policy,
            token: None,
        }
    }

    /// Sends this bearer token from now on.
    pub fn set_token(&mut self, token: Option<String>) {
        self.token = token;
    }

    /// Which node the next push goes to first.
    pub fn current(&self) -> Option<&Endpoint> {
        self.clients.get(self.current).map(HttpClient::endpoint)
    }

    /// Pushes `body` (JSON, in any encoding the contract allows) until it is acknowledged, refused,
    /// or given up. Dropped before its end, the outcome is unknown.
    pub async fn push(&mut self, body: Bytes) -> Pushed {
        let begun = pga_runtime::now();
        let mut attempts = 0;
        let mut rounds = 0;
        loop {
            attempts += 1;
            let (reason, after) = match self.attempt(body.clone(), attempts == 1).await {
                Attempt::Done(outcome) => return pushed(outcome, attempts, begun),
                Attempt::Again { reason, after } => (reason, after),
            };
            self.current = (self.current + 1) % self.clients.len().max(1);
            let mut wait = Duration::ZERO;
            if (attempts as usize).is_multiple_of(self.clients.len().max(1)) {
                rounds += 1;
                wait = BACKOFF
                    .pause(rounds)
                    .max(after.unwrap_or_default().min(MAX_RETRY_AFTER));
            }
            if begun.elapsed() + wait >= self.policy.give_up {
                return pushed(PushedOutcome::Unknown { reason }, attempts, begun);
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&mut self, body: Bytes, is_first: bool) -> Attempt {
        let Some(client) = self.clients.get_mut(self.current) else {
            return Attempt::Again {
                reason: "no nodes".to_owned(),
                after: None,
            };
        };
        let answer = client
            .send(Method::POST, PUSH_PATH, self.token.as_deref(), body)
            .await;
        judge(answer, is_first)
    }
}

fn pushed(outcome: PushedOutcome, attempts: u32, begun: Instant) -> Pushed {
    Pushed {
        outcome,
        attempts,
        latency: begun.elapsed(),
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
            .field("clients", &self.clients)
            .field("current", &self.current)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
