//! Reading the configuration again while the node runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pga_config::Config;
use pga_runtime::Live;
use pga_web::WebLimits;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::logging::{self, LogControl};
use crate::serve::settings;
use crate::tasks::{self, TaskKind};
use crate::{Error, Result};

/// Where the configuration comes from, and the log that follows it.
pub struct ConfigSource {
    /// Reads it, as at the start.
    pub load: Box<dyn Fn() -> Result<Config> + Send + Sync>,
    /// Changes the log.
    pub(crate) log: LogControl,
}

impl fmt::Debug for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSource").finish_non_exhaustive()
    }
}

/// What became of the keys that have another value now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reloaded {
    /// Their values hold now.
    pub(crate) taken: Vec<String>,
    /// The values of the start still hold.
    pub(crate) need_restart: Vec<String>,
}

/// The settings of a running node.
#[derive(Debug)]
pub(crate) struct Reloader {
    source: ConfigSource,
    /// One reload at a time.
    turn: Mutex<()>,
    config: watch::Sender<Arc<Config>>,
    limits: watch::Sender<Arc<WebLimits>>,
}

impl Reloader {
    pub(crate) fn new(source: ConfigSource, config: &Arc<Config>) -> Self {
        Self {
            source,
            turn: Mutex::default(),
            limits: watch::Sender::new(Arc::new(settings::web_limits(config))),
            config: watch::Sender::new(Arc::clone(config)),
        }
    }

    /// The settings, as they are after each reload.
    pub(crate) fn config(&self) -> Live<Config> {
        Live::of(&self.config)
    }

    /// The bounds of the HTTP front.
    pub(crate) fn limits(&self) -> Live<WebLimits> {
        Live::of(&self.limits)
    }

    /// Reads the configuration, and takes what may change. Blocks for as long as files take.
    ///
    /// # Errors
    /// If it cannot be read or is not valid; all is as it was then.
    pub(crate) fn reload(&self) -> Result<Reloaded> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = (self.source.load)()?;
        let mut config = Config::clone(&self.config.borrow());
        let changes = config.reload(&newer)?;
        // Whether the level is one, the configuration does not know.
        logging::filter(&config.logging.level)?;
        if config.logging.level != self.config.borrow().logging.level {
            self.source.log.set_level(&config.logging.level)?;
        }
        self.limits
            .send_replace(Arc::new(settings::web_limits(&config)));
        self.config.send_replace(Arc::new(config));
        let mut reloaded = Reloaded::default();
        for change in changes {
            match change.is_live {
                true => reloaded.taken.push(change.key),
                false => reloaded.need_restart.push(change.key),
            }
        }
        Ok(reloaded)
    }

    /// As [`Reloader::reload`], on a thread that may wait, and told in the log.
    pub(crate) async fn reload_and_tell(self: &Arc<Self>) -> Result<Reloaded> {
        let this = Arc::clone(self);
        let reloaded = pga_runtime::spawn_blocking(move || this.reload()).await;
        let reloaded = reloaded.map_err(|error| Error::Internal(error.to_string()))?;
        match &reloaded {
            Ok(Reloaded {
                taken,
                need_restart,
            }) => tracing::info!(?taken, ?need_restart, "configuration read again"),
            Err(error) => tracing::error!(
                error = pga_runtime::error_chain(error),
                "configuration not read again: all is as it was"
            ),
        }
        reloaded
    }

    /// Opens the log file anew and reloads, at each SIGHUP.
    pub(crate) fn at_hangup(self: &Arc<Self>) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            tracing::warn!("SIGHUP cannot be watched");
            return;
        };
        let this = Arc::clone(self);
        drop(tasks::spawn(TaskKind::Watch, async move {
            while hangup.recv().await.is_some() {
                this.source.log.reopen();
                drop(this.reload_and_tell().await);
            }
        }));
    }
}
