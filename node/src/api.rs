//! What the web layer asks the node: [`pga_web::NodeApi`].

mod query_cache;
mod reads;
mod registration;
mod shared_answers;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::{
    Channel, ClusterNode, Command, ConfigText, ControlCommand, FeatureLevel, ProposeError, State,
};
use pga_config::{CollectorId, Config};
use pga_insight::prediction::Answer;
use pga_runtime::{Instant, Live};
use pga_storage::store::TableUse;
use pga_storage::{Position, ReadStore, StoreWriter};
use pga_web::{
    AdmissionPermit, ApiError, CacheFigures, ChannelTest, Channels, Configurations, ControlPlane,
    Credentials, Health, Ingest, Operations, Predictor, Push, PushAck, PushNote, ReadScope, Reads,
    Registered, Registration, TokenKeys,
};

pub(crate) use self::query_cache::QueryCache;
pub(crate) use self::shared_answers::SharedAnswers;
use crate::actors::sessions::SessionsHandle;
use crate::admitted_push::AdmittedPush;
use crate::alerting::{CHANNEL_SETTINGS, open_settings, sending};
use crate::ml_service::MlService;
use crate::replica::Replica;
use crate::replicator::{Replicator, propose_reason};
use crate::secrets::{Secrets, TOKEN_KEY};
use crate::status;

/// How long a request of the control plane waits for a quorum: longer than an election, and short
/// enough that a client without one is answered within 3 s.
const CONTROL_TIMEOUT: Duration = Duration::from_millis(2_200);
/// How long a node waits for its peers' part of the cluster status.
const STATUS_TIMEOUT: Duration = Duration::from_millis(800);
/// How long a health check waits for the store.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
/// While the others have a key that this node asks them for.
const NO_KEY: ApiError = ApiError::Unavailable {
    reason: "no_cluster_key",
    retry_after: Duration::from_secs(5),
};
/// When a client should come back.
const RETRY: Duration = Duration::from_secs(1);

/// The node behind the web layer.
pub(crate) struct NodeApiImpl {
    pub(crate) cluster: ClusterNode,
    pub(crate) replica: Arc<dyn Replica>,
    pub(crate) store: Arc<dyn ReadStore>,
    pub(crate) cache: Option<Arc<QueryCache>>,
    /// Tells whether the store answers.
    pub(crate) written: Arc<dyn StoreWriter>,
    pub(crate) replicator: Arc<Replicator>,
    pub(crate) sessions: SessionsHandle,
    pub(crate) secrets: Secrets,
    pub(crate) config: Arc<Config>,
    /// The settings, as they are after each reload.
    pub(crate) live: Live<Config>,
    /// The opened keys that sign tokens, as of the newest of them.
    pub(crate) token_keys: RwLock<Option<(Option<u64>, Arc<TokenKeys>)>>,
    pub(crate) ml: Option<MlService>,
}

impl fmt::Debug for NodeApiImpl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeApiImpl")
    }
}

impl NodeApiImpl {
    /// Waits until this node has applied what was committed when the call began.
    async fn linearize(&self, deadline: Instant) -> Result<(), ApiError> {
        match self.cluster.linearizable(deadline).await {
            Ok(_) => Ok(()),
            Err(ProposeError::Unknown) => Err(ApiError::Unavailable {
                reason: "behind",
                retry_after: RETRY,
            }),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Proposes a change of the control plane; on return this node has applied it. Without a
    /// quorum it is not proposed at all: the refusal is certain (ACK-2), where a proposal that
    /// waits for a quorum may yet take effect.
    async fn control(&self, command: ControlCommand, deadline: Instant) -> Result<(), ApiError> {
        self.linearize(deadline).await?;
        let done = self
            .cluster
            .propose(Command::Control(command), deadline)
            .await;
        let committed = done.map_err(|error| match error {
            ProposeError::Refused(refusal) => ApiError::Refused(refusal),
            error => unavailable(&error),
        })?;
        let applied = self
            .cluster
            .wait_applied(committed.position, deadline)
            .await;
        applied.map(drop).map_err(|error| unavailable(&error))
    }
}

/// Until when a request of the control plane that begins now waits for a quorum, all its steps
/// together.
fn control_deadline() -> Instant {
    pga_runtime::now() + CONTROL_TIMEOUT
}

fn unavailable(error: &ProposeError) -> ApiError {
    ApiError::Unavailable {
        reason: propose_reason(error),
        retry_after: RETRY,
    }
}

impl ControlPlane for NodeApiImpl {
    fn linearize(&self) -> BoxFuture<'_, Result<(), ApiError>> {
        Box::pin(self.linearize(control_deadline()))
    }

    fn decide(&self, command: ControlCommand) -> BoxFuture<'_, Result<(), ApiError>> {
        Box::pin(self.control(command, control_deadline()))
    }

    fn look(&self, look: &mut dyn FnMut(&State)) {
        self.cluster.with_state(|state| look(state));
    }
}

impl Ingest for NodeApiImpl {
    fn admits_pushes(&self) -> Result<(), ApiError> {
        self.replicator.admits()
    }

    fn push(
        &self,
        push: Push,
        permit: AdmissionPermit,
    ) -> BoxFuture<'_, Result<PushAck, ApiError>> {
        Box::pin(self.sessions.push(AdmittedPush { push, permit }))
    }

    fn note(&self, note: PushNote) {
        self.sessions.note(note);
    }
}

impl Reads for NodeApiImpl {
    fn store_at(
        &self,
        scope: ReadScope,
    ) -> BoxFuture<'_, Result<(Arc<dyn ReadStore>, Position), ApiError>> {
        Box::pin(async move {
            let position = self.begin_read(scope).await?;
            let store = Arc::clone(&self.store);
            let store = match (&self.cache, scope.collector) {
                (Some(cache), Some(collector)) => {
                    let flushed = *self.replica.flushed().borrow();
                    let cached = |state: &State| cache.store(store, collector, state, flushed);
                    self.cluster.with_state(cached)
                }
                _ => store,
            };
            Ok((store, position))
        })
    }

    fn view_age(&self) -> Option<Duration> {
        self.cluster.view_age()
    }

    fn cache(&self) -> BoxFuture<'_, Option<CacheFigures>> {
        Box::pin(async move {
            match &self.cache {
                Some(cache) => Some(cache.figures().await),
                None => None,
            }
        })
    }
}

impl Predictor for NodeApiImpl {
    fn predictor(&self) -> Option<&'static str> {
        self.ml.as_ref().map(MlService::state)
    }

    fn predict(&self, body: serde_json::Value) -> BoxFuture<'_, Result<Answer, String>> {
        Box::pin(async move {
            match &self.ml {
                Some(service) => service.predict(&body).await,
                None => Err("no service is configured".to_owned()),
            }
        })
    }

    fn is_predictor_healthy(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            match &self.ml {
                Some(service) => service.is_healthy().await,
                None => false,
            }
        })
    }
}

impl Configurations for NodeApiImpl {
    fn seal_config(&self, toml: &str) -> Result<ConfigText, ApiError> {
        let level = self.cluster.with_state(State::feature_level);
        if level < FeatureLevel::SEALED_CONFIGS {
            return Ok(ConfigText::plain(toml));
        }
        let in_use = self.cluster.with_state(State::cluster_key);
        let key = self.secrets.key.in_use(in_use);
        let key = key.map_err(|_| NO_KEY)?;
        ConfigText::sealed(&key, toml).map_err(|_| ApiError::Internal)
    }

    fn open_config(&self, text: &ConfigText) -> Result<String, ApiError> {
        let opened = text.open(|context, sealed| self.secrets.key.open(context, sealed));
        opened.map_err(|error| {
            tracing::warn!(%error, "a collector's configuration does not open with this node's cluster key");
            NO_KEY
        })
    }
}

impl Channels for NodeApiImpl {
    fn seal_channel(&self, settings: &[u8]) -> Result<Vec<u8>, ApiError> {
        let sealed = self.secrets.seal(&self.cluster, CHANNEL_SETTINGS, settings);
        sealed.map_err(|_| ApiError::Internal)
    }

    fn test_channel(&self, channel: Channel) -> BoxFuture<'_, Result<ChannelTest, ApiError>> {
        Box::pin(async move {
            let settings = open_settings(&self.secrets, &channel.settings);
            let started = pga_runtime::now();
            let outcome = match settings {
                Ok(settings) => {
                    let content = sending::example(&self.secrets.cluster.to_string());
                    let key = format!("test-{:032x}", pga_runtime::random::<u128>());
                    let live = self.live.now();
                    let notify = &live.notify;
                    let sent = sending::send(&channel.kind, &settings, &content, &key, notify);
                    sent.await.map_err(|failure| failure.to_string())
                }
                Err(why) => Err(why),
            };
            Ok(ChannelTest {
                outcome,
                latency: started.elapsed(),
            })
        })
    }
}

impl Credentials for NodeApiImpl {
    fn token_keys(&self) -> Option<Arc<TokenKeys>> {
        let newest = |state: &State| state.token_keys().last_key_value().map(|(id, _)| *id);
        let newest = self.cluster.with_state(newest);
        let known = self
            .token_keys
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((of, keys)) = &*known
            && *of == newest
        {
            return Some(Arc::clone(keys));
        }
        drop(known);
        let keys = Arc::new(self.secrets.token_keys(&self.cluster)?);
        let mut known = self
            .token_keys
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *known = Some((newest, Arc::clone(&keys)));
        Some(keys)
    }

    fn seal_token_key(&self, key: &[u8]) -> Result<Vec<u8>, ApiError> {
        let sealed = self.secrets.seal(&self.cluster, TOKEN_KEY, key);
        sealed.map_err(|_| ApiError::Internal)
    }

    fn register(&self, registration: Registration) -> BoxFuture<'_, Result<Registered, ApiError>> {
        Box::pin(self.register_collector(registration))
    }

    fn renew_certificate(
        &self,
        collector: CollectorId,
    ) -> BoxFuture<'_, Result<Registered, ApiError>> {
        Box::pin(self.renew_collector(collector))
    }

    fn knows_collector(&self, collector: CollectorId) -> bool {
        self.cluster.with_state(|state| {
            // A push without a token makes one known again that was deleted: its token stays bad.
            let known = state.collector(collector);
            known.is_some_and(|known| known.registration.is_some())
        })
    }
}

impl Operations for NodeApiImpl {
    fn cluster_status(&self) -> BoxFuture<'_, Result<Bytes, ApiError>> {
        Box::pin(async move {
            let status = status::told(&self.cluster, &self.live.now(), STATUS_TIMEOUT).await;
            let json = serde_json::to_vec(&status).map_err(|_| ApiError::Internal)?;
            Ok(json.into())
        })
    }

    fn disk_use(&self) -> BoxFuture<'_, Result<Vec<TableUse>, ApiError>> {
        Box::pin(async move {
            self.written.disk_use().await.map_err(|error| {
                let error = pga_runtime::error_chain(&error);
                tracing::warn!(error, "the store does not tell its size");
                ApiError::Unavailable {
                    reason: "store",
                    retry_after: RETRY,
                }
            })
        })
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            let reason = match self.cluster.readiness() {
                Err(unready) => unready.to_string(),
                Ok(()) if self.token_keys().is_none() => {
                    "the cluster's secrets are not here yet".to_owned()
                }
                Ok(()) => String::new(),
            };
            let store = tokio::time::timeout(HEALTH_TIMEOUT, self.written.watermark()).await;
            Health {
                ready: reason.is_empty(),
                reason,
                store_ok: matches!(store, Ok(Ok(_))),
            }
        })
    }
}
