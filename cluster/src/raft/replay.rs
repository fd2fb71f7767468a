//! Applying entries to a state: by the running state machine, and by the builder of snapshots.

use openraft::EntryPayload;
use pga_config::NodeId;

use super::type_config::{Entry, Membership, position};
use crate::command::{Command, Refusal, Reply};
use crate::state::{Applied, State};

/// Applies one entry; a membership is also put into `membership`.
///
/// Bytes that are no command of this version have no effect: the proposer learns it, nothing panics.
pub(crate) fn apply_entry(
    state: &mut State,
    membership: &mut Membership,
    entry: &Entry,
) -> Applied {
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
            Ok((id, command)) => return state.apply(at, id, &command),
            Err(_) => {
                state.skip(at);
                Reply::Refused(Refusal::Unknown)
            }
        },
    };
    Applied {
        reply,
        effect: None,
    }
}
