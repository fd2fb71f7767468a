//! Registration secrets: what a collector shows to become known.
//!
//! The secret that the cluster was made with stands with the cluster's other secrets; these are
//! added later, one by one, and can be taken back.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Secrets at a time.
const MAX: usize = 1_000;

/// A secret; only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationSecret {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// SHA-256 of its text.
    pub sha256: [u8; 32],
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used.
    pub max_uses: Option<u64>,
    /// How often it was used.
    pub uses: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// It is not good any more.
    pub is_revoked: bool,
}

impl RegistrationSecret {
    /// Whether a collector could register with it at `at`.
    pub fn is_good(&self, at: Timestamp) -> bool {
        !self.is_revoked
            && self.expires_at.is_none_or(|end| at < end)
            && self.max_uses.is_none_or(|max| self.uses < max)
    }
}

/// Changes of registration secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegistrationSecretCommand {
    /// Adds a secret.
    Create {
        /// Random.
        id: u64,
        /// The secret.
        secret: RegistrationSecret,
    },
    /// Takes a secret back: it stays in the list.
    Revoke {
        /// Which.
        id: u64,
    },
}

/// All secrets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::state) struct RegistrationSecrets(
    pub(in crate::state) BTreeMap<u64, RegistrationSecret>,
);

impl RegistrationSecrets {
    /// Spends one use of a secret.
    pub(in crate::state) fn use_once(&mut self, id: u64, at: Timestamp) -> Result<(), Refusal> {
        let secret = self.0.get_mut(&id).filter(|secret| secret.is_good(at));
        let secret = secret.ok_or(Refusal::NotFound)?;
        secret.uses += 1;
        secret.last_used_at = secret.last_used_at.max(Some(at));
        Ok(())
    }

    fn create(&mut self, id: u64, secret: &RegistrationSecret) -> Result<(), Refusal> {
        let is_taken = |other: &RegistrationSecret| !other.is_revoked && other.name == secret.name;
        if self.0.contains_key(&id) || self.0.values().any(is_taken) {
            return Err(Refusal::Taken);
        }
        if self.0.len() >= MAX {
            let at = secret.created_at;
            let oldest = self.0.iter().filter(|(_, secret)| !secret.is_good(at));
            let oldest = oldest.min_by_key(|(id, secret)| (secret.created_at, **id));
            let Some((&oldest, _)) = oldest else {
                let text = format!("there are {MAX} good registration secrets: revoke one first");
                return Err(Refusal::Rule(text));
            };
            self.0.remove(&oldest);
        }
        self.0.insert(id, secret.clone());
        Ok(())
    }
}

impl RegistrationSecrets {
    /// Applies a command, purely (SM-1).
    pub(in crate::state) fn apply(
        &mut self,
        command: &RegistrationSecretCommand,
    ) -> Result<(), Refusal> {
        match command {
            RegistrationSecretCommand::Create { id, secret } => self.create(*id, secret),
            RegistrationSecretCommand::Revoke { id } => match self.0.get_mut(id) {
                Some(secret) => {
                    secret.is_revoked = true;
                    Ok(())
                }
                None => Err(Refusal::NotFound),
            },
        }
    }
}

plain_section!(
    RegistrationSecrets,
    "registration_secrets",
    FeatureLevel::PEOPLE
);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn secret(expires_at: Option<i64>, max_uses: Option<u64>) -> RegistrationSecret {
        RegistrationSecret {
            name: "fleet".into(),
            description: String::new(),
            sha256: [1; 32],
            created_by: "admin".into(),
            created_at: at(0),
            expires_at: expires_at.map(at),
            max_uses,
            uses: 0,
            last_used_at: None,
            is_revoked: false,
        }
    }

    #[test]
    fn a_secret_is_good_until_it_expires_is_used_up_or_revoked() {
        for (name, expires, max, revoked, want) in [
            ("for ever", None, None, false, vec![true, true, true]),
            ("expires", Some(15), None, false, vec![true, false, false]),
            ("twice", None, Some(2), false, vec![true, true, false]),
            ("revoked", None, None, true, vec![false, false, false]),
        ] {
            let mut secrets = RegistrationSecrets::default();
            let create = RegistrationSecretCommand::Create {
                id: 1,
                secret: secret(expires, max),
            };
            secrets.apply(&create).unwrap();
            if revoked {
                let revoke = RegistrationSecretCommand::Revoke { id: 1 };
                secrets.apply(&revoke).unwrap();
            }
            let used: Vec<bool> = [10, 20, 30]
                .iter()
                .map(|when| secrets.use_once(1, at(*when)).is_ok())
                .collect();
            assert_eq!(used, want, "{name}");
        }
    }
}
