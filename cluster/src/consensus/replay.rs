//! Applying entries to a state: by the running state machine, and by the builder of snapshots.

use openraft::EntryPayload;
use pga_config::NodeId;

use crate::command::Command;
use crate::consensus::type_config::{Entry, Membership, position};
use crate::feature_level::{ClusterLevel, FeatureLevel, Outdated};
use crate::outcome::{Refusal, Reply};
use crate::state::{Applied, State};

/// Applies one entry; a membership is also put into `membership`.
///
/// From feature level 1 on an entry that this program does not know is an error: without it this
/// state would part from those of others (SM-1). Below it such an entry has no effect, as on
/// members of earlier versions.
///
/// # Errors
/// [`Outdated`]; the state is that before the entry.
pub(crate) fn apply_entry(
    state: &mut State,
    membership: &mut Membership,
    entry: &Entry,
    known: FeatureLevel,
) -> Result<Applied, Outdated> {
    let at = position(&entry.log_id);
    let reply = match &entry.payload {
        EntryPayload::Blank => {
            state.skip(at);
            Reply::Done
        }
        EntryPayload::Membership(members) => {
            let ids = members.nodes().map(|(id, _)| NodeId::new(*id));
            state.set_members(at, ids.collect::<Vec<_>>());
            *membership = Membership::new(Some(entry.log_id), members.clone());
            Reply::Done
        }
        EntryPayload::Normal(payload) => match Command::decode(payload.0.clone()) {
            Ok((id, command)) => {
                if let Command::RaiseLevel { level, since } = &command {
                    let raised = ClusterLevel {
                        level: *level,
                        since: since.clone(),
                    };
                    raised.check(known)?;
                }
                return Ok(state.apply(at, id, &command));
            }
            Err(_) if state.feature_level() > FeatureLevel::BASE => {
                return Err(Outdated::Command {
                    index: at.index,
                    level: state.feature_level(),
                });
            }
            Err(_) => {
                state.skip(at);
                Reply::Refused(Refusal::Unknown)
            }
        },
    };
    Ok(Applied {
        reply,
        effect: None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::consensus::payload::Payload;
    use crate::consensus::type_config::LogId;
    use crate::proposal_id::ProposalId;
    use crate::state::StateLimits;

    fn entry(index: u64, payload: Bytes) -> Entry {
        Entry {
            log_id: LogId::new_term_index(1, index),
            payload: EntryPayload::Normal(Payload(payload)),
        }
    }

    fn raise(index: u64, level: u32) -> Entry {
        let raise = Command::RaiseLevel {
            level: FeatureLevel::new(level),
            since: "3.4.0".into(),
        };
        entry(index, raise.encode(ProposalId(u128::from(index))).unwrap())
    }

    fn apply(state: &mut State, entry: &Entry) -> Result<Applied, Outdated> {
        let known = FeatureLevel::new(1);
        apply_entry(state, &mut Membership::default(), entry, known)
    }

    /// Below level 1 members of earlier versions skip it; from there on nobody does.
    #[test]
    fn an_unknown_entry_is_skipped_at_the_base_level_and_stops_the_node_above_it() {
        let unknown = Bytes::from_static(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200]);
        let mut state = State::new(StateLimits::default());
        let skipped = apply(&mut state, &entry(1, unknown.clone())).unwrap();
        assert_eq!(skipped.reply, Reply::Refused(Refusal::Unknown));
        apply(&mut state, &raise(2, 1)).unwrap();
        let stopped = apply(&mut state, &entry(3, unknown)).unwrap_err();
        let level = FeatureLevel::new(1);
        assert_eq!(stopped, Outdated::Command { index: 3, level });
        assert_eq!(state.applied().index, 2, "nothing of it took effect");
    }

    #[test]
    fn a_level_that_the_program_does_not_know_stops_the_node() {
        let mut state = State::new(StateLimits::default());
        let stopped = apply(&mut state, &raise(1, 2)).unwrap_err();
        assert!(stopped.to_string().contains("install version 3.4.0"));
        assert_eq!(state.feature_level(), FeatureLevel::BASE);
    }
}
