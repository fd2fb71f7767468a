//! Delivers what waits in the spool, one body at a time, and asks for the configuration in between.

mod configuration;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use pga_client::{ClientOptions, Endpoint, HttpClient, PushPolicy, Pushed, PushedOutcome, Pusher};
use pga_runtime::Instant;
use serde::Deserialize;
use tokio::sync::{Notify, watch};

use super::clock::Clock;
use super::error::CollectError;
use super::identity::Identity;
use super::options::CollectArgs;
use super::pull_timer::PullTimer;
use super::register::register;
use super::report::Report;
use super::settings::Settings;
use super::spool::Spool;
use super::watched::Watched;

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

/// Pushes what was collected, and pulls what is to be collected.
pub(super) struct Sender {
    collector: String,
    pusher: Pusher,
    nodes: Vec<Endpoint>,
    options: Arc<ClientOptions>,
    state_dir: Option<PathBuf>,
    token: Option<String>,
    renewed: Instant,
    clock: Clock,
    timer: PullTimer,
    /// Of the version that was fetched last, also of one that was refused.
    tag: Option<String>,
    settings: watch::Sender<Arc<Settings>>,
    denied: Option<u16>,
    report: Arc<Report>,
}

impl Sender {
    /// Takes the identity of an earlier run, else registers, if there is a secret. Begins with the
    /// configuration of an earlier run.
    ///
    /// # Errors
    /// If it has to register and cannot, or its state cannot be read.
    pub(super) async fn new(
        args: &CollectArgs,
        watched: &Watched,
        report: Arc<Report>,
    ) -> Result<Self, CollectError> {
        let mut options =
            ClientOptions::new(args.timeout.min(Duration::from_secs(3)), args.timeout);
        if let Some(path) = &args.ca_file {
            options = options.with_ca_file(path)?;
        }
        let options = Arc::new(options);
        let policy = PushPolicy { give_up: GIVE_UP };
        let mut sender = Self {
            collector: watched.collector_id.clone(),
            pusher: Pusher::new(&args.nodes, 0, &options, policy).compressing(),
            nodes: args.nodes.clone(),
            options,
            state_dir: watched.state_dir.clone(),
            token: None,
            renewed: pga_runtime::now(),
            clock: Clock::default(),
            timer: PullTimer::new(pga_runtime::now()),
            tag: None,
            settings: watch::Sender::new(Arc::default()),
            denied: None,
            report,
        };
        sender.take_identity(args, watched).await?;
        sender.pusher.set_token(sender.token.clone());
        sender.take_kept_settings();
        Ok(sender)
    }

    async fn take_identity(
        &mut self,
        args: &CollectArgs,
        watched: &Watched,
    ) -> Result<(), CollectError> {
        let kept = match &self.state_dir {
            Some(dir) => {
                Identity::read(dir).map_err(|error| CollectError::State(dir.clone(), error))?
            }
            None => None,
        };
        match (kept, &args.token, &args.registration_secret) {
            (Some(kept), _, _) => {
                self.collector = kept.collector_id;
                self.token = Some(kept.token);
                // It may have ended while the collector was away.
                self.renew().await;
            }
            (None, Some(token), _) => self.token = Some(token.clone()),
            (None, None, Some(secret)) => {
                let identity = register(args, watched, &self.options, secret).await?;
                self.collector = identity.collector_id;
                self.token = Some(identity.token);
                self.keep();
            }
            (None, None, None) => {}
        }
        Ok(())
    }

    /// The collector's id, as the cluster knows it.
    pub(super) fn collector(&self) -> &str {
        &self.collector
    }

    /// The configuration that is to be followed, now and from now on.
    pub(super) fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// Delivers what waits, for as long as it runs. A body stays in the spool until it is
    /// acknowledged, or refused for good.
    pub(super) async fn run(mut self, outgoing: Arc<Outgoing>) {
        loop {
            if self.renewed.elapsed() >= RENEW_EVERY {
                self.renew().await;
            }
            if pga_runtime::now() >= self.timer.due() {
                self.pull().await;
            }
            match outgoing.with(Spool::next) {
                Some((number, body)) => {
                    if self.push(body).await {
                        outgoing.with(|spool| spool.remove(number));
                    }
                    outgoing.with(|spool| self.report.spool(spool));
                    self.report.write();
                }
                None => tokio::select! {
                    () = outgoing.added.notified() => {}
                    () = tokio::time::sleep_until(self.timer.due()) => {}
                },
            }
        }
    }

    /// Whether the body is done with.
    async fn push(&mut self, body: Bytes) -> bool {
        let pushed = self.pusher.push(body).await;
        if let Some(reading) = pushed.clock {
            self.report.skew(self.clock.note(reading));
        }
        let node = self.pusher.current().map(ToString::to_string);
        self.report.push(&pushed, node);
        self.judge(pushed).await
    }

    async fn judge(&mut self, pushed: Pushed) -> bool {
        match pushed.outcome {
            PushedOutcome::Acknowledged { position, next, .. } => {
                tracing::debug!(%position, elapsed = ?pushed.latency, "pushed");
                self.timer.told(next, pga_runtime::now());
                true
            }
            PushedOutcome::Refused { status: 401, .. }
                if self.renewed.elapsed() >= REFUSED_PAUSE && self.renew().await =>
            {
                false
            }
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
                    "no node takes the push: is one of --nodes up, and can it be reached?"
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

#[cfg(test)]
mod tests;
