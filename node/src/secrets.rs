//! The cluster's secrets on one node: sealed in the replicated state, opened with the node's
//! cluster key.

use pga_cluster::pki::{CertificateAuthority, ClusterKey, PkiError};
use pga_cluster::{ClusterId, ClusterNode};
use rustls::pki_types::CertificateDer;

use crate::{Error, Result};

/// What the CA's private key is sealed for.
pub(crate) const CA_KEY: &str = "ca-key";
/// What the signing key of tokens is sealed for.
pub(crate) const TOKEN_KEY: &str = "token-key";

/// What opens the cluster's secrets. `Debug` prints none of them.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// Certificate of its authority.
    pub(crate) authority: CertificateDer<'static>,
    /// The key of this node's file.
    pub(crate) key: ClusterKey,
}

impl Secrets {
    /// The signing key of tokens; `None` until the replicated state holds it.
    pub(crate) fn token_key(&self, node: &ClusterNode) -> Option<Vec<u8>> {
        let sealed = node.with_state(|state| state.token_key().cloned())?;
        match self.key.open(TOKEN_KEY, &sealed) {
            Ok(key) => Some(key),
            Err(error) => {
                tracing::error!(%error, "the signing key of tokens does not open with this node's cluster key");
                None
            }
        }
    }

    /// The authority, ready to issue.
    pub(crate) fn authority(&self, node: &ClusterNode) -> Result<CertificateAuthority> {
        let sealed = node.with_state(|state| state.ca_key().cloned());
        let sealed = sealed.ok_or_else(|| {
            Error::Unavailable("the cluster has no certificate authority yet".to_owned())
        })?;
        let open = || -> std::result::Result<_, PkiError> {
            let key = self.key.open(CA_KEY, &sealed)?;
            CertificateAuthority::restore(self.cluster, self.authority.clone(), &key)
        };
        open().map_err(pki)
    }
}

/// A failure with certificates or keys.
pub(crate) fn pki(error: PkiError) -> Error {
    Error::Pki(pga_runtime::error_chain(&error))
}
