//! Delivers what waits in the spool, one body at a time, and asks for the configuration in between.

mod configuration;
mod credentials;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pga_client::{ClientOptions, Endpoint, PushPolicy, Pushed, PushedOutcome, Pusher};
use tokio::sync::{Notify, watch};

use self::credentials::Credentials;
use super::clock::Clock;
use super::error::CollectError;
use super::options::CollectArgs;
use super::pull_timer::PullTimer;
use super::report::Report;
use super::settings::Settings;
use super::spool::Spool;
use super::watched::Watched;

/// After this long without an acknowledgement it is said in the log; the push goes on.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Pause after a refusal that is not about the body.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

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
    credentials: Credentials,
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
            credentials: Credentials::none(pga_runtime::now()),
            clock: Clock::default(),
            timer: PullTimer::new(pga_runtime::now()),
            tag: None,
            settings: watch::Sender::new(Arc::default()),
            denied: None,
            report,
        };
        sender.take_identity(args, watched).await?;
        sender.take_kept_settings();
        Ok(sender)
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
            self.renew_what_ends().await;
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
                if self.may_renew() && self.renew().await =>
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
}

#[cfg(test)]
mod tests;
