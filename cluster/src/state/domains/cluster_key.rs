//! The key that seals the cluster's secrets, and the step in which they are sealed with another.
//!
//! The key itself is in a file of each node, and never in the log. Here stands its name: from the
//! step on in which it took another's place. Whoever takes that step has given the key to a
//! majority of the voters before.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// The key in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInUse {
    /// Its name: [`ClusterKey::id`](crate::pki::ClusterKey::id).
    pub id: [u8; 32],
    /// When it last sealed what another had sealed.
    pub at: Timestamp,
}

/// A secret that is sealed anew.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resealed {
    /// As it stands in the state; where something else stands by then, that stays.
    pub was: Bytes,
    /// The same secret, sealed with the new key.
    pub is: Bytes,
}

impl fmt::Debug for Resealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resealed")
    }
}

/// Changes of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterKeyCommand {
    /// Takes a key in use, and what it seals: the one in use by then, for what was sealed with the
    /// one before in the meantime.
    Seal {
        /// The key in use; `None` for the one that the cluster was made with.
        replaces: Option<[u8; 32]>,
        /// The key that seals from now on.
        key: [u8; 32],
        /// What it seals anew.
        secrets: Vec<Resealed>,
        /// When.
        at: Timestamp,
    },
}

/// The key in use, once it is another than the cluster was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct ClusterKeyInUse(pub(in crate::state) Option<KeyInUse>);

impl ClusterKeyInUse {
    /// Takes the key in use, and answers what stands in place of what.
    pub(in crate::state) fn change<'a>(
        &mut self,
        command: &'a ClusterKeyCommand,
    ) -> Result<BTreeMap<&'a Bytes, &'a Bytes>, Refusal> {
        let ClusterKeyCommand::Seal {
            replaces,
            key,
            secrets,
            at,
        } = command;
        if self.0.map(|in_use| in_use.id) != *replaces {
            let text = "the cluster key was changed in the meantime";
            return Err(Refusal::Conflict(text.to_owned()));
        }
        self.0 = Some(KeyInUse { id: *key, at: *at });
        Ok(secrets.iter().map(|one| (&one.was, &one.is)).collect())
    }
}

plain_section!(ClusterKeyInUse, "cluster_key", FeatureLevel::CLUSTER_KEY);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn seal(replaces: Option<u8>, key: u8) -> ClusterKeyCommand {
        ClusterKeyCommand::Seal {
            replaces: replaces.map(|id| [id; 32]),
            key: [key; 32],
            secrets: vec![Resealed {
                was: Bytes::from_static(b"was"),
                is: Bytes::from_static(b"is"),
            }],
            at: Timestamp::from_micros(i64::from(key)),
        }
    }

    #[test]
    fn of_two_changes_at_once_one_is_refused() {
        let mut key = ClusterKeyInUse::default();
        let (first, second, again) = (seal(None, 1), seal(None, 2), seal(Some(1), 2));
        assert_eq!(key.change(&first).unwrap().len(), 1);
        let refused = key.change(&second);
        assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
        assert_eq!(key.0.unwrap().id, [1; 32]);
        key.change(&again).unwrap();
        assert_eq!(key.0.unwrap().id, [2; 32]);
        let read = ClusterKeyInUse::read(1, &key.write().unwrap()).unwrap();
        assert_eq!(read, key);
    }
}
