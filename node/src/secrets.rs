//! The cluster's secrets on one node: sealed in the replicated state, opened with the node's
//! cluster key.

use std::path::Path;
use std::sync::Arc;

use pga_cluster::pki::{CertificateAuthority, ClusterKey, PkiError};
use pga_cluster::{ClusterId, ClusterNode, State};
use pga_web::{TokenKey, TokenKeys};
use rustls::pki_types::CertificateDer;

use crate::keyring::Keyring;
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
    /// The keys of this node's file.
    pub(crate) key: Arc<Keyring>,
}

impl Secrets {
    /// The signing keys of tokens; `None` until the replicated state holds the first.
    pub(crate) fn token_keys(&self, node: &ClusterNode) -> Option<TokenKeys> {
        let sealed = |state: &State| Some((state.token_key()?.clone(), state.token_keys().clone()));
        let (first, later) = node.with_state(sealed)?;
        let open = || -> std::result::Result<_, PkiError> {
            let later = later.iter().map(|(id, key)| {
                Ok(TokenKey {
                    id: *id,
                    key: self.key.open(TOKEN_KEY, &key.sealed)?,
                    at: key.at,
                })
            });
            let later = later.collect::<std::result::Result<Vec<_>, PkiError>>()?;
            let first = self.key.open(TOKEN_KEY, &first)?;
            Ok(TokenKeys::new(self.cluster.to_string(), first, later))
        };
        match open() {
            Ok(keys) => Some(keys),
            Err(error) => {
                tracing::error!(%error, "the signing keys of tokens do not open with this node's cluster key");
                None
            }
        }
    }

    /// Seals a secret with the key in use.
    pub(crate) fn seal(&self, node: &ClusterNode, context: &str, secret: &[u8]) -> Result<Vec<u8>> {
        let key = self.key.in_use(node.with_state(State::cluster_key))?;
        key.seal(context, secret).map_err(pki)
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

/// The key in a file that opens what a state holds sealed.
///
/// # Errors
/// `Refused` if none does, or the state is of no cluster yet.
pub(crate) fn opener(file: &Path, state: &State) -> Result<ClusterKey> {
    let keys = Keyring::read(file).map_err(pki)?;
    let sealed = state.token_key();
    let sealed = sealed.ok_or_else(|| Error::Refused("the backup is of no cluster yet".into()))?;
    keys.opener(TOKEN_KEY, sealed).ok_or_else(|| {
        Error::Refused("the cluster key is not the one of the backup's cluster".to_owned())
    })
}

/// A failure with certificates or keys.
pub(crate) fn pki(error: PkiError) -> Error {
    Error::Pki(pga_runtime::error_chain(&error))
}
