//! An external service that predicts, behind a circuit breaker (contract 1.14).
//!
//! Role: asks the service that `ml.url` names. Failure: told to the caller, who predicts natively.
//! The breaker is that of `breaker.rs`.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use pga_insight::prediction::{Answer, external};
use pga_runtime::Instant;
use serde_json::Value;

use pga_client::{ClientError, ClientOptions, Endpoint, HttpClient};

use crate::breaker::Breaker;

/// How long a prediction may take, with all tries.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(2);
/// Bytes of an answer that are read; a prediction is a few hundred.
const MAX_ANSWER: u64 = 1 << 20;
/// Pauses before the next try, after a 5xx or without an answer.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];
const PREDICT: &str = "/api/predict/query-execution";
const HEALTH: &str = "/health";

/// The service.
#[derive(Debug)]
pub(crate) struct MlService {
    endpoint: Endpoint,
    breaker: Mutex<Breaker>,
}

/// Why there is no prediction.
#[derive(Debug)]
enum Failed {
    /// Tried again: no answer, or a 5xx.
    Passing(String),
    /// The service answered, but not with a prediction that can be read.
    Wrong(String),
    /// The service is well and refuses: no failure of its.
    Refused(String),
}

impl MlService {
    /// The service at `url`; nothing for an empty one, or one that is no address.
    pub(crate) fn new(url: &str) -> Option<Self> {
        let endpoint = url.trim_end_matches('/').parse().ok()?;
        Some(Self {
            endpoint,
            breaker: Mutex::default(),
        })
    }

    fn breaker<T>(&self, look: impl FnOnce(&mut Breaker, Instant) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut breaker, pga_runtime::now())
    }

    /// `closed`, `open` or `half-open`.
    pub(crate) fn state(&self) -> &'static str {
        self.breaker(|breaker, now| breaker.state(now))
    }

    /// Asks for a prediction.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub(crate) async fn predict(&self, body: &Value) -> Result<Answer, String> {
        if !self.breaker(|breaker, now| breaker.admits(now)) {
            return Err("it failed and is not asked for 30 s".to_owned());
        }
        let asked = tokio::time::timeout(TIMEOUT, self.with_tries(body)).await;
        let asked = asked.unwrap_or_else(|_| Err(Failed::Passing("no answer in 5 s".to_owned())));
        let is_success = matches!(asked, Ok(_) | Err(Failed::Refused(_)));
        self.breaker(|breaker, now| breaker.record(is_success, now));
        asked.map_err(|failed| match failed {
            Failed::Passing(why) | Failed::Wrong(why) | Failed::Refused(why) => why,
        })
    }

    /// Whether it says that it is well: not counted by the breaker.
    pub(crate) async fn is_healthy(&self) -> bool {
        let answer = self.send(Method::GET, HEALTH, Bytes::new()).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    async fn with_tries(&self, body: &Value) -> Result<Answer, Failed> {
        let body = Bytes::from(body.to_string());
        let mut pauses = PAUSES.iter();
        loop {
            let failed = match self.once(body.clone()).await {
                Err(Failed::Passing(why)) => why,
                answered => return answered,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(Failed::Passing(failed)),
            }
        }
    }

    async fn once(&self, body: Bytes) -> Result<Answer, Failed> {
        let answer = self.send(Method::POST, PREDICT, body).await;
        let answer = answer.map_err(|error| Failed::Passing(pga_runtime::error_chain(&error)))?;
        if answer.status.is_server_error() {
            return Err(Failed::Passing(answer.status.to_string()));
        }
        if answer.status.is_client_error() {
            return Err(Failed::Refused(answer.status.to_string()));
        }
        let read = serde_json::from_slice(&answer.body).ok();
        let read = read.filter(|_| answer.status.is_success());
        read.and_then(|reply: Value| external(&reply))
            .ok_or_else(|| {
                let text = format!("{} without a prediction", answer.status);
                Failed::Wrong(text)
            })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<pga_client::Answer, ClientError> {
        let options = ClientOptions::new(CONNECT, TIMEOUT).with_cut_answers(MAX_ANSWER);
        let mut client = HttpClient::new(self.endpoint.clone(), Arc::new(options));
        client.send(method, path, None, body).await
    }
}
