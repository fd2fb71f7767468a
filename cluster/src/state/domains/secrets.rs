//! The cluster's secrets, sealed with a key that is not in the log.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// The cluster's secrets; none until it is bootstrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Secrets(Option<Sealed>);

/// Its secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Sealed {
    pub(in crate::state) token_key: Bytes,
    pub(in crate::state) ca_key: Bytes,
    pub(in crate::state) registration_secret_hash: [u8; 32],
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

impl Secrets {
    /// Secrets from an image.
    pub(in crate::state) const fn new(sealed: Option<Sealed>) -> Self {
        Self(sealed)
    }

    /// The secrets, once the cluster is bootstrapped.
    pub(in crate::state) const fn sealed(&self) -> Option<&Sealed> {
        self.0.as_ref()
    }

    /// The same, to seal them anew.
    pub(in crate::state) const fn sealed_mut(&mut self) -> Option<&mut Sealed> {
        self.0.as_mut()
    }

    /// Takes the first and only secrets.
    pub(in crate::state) fn begin(&mut self, sealed: Sealed) {
        self.0.get_or_insert(sealed);
    }

    /// Takes another authority's key, if there are secrets: those of a cluster that begins with
    /// another's state.
    pub(in crate::state) fn replace_ca_key(&mut self, ca_key: Bytes) {
        if let Some(sealed) = &mut self.0 {
            sealed.ca_key = ca_key;
        }
    }

    /// Refuses a second beginning.
    pub(in crate::state) const fn not_yet(&self) -> Result<(), Refusal> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(Refusal::AlreadyBootstrapped),
        }
    }
}

plain_section!(Secrets, "secrets", FeatureLevel::BASE);
