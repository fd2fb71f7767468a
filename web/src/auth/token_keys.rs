//! The keys that sign tokens: the newest signs, and those before verify what they signed until it
//! has ended, so that a new key logs nobody out.
//!
//! A token names its key (`kid`, RFC 7515, 4.1.4); those of the first key name none.

use std::fmt;
use std::time::Duration;

use pga_storage::Timestamp;

use super::lifetimes::{COLLECTOR_LIFETIME, REFRESH_GRACE, REFRESH_LIFETIME};
use crate::refusal::Refusal;

/// A new key signs only when every node has had the time to learn of it.
pub(crate) const SPREAD: Duration = Duration::from_secs(60);

/// How long after its successor a key is needed: as long as the longest token lasts, and the clocks
/// of nodes may differ.
pub(crate) fn needed() -> Duration {
    REFRESH_LIFETIME.max(COLLECTOR_LIFETIME + REFRESH_GRACE) + 2 * SPREAD
}

/// One key.
#[derive(Clone)]
pub struct TokenKey {
    /// Its number; 0 is the first of the cluster.
    pub id: u64,
    /// 32 random bytes.
    pub key: Vec<u8>,
    /// When it was made; nobody asks that of the first.
    pub at: Timestamp,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The keys of a cluster, by number.
#[derive(Clone, Debug)]
pub struct TokenKeys {
    /// The cluster's id, as tokens name it.
    pub(crate) cluster: String,
    first: TokenKey,
    later: Vec<TokenKey>,
}

impl TokenKeys {
    /// The keys of the cluster with this id: the first, and those that came later, in their order.
    pub fn new(cluster: String, first: Vec<u8>, later: Vec<TokenKey>) -> Self {
        let first = TokenKey {
            id: 0,
            key: first,
            at: Timestamp::from_micros(0),
        };
        Self {
            cluster,
            first,
            later,
        }
    }

    /// The key that signs at `now`.
    pub(crate) fn signing(&self, now: Timestamp) -> &TokenKey {
        let is_known_everywhere = |key: &&TokenKey| after(key.at, SPREAD) <= now;
        let newest = self.later.iter().rev().find(is_known_everywhere);
        newest.unwrap_or(&self.first)
    }

    /// The key of a token that names `kid`.
    ///
    /// # Errors
    /// 401 if no token of that key can be good at `now`, 503 if another node may have made it just
    /// now.
    pub(crate) fn verifying(&self, kid: Option<&str>, now: Timestamp) -> Result<&[u8], Refusal> {
        let invalid = || Refusal::unauthorized("Invalid token");
        let id: u64 = kid.map_or(Ok(0), |kid| {
            let id = kid.parse().ok().filter(|id| *id > 0);
            id.ok_or_else(invalid)
        })?;
        let newest = self.later.last().unwrap_or(&self.first);
        if id == newest.id + 1 {
            let text = "Temporarily unavailable: this node does not know the token's key yet";
            return Err(Refusal::unavailable("behind", text));
        }
        let mut keys = std::iter::once(&self.first).chain(&self.later);
        let key = keys.find(|key| key.id == id).ok_or_else(invalid)?;
        match keys.next() {
            Some(next) if after(next.at, needed()) < now => Err(invalid()),
            _ => Ok(&key.key),
        }
    }
}

/// `time`, so much later.
pub(crate) fn after(time: Timestamp, by: Duration) -> Timestamp {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64, hours: i64) -> TokenKey {
        TokenKey {
            id,
            key: vec![u8::try_from(id).unwrap()],
            at: hour(hours),
        }
    }

    fn hour(hours: i64) -> Timestamp {
        Timestamp::from_micros(hours * 3_600_000_000)
    }

    /// Hours for which a collector may renew its token.
    const LIFE: i64 = 366 * 24;

    #[test]
    fn the_newest_signs_once_all_nodes_know_it_and_those_before_verify_until_their_tokens_end() {
        let keys = TokenKeys::new("c".into(), vec![0], vec![key(1, 100), key(2, 110)]);
        for (name, at, want) in [
            ("before the second", hour(99), 0),
            ("not known everywhere", after(hour(100), SPREAD / 2), 0),
            ("the second", after(hour(100), SPREAD), 1),
            ("the third", hour(111), 2),
        ] {
            assert_eq!(keys.signing(at).id, want, "{name}");
        }
        for (name, kid, at, want) in [
            ("the first, still", None, 120, Ok(0)),
            ("the first, ended", None, 101 + LIFE, Err(401)),
            ("the second, still", Some("1"), 101 + LIFE, Ok(1)),
            ("the second, ended", Some("1"), 111 + LIFE, Err(401)),
            ("the newest", Some("2"), 99_999, Ok(2)),
            ("one that is new elsewhere", Some("3"), 120, Err(503)),
            ("one that nobody made", Some("4"), 120, Err(401)),
            ("the first by its number", Some("0"), 120, Err(401)),
            ("no number", Some("x"), 120, Err(401)),
        ] {
            let found = keys.verifying(kid, hour(at));
            let found = found.map(|key| key[0]).map_err(|why| why.status.as_u16());
            assert_eq!(found, want, "{name}");
        }
    }
}
