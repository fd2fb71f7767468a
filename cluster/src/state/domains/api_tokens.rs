//! API tokens: named, scoped, expiring credentials of scripts and dashboards.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Tokens that a user has at a time.
const MAX_PER_USER: usize = 100;

/// A token; of its secret only the hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// What its owner calls it.
    pub name: String,
    /// Whose.
    pub user_id: i64,
    /// The most it may, as a role: `admin`, `user` or `viewer`. Never more than its owner may.
    pub scope: String,
    /// SHA-256 of its text.
    pub sha256: [u8; 32],
    /// When.
    pub created_at: Timestamp,
    /// When it stops being good.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
}

/// Changes of API tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiTokenCommand {
    /// Adds a token.
    Create {
        /// Random.
        id: u64,
        /// The token.
        token: ApiToken,
    },
    /// Takes a token away.
    Revoke {
        /// Which.
        id: u64,
    },
    /// Notes that a token was used.
    Used {
        /// Which.
        id: u64,
        /// When.
        at: Timestamp,
    },
}

/// All tokens.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::state) struct ApiTokens(pub(in crate::state) BTreeMap<u64, ApiToken>);

impl ApiTokens {
    /// Takes all tokens of a user away.
    pub(in crate::state) fn revoke_all(&mut self, user_id: i64) {
        self.0.retain(|_, token| token.user_id != user_id);
    }

    fn create(&mut self, id: u64, token: &ApiToken) -> Result<(), Refusal> {
        let mut mine = self.0.values().filter(|t| t.user_id == token.user_id);
        if self.0.contains_key(&id) || mine.clone().any(|t| t.name == token.name) {
            return Err(Refusal::Taken);
        }
        if mine.nth(MAX_PER_USER - 1).is_some() {
            let text = format!("a user has at most {MAX_PER_USER} tokens: revoke one first");
            return Err(Refusal::Rule(text));
        }
        self.0.insert(id, token.clone());
        Ok(())
    }
}

impl ApiTokens {
    /// Applies a command, purely (SM-1).
    pub(in crate::state) fn apply(&mut self, command: &ApiTokenCommand) -> Result<(), Refusal> {
        match command {
            ApiTokenCommand::Create { id, token } => self.create(*id, token),
            ApiTokenCommand::Revoke { id } => self.0.remove(id).map(drop).ok_or(Refusal::NotFound),
            ApiTokenCommand::Used { id, at } => match self.0.get_mut(id) {
                Some(token) => {
                    token.last_used_at = token.last_used_at.max(Some(*at));
                    Ok(())
                }
                None => Err(Refusal::NotFound),
            },
        }
    }
}

plain_section!(ApiTokens, "api_tokens", FeatureLevel::PEOPLE);

#[cfg(test)]
mod tests {
    use super::*;

    fn create(id: u64, name: &str) -> ApiTokenCommand {
        let token = ApiToken {
            name: name.into(),
            user_id: 1,
            scope: "viewer".into(),
            sha256: [0; 32],
            created_at: Timestamp::from_micros(1),
            expires_at: None,
            last_used_at: None,
        };
        ApiTokenCommand::Create { id, token }
    }

    #[test]
    fn a_users_names_are_given_once_and_their_number_is_bounded() {
        let mut tokens = ApiTokens::default();
        assert_eq!(tokens.apply(&create(1, "a")), Ok(()));
        assert_eq!(tokens.apply(&create(2, "a")), Err(Refusal::Taken));
        assert_eq!(tokens.apply(&create(1, "b")), Err(Refusal::Taken));
        for n in 2..=MAX_PER_USER as u64 {
            let created = tokens.apply(&create(n, &n.to_string()));
            assert_eq!(created, Ok(()), "{n}");
        }
        let more = tokens.apply(&create(1_000, "more"));
        assert!(matches!(more, Err(Refusal::Rule(_))), "{more:?}");
        tokens.revoke_all(1);
        assert!(tokens.0.is_empty());
    }
}
