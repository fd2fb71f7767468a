//! Keys that sign tokens, after the first, sealed with a key that is not in the log.
//!
//! The first key has the number 0 and is among the cluster's secrets. Each later one has the next
//! number, and is forgotten when no token that it signed can be good any more.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Keys beside the first.
const MAX_KEYS: usize = 16;

/// A key that signs tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenKey {
    /// The key, sealed.
    pub sealed: Bytes,
    /// When it was made.
    pub at: Timestamp,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Changes of the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKeyCommand {
    /// Adds the newest key.
    Add {
        /// Its number: the next one.
        id: u64,
        /// It.
        key: TokenKey,
        /// Keys that another followed before this are forgotten.
        followed_before: Timestamp,
    },
}

/// All keys after the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct TokenKeys(pub(in crate::state) BTreeMap<u64, TokenKey>);

impl TokenKeys {
    pub(in crate::state) fn apply(&mut self, command: &TokenKeyCommand) -> Result<(), Refusal> {
        let TokenKeyCommand::Add {
            id,
            key,
            followed_before,
        } = command;
        let newest = self.0.last_key_value().map_or(0, |(id, _)| *id);
        if *id != newest + 1 {
            let text = format!("key {newest} was made in the meantime");
            return Err(Refusal::Conflict(text));
        }
        let next = self.0.iter().skip(1).map(|(_, next)| next.at);
        let ended: Vec<u64> = (self.0.keys().copied().zip(next))
            .filter(|(_, followed)| followed < followed_before)
            .map(|(id, _)| id)
            .collect();
        if self.0.len() - ended.len() >= MAX_KEYS {
            let text = format!("{MAX_KEYS} keys are in use: tokens of the oldest are good still");
            return Err(Refusal::Rule(text));
        }
        self.0.retain(|id, _| !ended.contains(id));
        self.0.insert(*id, key.clone());
        Ok(())
    }
}

plain_section!(TokenKeys, "token_keys", FeatureLevel::TOKEN_KEYS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn add(id: u64, at: i64, followed_before: i64) -> TokenKeyCommand {
        TokenKeyCommand::Add {
            id,
            key: TokenKey {
                sealed: Bytes::from_static(b"sealed"),
                at: Timestamp::from_micros(at),
            },
            followed_before: Timestamp::from_micros(followed_before),
        }
    }

    #[test]
    fn keys_follow_each_other_and_go_when_their_tokens_have_ended() {
        let mut keys = TokenKeys::default();
        keys.apply(&add(1, 10, 0)).unwrap();
        let again = keys.apply(&add(1, 11, 0));
        assert!(matches!(again, Err(Refusal::Conflict(_))), "{again:?}");
        keys.apply(&add(2, 20, 0)).unwrap();
        // Key 1 was followed at 20: it stays as long as that is not before the time.
        keys.apply(&add(3, 30, 20)).unwrap();
        assert_eq!(keys.0.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
        keys.apply(&add(4, 40, 31)).unwrap();
        assert_eq!(keys.0.keys().copied().collect::<Vec<_>>(), [3, 4]);
        let read = TokenKeys::read(1, &keys.write().unwrap()).unwrap();
        assert_eq!(read, keys);
    }

    #[test]
    fn there_is_an_end_to_their_number() {
        let mut keys = TokenKeys::default();
        for id in 1..=MAX_KEYS as u64 {
            keys.apply(&add(id, 10, 0)).unwrap();
        }
        let next = MAX_KEYS as u64 + 1;
        let refused = keys.apply(&add(next, 20, 0));
        assert!(matches!(refused, Err(Refusal::Rule(_))), "{refused:?}");
        keys.apply(&add(next, 20, 11)).unwrap();
        assert_eq!(keys.0.keys().copied().collect::<Vec<_>>(), [16, 17]);
    }
}
