//! The configuration of the cluster: asked for, followed, refused.

use std::sync::Arc;

use pga_client::Endpoint;

use super::Sender;
use crate::collect::index_candidates;
use crate::collect::pull::{Fetched, Pulled, Question};
use crate::collect::settings::Settings;

impl Sender {
    /// Asks for the configuration once, and follows what is new.
    pub(in crate::collect) async fn pull(&mut self) {
        let pulled = self.ask().await;
        let now = pga_runtime::now();
        match pulled {
            Pulled::New(fetched) => {
                let version = fetched.version;
                if self.apply(fetched) {
                    // The cluster is to know which version runs; nothing else comes of it.
                    let told = self.ask().await;
                    tracing::debug!(?told, "told which configuration runs");
                }
                self.timer.answered(Some(version), now);
            }
            Pulled::Same(version) => self.timer.answered(Some(version), now),
            Pulled::None => {
                if self.forget_settings() {
                    let told = self.ask().await;
                    tracing::debug!(?told, "told that none runs");
                }
                self.timer.answered(None, now);
            }
            Pulled::Denied(status) => {
                if self.denied != Some(status) {
                    tracing::warn!(
                        status,
                        "the cluster does not tell this collector its configuration; what runs \
                         goes on"
                    );
                }
                self.denied = Some(status);
                self.timer.failed(now);
                return;
            }
            Pulled::Failed(reason) => {
                tracing::debug!(error = reason, "no node tells the configuration");
                self.timer.failed(now);
                return;
            }
        }
        self.denied = None;
        self.look_for_indexes().await;
    }

    /// Asks which advised indexes are to be tried; what was told before goes on where no node says.
    async fn look_for_indexes(&mut self) {
        let nodes = self.nodes_by_turn();
        let token = self.credentials.token();
        let found = index_candidates::fetch(&self.collector, token, &nodes, &self.options).await;
        let Some(found) = found else {
            return;
        };
        if self.settings.borrow().index_candidates != found {
            let mut settings = Settings::clone(&self.settings.borrow());
            settings.index_candidates = found;
            self.settings.send_replace(Arc::new(settings));
        }
    }

    /// All nodes, the one that took the last push first.
    fn nodes_by_turn(&self) -> Vec<Endpoint> {
        let first = self.pusher.current();
        let mut nodes = self.nodes.clone();
        if let Some(at) = nodes.iter().position(|node| Some(node) == first) {
            nodes.rotate_left(at);
        }
        nodes
    }

    async fn ask(&mut self) -> Pulled {
        let nodes = self.nodes_by_turn();
        let question = Question {
            collector: &self.collector,
            token: self.credentials.token(),
            tag: self.tag.as_deref(),
            runs: self.settings.borrow().version(),
        };
        question.ask(&nodes, &self.options).await
    }

    /// Follows a version, unless something is wrong with it: then the one before goes on. Answers
    /// whether it does.
    fn apply(&mut self, fetched: Fetched) -> bool {
        self.tag = Some(fetched.tag.clone());
        let version = fetched.version;
        let settings = match Settings::parse(version, &fetched.text) {
            Ok(settings) => settings,
            Err(error) => {
                let runs = self.settings.borrow().version();
                tracing::error!(
                    version,
                    runs,
                    error,
                    "the configuration is refused as a whole; what runs goes on"
                );
                self.report.refused(version, error);
                return false;
            }
        };
        let changes = settings.changes(&self.settings.borrow());
        tracing::info!(
            version,
            changes = changes.join(", "),
            not_followed = settings.unused().join(", "),
            "a configuration of the cluster runs"
        );
        if let Some(dir) = &self.state_dir
            && let Err(error) = fetched.keep(dir)
        {
            tracing::warn!(%error, dir = %dir.display(), "the configuration cannot be kept");
        }
        self.follow(settings);
        true
    }

    fn follow(&mut self, mut settings: Settings) {
        settings
            .index_candidates
            .clone_from(&self.settings.borrow().index_candidates);
        self.timer.set_every(settings.pull_every());
        self.report.config(settings.version());
        self.settings.send_replace(Arc::new(settings));
    }

    /// Follows none any more. Answers whether there was one.
    fn forget_settings(&mut self) -> bool {
        if self.settings.borrow().version().is_none() && self.tag.is_none() {
            return false;
        }
        tracing::info!("the cluster has no configuration for this collector any more");
        self.tag = None;
        if let Some(dir) = &self.state_dir
            && let Err(error) = Fetched::forget(dir)
        {
            tracing::warn!(%error, dir = %dir.display(), "the kept configuration stays");
        }
        self.follow(Settings::default());
        true
    }

    /// Begins with what ran last, until a node tells more.
    pub(super) fn take_kept_settings(&mut self) {
        let Some(kept) = self.state_dir.as_deref().and_then(Fetched::kept) else {
            return;
        };
        match Settings::parse(kept.version, &kept.text) {
            Ok(settings) => {
                tracing::info!(version = kept.version, "the last configuration runs on");
                self.tag = Some(kept.tag);
                self.follow(settings);
            }
            Err(error) => tracing::warn!(error, "the kept configuration cannot be used"),
        }
    }
}
