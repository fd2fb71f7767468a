//! Lets new nodes in: spends their token, gives them an identity and the cluster key, and adds them
//! when they are up. Gives members the cluster's newer keys, and hears what failed at them.

use pga_storage::Timestamp;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_cluster::pki::{JoinAnswer, JoinRequest, Validity};
use pga_cluster::transport::{RefusalReason, ServiceError};
use pga_cluster::{
    AppService, ClusterNode, Command, ControlCommand, Member, ProposeError, Reply, State,
};
use pga_config::{Config, NodeId};
use pga_web::FailureLimit;

use crate::key_rotation;
use crate::peer_message::PeerMessage;
use crate::secrets::Secrets;

/// How long spending a token may take.
const SPEND_TIMEOUT: Duration = Duration::from_secs(20);

/// The desk at which new nodes ask.
pub(crate) struct JoinService {
    secrets: Secrets,
    /// How long the certificates hold.
    lifetime: Duration,
    /// The brake on guessing.
    failures: Arc<FailureLimit>,
    cluster: OnceLock<ClusterNode>,
}

impl JoinService {
    /// A desk that is still closed.
    pub(crate) fn new(secrets: Secrets, config: &Config, failures: &Arc<FailureLimit>) -> Self {
        Self {
            secrets,
            lifetime: config.cluster.certificate_lifetime,
            failures: Arc::clone(failures),
            cluster: OnceLock::new(),
        }
    }

    /// What it gives.
    pub(crate) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Opens it.
    pub(crate) fn open(&self, cluster: ClusterNode) {
        if self.cluster.set(cluster).is_err() {
            tracing::debug!("the join desk was opened twice");
        }
    }

    async fn admit(
        &self,
        certificate_sha256: [u8; 32],
        body: &[u8],
    ) -> Result<Bytes, ServiceError> {
        let cluster = self
            .cluster
            .get()
            .ok_or_else(|| ServiceError::refused("starting"))?;
        let request = JoinRequest::decode(body).map_err(|error| refused(&error))?;
        // Before the token is spent: whether the new node would understand the log, and whether an
        // identity can be issued at all.
        cluster
            .admits_level(request.feature_level)
            .map_err(|error| refused(&error))?;
        let authority = self
            .secrets
            .authority(cluster)
            .map_err(|error| refused(&error))?;
        let command = Command::Control(ControlCommand::UseJoinToken {
            certificate_sha256,
            quic: request.quic.clone(),
            http: request.http.clone(),
            at: Timestamp::now(),
        });
        let committed = cluster
            .propose(command, pga_runtime::now() + SPEND_TIMEOUT)
            .await;
        let node = match committed.map(|committed| committed.reply) {
            Ok(Reply::NodeId(node)) => node,
            Ok(_) => return Err(ServiceError::Failed("unexpected answer".to_owned())),
            Err(ProposeError::Unknown) => {
                return Err(ServiceError::Failed("outcome unknown".to_owned()));
            }
            Err(error) => return Err(refused(&error)),
        };
        tracing::info!(node_id = %node, quic = request.quic, "a node joins");
        let identity = authority
            .issue_node(node, Validity::for_next(self.lifetime))
            .map_err(|error| refused(&error))?;
        let cluster_key = self
            .secrets
            .key
            .in_use(cluster.with_state(State::cluster_key));
        let answer = JoinAnswer {
            node,
            identity,
            authority: self.secrets.authority.clone(),
            cluster_key: cluster_key.map_err(|error| refused(&error))?,
            cluster: self.secrets.cluster,
            members: cluster.members(),
        };
        answer.encode().map_err(|error| refused(&error))
    }
}

impl AppService for JoinService {
    fn join(
        &self,
        certificate_sha256: [u8; 32],
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        Box::pin(async move { self.admit(certificate_sha256, &body).await })
    }

    fn read(&self, from: NodeId, body: Bytes) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        Box::pin(async move {
            let cluster = self.cluster.get();
            let cluster = cluster.ok_or_else(|| ServiceError::refused("starting"))?;
            if cluster.with_state(|state| state.is_retired(from)) {
                return Err(ServiceError::Refused(RefusalReason::Forbidden));
            }
            match PeerMessage::decode(&body)? {
                PeerMessage::Keep(key) => key_rotation::keep(&self.secrets.key, from, key).await,
                PeerMessage::Give(id) => key_rotation::give(&self.secrets.key, &id),
                PeerMessage::Failed(told) => {
                    self.failures.heard(&told, pga_runtime::now());
                    Ok(Bytes::new())
                }
            }
        })
    }
}

fn refused(error: &dyn std::error::Error) -> ServiceError {
    ServiceError::refused(pga_runtime::error_chain(error))
}

/// Nodes that were let in and are no members yet.
pub(crate) fn waiting(cluster: &ClusterNode) -> Vec<Member> {
    let members = cluster.members();
    let is_member = |node: NodeId| members.iter().any(|member| member.node == node);
    cluster.with_state(|state| {
        let book = state.address_book().values();
        let waiting =
            book.filter(|member| !is_member(member.node) && !state.is_retired(member.node));
        waiting.cloned().collect()
    })
}
