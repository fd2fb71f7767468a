//! What `cluster token` prints: everything a new node needs to find and trust the cluster, and to
//! be let in once.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pga_storage::Timestamp;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

use super::{Identity, PkiError};
use crate::{ClusterId, Member};

const PREFIX: &str = "pgajoin1.";

/// A join token as one line of text: `pgajoin1.` and base64url. Whoever holds it can join once;
/// `Debug` prints no secret.
#[derive(Clone)]
pub struct JoinBundle {
    /// The cluster.
    pub cluster: ClusterId,
    /// Certificate of its authority.
    pub authority: CertificateDer<'static>,
    /// The join certificate and its key.
    pub identity: Identity,
    /// The part of the join certificate's name that is its own: see
    /// [`join_server_name`](super::join_server_name).
    pub token: [u8; 16],
    /// Nodes to ask, any of them.
    pub members: Vec<Member>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// The text's content; its fields are named in the text, so they are not renamed.
#[derive(Serialize, Deserialize)]
struct Content {
    cluster: ClusterId,
    #[serde(with = "serde_bytes")]
    ca: Vec<u8>,
    #[serde(with = "serde_bytes")]
    cert: Vec<u8>,
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    token: [u8; 16],
    members: Vec<Member>,
    expires_at: Timestamp,
}

impl JoinBundle {
    /// The text to hand over: a secret.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] if the content cannot be encoded.
    pub fn to_text(&self) -> Result<String, PkiError> {
        let content = Content {
            cluster: self.cluster,
            ca: self.authority.to_vec(),
            cert: self.identity.certificate().to_vec(),
            key: self.identity.key_der().to_vec(),
            token: self.token,
            members: self.members.clone(),
            expires_at: self.expires_at,
        };
        let bytes = rmp_serde::to_vec_named(&content).map_err(|_| malformed())?;
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Whether the token's time is over, by this machine's clock.
    pub fn is_expired(&self) -> bool {
        self.expires_at <= Timestamp::now()
    }
}

impl FromStr for JoinBundle {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let body = text.trim().strip_prefix(PREFIX).ok_or_else(malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| malformed())?;
        let content: Content = pga_storage::from_msgpack(&bytes).map_err(|_| malformed())?;
        Ok(Self {
            cluster: content.cluster,
            authority: content.ca.into(),
            identity: Identity::new(content.cert.into(), PrivatePkcs8KeyDer::from(content.key)),
            token: content.token,
            members: content.members,
            expires_at: content.expires_at,
        })
    }
}

impl fmt::Debug for JoinBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinBundle")
            .field("cluster", &self.cluster)
            .field("members", &self.members)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

fn malformed() -> PkiError {
    PkiError::Malformed { what: "join token" }
}
