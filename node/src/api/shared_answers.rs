//! Answers that nodes share through Redis (`cache.redis-url`), behind this node's own.
//!
//! Redis is never needed and never believed. What stands there is sealed with the cluster key for
//! the one question that it answers, so that another's value, a changed one and garbage are all as
//! good as none, and nobody reads a statement's text there. A request may take [`DEADLINE`]; after
//! five failures none is made for 30 s. An error is a miss, and never an answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pga_config::Secret;
use pga_runtime::Instant;
use pga_storage::query::Row;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, RedisResult};

use crate::breaker::Breaker;
use crate::keyring::Keyring;
use crate::metrics::Metrics;
use crate::secrets::Secrets;

/// How long Redis may take to answer: it is there to save time.
const DEADLINE: Duration = Duration::from_millis(50);
/// How long connecting may take, in the background.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer is kept there, in seconds.
const KEPT: u64 = 600;
/// Longer answers are not shared.
const MAX_BYTES: usize = 1 << 20;
/// Form of the values; another one is another key.
const FORMAT: u8 = 1;

/// The answers of all nodes of a cluster.
pub(crate) struct SharedAnswers {
    redis: ConnectionManager,
    keys: Arc<Keyring>,
    prefix: String,
    breaker: Mutex<Breaker>,
    metrics: Metrics,
}

impl fmt::Debug for SharedAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedAnswers")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl SharedAnswers {
    /// Through the Redis at `url`. Nothing is connected before the first question.
    ///
    /// # Errors
    /// What is wrong with the URL, without it.
    pub(crate) fn new(
        url: &Secret,
        secrets: &Secrets,
        metrics: Metrics,
    ) -> Result<Arc<Self>, String> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(DEADLINE))
            .set_number_of_retries(1);
        let client = Client::open(url.expose());
        let redis =
            client.and_then(|client| ConnectionManager::new_lazy_with_config(client, config));
        Ok(Arc::new(Self {
            redis: redis.map_err(|error| error.category().to_owned())?,
            keys: Arc::clone(&secrets.key),
            prefix: format!("pganalytics:{}:{FORMAT}:", secrets.cluster),
            breaker: Mutex::default(),
            metrics,
        }))
    }

    /// The answer that some node has put there.
    pub(crate) async fn get(&self, question: u128) -> Option<Vec<Vec<Row>>> {
        let name = self.name(question);
        let mut get = redis::cmd("GET");
        get.arg(&name);
        let found: Option<Vec<u8>> = self.ask(&get).await?;
        let rows = found.as_deref().and_then(|sealed| self.open(&name, sealed));
        let outcome = match (&found, &rows) {
            (_, Some(_)) => "hit",
            (None, None) => "miss",
            (Some(_), None) => "garbage",
        };
        self.count(outcome);
        rows
    }

    /// Puts an answer there for the others, in the background.
    pub(crate) fn put(self: &Arc<Self>, question: u128, rows: &[Vec<Row>]) {
        let name = self.name(question);
        let packed = rmp_serde::to_vec(rows).ok();
        let packed = packed.filter(|packed| packed.len() <= MAX_BYTES);
        // The first of the keys: while the key is changed, every node has that one still.
        let key = self.keys.in_use(None).ok();
        let sealed = packed.and_then(|packed| key?.seal(&name, &packed).ok());
        let Some(sealed) = sealed else {
            return;
        };
        let shared = Arc::clone(self);
        pga_runtime::spawn(async move {
            let mut set = redis::cmd("SET");
            set.arg(&name).arg(sealed).arg("EX").arg(KEPT);
            if shared.ask::<()>(&set).await.is_some() {
                shared.count("put");
            }
        });
    }

    fn name(&self, question: u128) -> String {
        format!("{}{question:032x}", self.prefix)
    }

    fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<Vec<Row>>> {
        let packed = self.keys.open(name, sealed).ok()?;
        rmp_serde::from_slice(&packed).ok()
    }

    /// One request, in its time and if the breaker lets it through.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if !self.breaker(|breaker, now| breaker.admits(now)) {
            self.count("skipped");
            return None;
        }
        let mut redis = self.redis.clone();
        let asked = tokio::time::timeout(DEADLINE, command.query_async(&mut redis)).await;
        let answer: Option<RedisResult<T>> = asked.ok();
        let was = self.breaker(|breaker, now| {
            let was = breaker.state(now);
            breaker.record(matches!(answer, Some(Ok(_))), now);
            was != breaker.state(now)
        });
        let error = match answer {
            Some(Ok(value)) => {
                if was {
                    tracing::info!("answers are shared through Redis again");
                }
                return Some(value);
            }
            Some(Err(error)) => error.to_string(),
            None => format!("no answer in {DEADLINE:?}"),
        };
        self.count("error");
        if was {
            tracing::warn!(
                error,
                "Redis is not asked for 30 s: each node answers alone"
            );
        }
        None
    }

    fn breaker<T>(&self, look: impl FnOnce(&mut Breaker, Instant) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut breaker, pga_runtime::now())
    }

    fn count(&self, outcome: &str) {
        let counter = &self.metrics.shared_cache;
        counter.with_label_values(&[outcome]).inc();
    }
}
