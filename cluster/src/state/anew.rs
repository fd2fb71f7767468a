//! The state of one cluster as that with which another begins.

use bytes::Bytes;
use pga_config::NodeId;
use pga_storage::Position;

use super::domains::{AuditEntry, Nodes, Sessions};
use super::image_error::ImageError;
use super::uploads::Uploads;
use super::{State, StateLimits};
use crate::feature_level::{FeatureLevel, Outdated};

impl State {
    /// The state in `bytes` ([`State::to_bytes`]), if a program that knows `known` may go on with
    /// it.
    ///
    /// # Errors
    /// [`ImageError`] if the bytes are damaged or from a newer version.
    pub fn restored(bytes: &[u8], known: FeatureLevel) -> Result<Self, ImageError> {
        let state = Self::from_bytes(bytes, StateLimits::default())?;
        state.level.check(known).map_err(ImageError::Outdated)?;
        Ok(state)
    }

    /// Whether a program that knows `known` may go on with a cluster at `level`, which version
    /// `since` brought.
    ///
    /// # Errors
    /// [`Outdated`] names the level and the version that it needs.
    pub fn check_level(
        level: FeatureLevel,
        since: &str,
        known: FeatureLevel,
    ) -> Result<(), Outdated> {
        let since = since.to_owned();
        crate::feature_level::ClusterLevel { level, since }.check(known)
    }

    /// Makes this the state with which another cluster begins, at `at`, with these members and an
    /// authority of its own, whose key is sealed with the cluster key that opens all else. What
    /// belongs to the old cluster's nodes goes: their addresses, retired ids and join tokens; large
    /// pushes that were under way, of which nothing was acknowledged; and the sessions of users,
    /// since some of them may have ended after the backup.
    pub fn begin_anew(
        &mut self,
        at: Position,
        members: impl IntoIterator<Item = NodeId>,
        ca_key: Bytes,
        entry: &AuditEntry,
    ) {
        self.uploads = Uploads::default();
        self.domains.nodes = Nodes::default();
        self.domains.sessions = Sessions::default();
        self.domains.secrets.replace_ca_key(ca_key);
        // Below this level a state has no audit log.
        if self.level.level >= FeatureLevel::PEOPLE {
            self.domains.audit.note(entry);
        }
        self.set_members(at, members);
        self.flushed = at;
    }
}

#[cfg(test)]
mod tests {
    use pga_storage::Timestamp;

    use super::*;
    use crate::command::Command;
    use crate::proposal_id::ProposalId;

    fn entry() -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_micros(1),
            actor: "command line".into(),
            user_id: None,
            address: String::new(),
            action: "cluster.restore".into(),
            target: String::new(),
            before: None,
            after: None,
            request_id: String::new(),
        }
    }

    /// The frozen state has a bit of everything, an open upload and a retired node too.
    fn sample() -> State {
        let golden = include_bytes!("../../tests/golden/state/v3.bin");
        let mut state = State::restored(golden, FeatureLevel::CURRENT).unwrap();
        let raise = Command::RaiseLevel {
            level: FeatureLevel::CURRENT,
            since: "3.0.0".into(),
        };
        let next = Position::new(8, state.applied().index + 1);
        state.apply(next, ProposalId(77), &raise);
        state
    }

    #[test]
    fn what_belongs_to_the_old_nodes_goes_and_the_rest_stays() {
        let before = sample();
        assert!(before.open_uploads().count() > 0 && !before.address_book().is_empty());
        let mut state = sample();
        let at = Position::new(9, 5_000);
        let ids = [1, 2, 3].map(NodeId::new);
        state.begin_anew(at, ids, Bytes::from_static(b"sealed"), &entry());
        let bytes = state.to_bytes().unwrap();
        let state = State::restored(&bytes, FeatureLevel::CURRENT).unwrap();
        assert_eq!((state.applied(), state.flushed()), (at, at));
        assert_eq!(state.flushable(), at, "no upload holds a flush up");
        assert_eq!(state.ca_key().unwrap().as_ref(), b"sealed");
        assert_eq!(state.token_key(), before.token_key());
        assert_eq!(state.users(), before.users());
        assert_eq!(state.collectors(), before.collectors());
        assert_eq!(state.dedup_keys(), before.dedup_keys());
        assert!(state.address_book().is_empty() && state.sessions().is_empty());
        assert!(!(1..10).any(|id| state.is_retired(NodeId::new(id))));
        let (_, last) = state.audit().next_back().unwrap();
        assert_eq!(last.action, "cluster.restore");
        assert_eq!(state.feature_level(), FeatureLevel::CURRENT);
    }

    #[test]
    fn a_state_of_a_later_level_is_refused_as_that() {
        let bytes = sample().to_bytes().unwrap();
        let refused = State::restored(&bytes, FeatureLevel::new(3)).unwrap_err();
        assert!(matches!(refused, ImageError::Outdated(_)), "{refused}");
        let known = FeatureLevel::new(3);
        State::check_level(FeatureLevel::new(4), "3.0.0", known).unwrap_err();
    }
}
