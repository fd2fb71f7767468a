//! One original collector: it collects, pushes at its interval, keeps what was not acknowledged
//! and sends it again with what came since, under a new time and without a name for the push.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING};
use http::{Method, Request};
use http_body_util::Full;
use pga_client::{Answer, ClientError, ClientOptions, Endpoint, HttpClient};
use pga_collector::SimulatedServer;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::habits::{Habits, Memory};
use super::wire::Body;
use crate::bodies::position;

/// It collects so often between two pushes, within one second (Q27).
const COLLECTS: u64 = 3;
/// What is large is collected so seldom.
const LARGE_EVERY: u64 = 6;
const LARGE: [&str; 3] = ["pg_stats", "pg_query_stats", "pg_bloat"];
/// Who gives up does so after this time.
const PATIENCE: Duration = Duration::from_millis(15);

/// What a collector knows when it ends.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) id: String,
    /// What it collected, and was acknowledged: [`fingerprint`]s.
    pub(super) made: HashSet<u64>,
    pub(super) left: usize,
    /// Of the last acknowledgement.
    pub(super) position: Option<String>,
    /// Pushes by their answer's status; 0 for none.
    pub(super) answers: BTreeMap<u16, u64>,
    pub(super) given_up: u64,
    /// Answers to bodies that nobody can read.
    pub(super) broken: BTreeMap<u16, u64>,
    /// Requests for its configuration, answers of 401 among them, and how often it wanted it.
    pub(super) pulls: u64,
    pub(super) wanted: u64,
    pub(super) most_elements: usize,
}

impl Told {
    /// Whether it was treated as the contract has it.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self { id, left, .. } = self;
        ensure!(*left == 0, "{id} still holds {left} elements");
        // What is refused for a while is 503; a 401 or 202 would lose data (Q12, Q14).
        let known = |status: &u16| matches!(status, 0 | 200 | 503);
        ensure!(self.answers.keys().all(known), "{id}: {:?}", self.answers);
        let refused = |status: &u16| matches!(status, 0 | 400 | 503);
        ensure!(self.broken.keys().all(refused), "{id}: {:?}", self.broken);
        Ok(())
    }
}

/// An element, short. Keys are in order, so equal elements have equal texts.
pub(super) fn fingerprint(element: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    element.to_string().hash(&mut hasher);
    hasher.finish()
}

/// One original collector.
pub(super) struct Collector {
    number: u32,
    habits: Habits,
    server: SimulatedServer,
    interval: Duration,
    nodes: Vec<Endpoint>,
    /// The node behind its one address; another one after a failure.
    node: usize,
    options: Arc<ClientOptions>,
    collected: u64,
    pushes: u64,
    buffer: Vec<Value>,
    before: Vec<Value>,
    pub(super) told: Told,
}

impl Collector {
    pub(super) fn new(number: u32, nodes: Vec<Endpoint>, interval: Duration) -> Self {
        // Most ids are no UUIDs (Q18).
        let id = match number % 3 {
            0 => format!("collector-{number:03}"),
            1 => format!("col_demo_{number:03}"),
            _ => uuid::Uuid::from_u128(0x5041_0000 + u128::from(number)).to_string(),
        };
        Self {
            number,
            habits: Habits::of(number),
            server: SimulatedServer::new(u64::from(number), id.clone(), "db-1"),
            interval,
            node: number as usize % nodes.len(),
            nodes,
            options: Arc::new(ClientOptions::new(
                Duration::from_secs(2),
                Duration::from_secs(30),
            )),
            collected: 0,
            pushes: 0,
            buffer: Vec::new(),
            before: Vec::new(),
            told: Told {
                id,
                ..Told::default()
            },
        }
    }

    /// Collects and pushes until it is told to stop, and then until nothing is left.
    pub(super) async fn run(mut self, start: Duration, mut stopped: watch::Receiver<bool>) -> Told {
        let mut next = Instant::now() + start;
        while !*stopped.borrow() {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                () = sleep_until(next) => {}
            }
            let path = format!("/api/v1/config/{}", self.told.id);
            self.pull(&path, &stopped).await;
            self.collect();
            self.push(self.habits.memory == Memory::GivesUp && self.pushes % 3 == 1)
                .await;
            if self.habits.is_broken {
                self.push_broken().await;
            }
            next += self.interval;
        }
        let pause = self.interval.min(Duration::from_secs(5));
        let end = Instant::now() + super::DRAIN;
        while !self.buffer.is_empty() && Instant::now() < end {
            self.push(false).await;
            if !self.buffer.is_empty() {
                sleep(pause).await;
            }
        }
        self.told.left = self.buffer.len();
        self.told
    }

    fn collect(&mut self) {
        let now = OffsetDateTime::now_utc();
        for _ in 0..COLLECTS {
            let Ok(at) = self.habits.clock.write(now) else {
                return;
            };
            let text = at.as_str().map_or_else(|| at.to_string(), str::to_owned);
            let is_full = self.collected.is_multiple_of(LARGE_EVERY);
            for mut element in self.server.cycle(self.collected, &text) {
                let is_large = element["type"]
                    .as_str()
                    .is_some_and(|kind| LARGE.contains(&kind));
                if is_large && !is_full {
                    continue;
                }
                element["timestamp"] = at.clone();
                self.told.made.insert(fingerprint(&element));
                self.buffer.push(element);
            }
            self.collected += 1;
        }
    }

    /// Pushes all that is not acknowledged; with `gives_up` it does not wait for the answer.
    async fn push(&mut self, gives_up: bool) {
        self.pushes += 1;
        let mut metrics = match self.habits.memory {
            Memory::Repeats => self.before.clone(),
            _ => Vec::new(),
        };
        metrics.extend(self.buffer.iter().cloned());
        self.told.most_elements = self.told.most_elements.max(metrics.len());
        let at = self.habits.envelope.write(OffsetDateTime::now_utc());
        let push = json!({
            "collector_id": self.told.id, "hostname": "db-1", "version": "3.0.0",
            "timestamp": at.unwrap_or_default(), "metrics_count": metrics.len(),
            "metrics": metrics,
        });
        let Ok(body) = self.habits.encoding.body(&push) else {
            return;
        };
        let sent = self.send(Method::POST, &body);
        let answer = match gives_up {
            true => match timeout(PATIENCE, sent).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.told.given_up += 1;
                    return;
                }
            },
            false => sent.await,
        };
        self.heed(answer);
    }

    /// As the original does: 200 and 201 are success, with all else the buffer is kept.
    fn heed(&mut self, answer: Result<Answer, ClientError>) {
        let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
        *self.told.answers.entry(status).or_default() += 1;
        match answer {
            Ok(answer) if matches!(status, 200 | 201) => {
                let json = serde_json::from_slice(&answer.body).unwrap_or_default();
                self.told.position = position(&json).ok().or(self.told.position.take());
                self.before = std::mem::take(&mut self.buffer);
            }
            // A balancer in front of the nodes takes the one that failed out.
            _ => self.node += 1,
        }
    }

    async fn push_broken(&mut self) {
        let bytes = match self.pushes % 2 {
            // Q5: an object with a loose tail, and without a time.
            0 => format!(
                r#"{{"collector_id":"{}","hostname":"h","metrics":[]}},{{"name":"x"}}"#,
                self.told.id
            )
            .into_bytes(),
            // Q7: noise.
            _ => (0..2_000_u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect(),
        };
        let body = Body {
            path: match self.pushes % 2 {
                0 => "/api/v1/metrics/push".to_owned(),
                _ => "/api/v1/metrics/push/binary".to_owned(),
            },
            bytes,
            encoding: Some("gzip"),
        };
        let answer = self.send(Method::POST, &body).await;
        let status = answer.map_or(0, |answer| answer.status.as_u16());
        *self.told.broken.entry(status).or_default() += 1;
    }

    /// Asks for its configuration; after a 401 again at once, without an end (Q11).
    pub(super) async fn pull(&mut self, path: &str, stopped: &watch::Receiver<bool>) {
        self.told.wanted += 1;
        let body = Body {
            path: path.to_owned(),
            bytes: Vec::new(),
            encoding: None,
        };
        while !*stopped.borrow() {
            self.told.pulls += 1;
            let answer = self.send(Method::GET, &body).await;
            let is_401 = answer.is_ok_and(|answer| answer.status == 401);
            if !is_401 {
                return;
            }
        }
    }

    /// One request over a connection of its own (Q16).
    async fn send(&self, method: Method, body: &Body) -> Result<Answer, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(&body.path)
            .header(ACCEPT, "text/plain");
        if let Some(encoding) = body.encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        if let Some(token) = Habits::token(self.number, &self.told.id) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(body.bytes.clone())))?;
        let node = self.nodes[self.node % self.nodes.len()].clone();
        HttpClient::new(node, Arc::clone(&self.options))
            .send_request(request)
            .await
    }
}
