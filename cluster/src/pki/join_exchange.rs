//! The join call: what a new node says, and what it is given over the mutually authenticated
//! connection.

use std::fmt;

use bytes::Bytes;
use pga_config::NodeId;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

use super::{ClusterKey, Identity, PkiError};
use crate::{ClusterId, FeatureLevel, Member};

/// What a new node tells. Which token it holds comes from its certificate, not from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Where it will listen for peers, `host:port`.
    pub quic: String,
    /// Base URL of its HTTP side.
    pub http: String,
    /// What its program knows.
    #[serde(default)]
    pub feature_level: FeatureLevel,
}

/// What a new node is given: its identity and the cluster's secrets. `Debug` prints no secret.
#[derive(Clone)]
pub struct JoinAnswer {
    /// Its id, for ever.
    pub node: NodeId,
    /// Its certificate and key.
    pub identity: Identity,
    /// Certificate of the cluster's authority.
    pub authority: CertificateDer<'static>,
    /// The key that opens the replicated secrets.
    pub cluster_key: ClusterKey,
    /// The cluster.
    pub cluster: ClusterId,
    /// Its members, the new one possibly included.
    pub members: Vec<Member>,
}

#[derive(Serialize, Deserialize)]
struct AnswerContent {
    node: NodeId,
    #[serde(with = "serde_bytes")]
    cert: Vec<u8>,
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    #[serde(with = "serde_bytes")]
    ca: Vec<u8>,
    cluster_key: [u8; 32],
    cluster: ClusterId,
    members: Vec<Member>,
}

impl JoinRequest {
    /// The body of the call.
    ///
    /// # Errors
    /// [`PkiError::Malformed`]
    pub fn encode(&self) -> Result<Bytes, PkiError> {
        encode(self)
    }

    /// Reads the body of the call.
    ///
    /// # Errors
    /// [`PkiError::Malformed`]
    pub fn decode(body: &[u8]) -> Result<Self, PkiError> {
        decode(body)
    }
}

impl JoinAnswer {
    /// The answer's body: secret.
    ///
    /// # Errors
    /// [`PkiError::Malformed`]
    pub fn encode(&self) -> Result<Bytes, PkiError> {
        encode(&AnswerContent {
            node: self.node,
            cert: self.identity.certificate().to_vec(),
            key: self.identity.key_der().to_vec(),
            ca: self.authority.to_vec(),
            cluster_key: *self.cluster_key.as_bytes(),
            cluster: self.cluster,
            members: self.members.clone(),
        })
    }

    /// Reads the answer's body.
    ///
    /// # Errors
    /// [`PkiError::Malformed`]
    pub fn decode(body: &[u8]) -> Result<Self, PkiError> {
        let content: AnswerContent = decode(body)?;
        Ok(Self {
            node: content.node,
            identity: Identity::new(content.cert.into(), PrivatePkcs8KeyDer::from(content.key)),
            authority: content.ca.into(),
            cluster_key: ClusterKey::from_bytes(content.cluster_key),
            cluster: content.cluster,
            members: content.members,
        })
    }
}

impl fmt::Debug for JoinAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinAnswer")
            .field("node", &self.node)
            .field("cluster", &self.cluster)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Bytes, PkiError> {
    let bytes = rmp_serde::to_vec_named(value).map_err(|_| malformed())?;
    Ok(bytes.into())
}

fn decode<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, PkiError> {
    pga_storage::from_msgpack(body).map_err(|_| malformed())
}

fn malformed() -> PkiError {
    PkiError::Malformed {
        what: "join message",
    }
}
