//! What apply decided, into the flush buffer.

use pga_storage::Position;
use pga_storage::buffer::{Accepted, Buffer, BufferedEntry, BufferedPush};

use crate::state::Effect;

/// Puts the effect of the entry at `position` into the buffer.
pub(crate) fn put_effect(
    buffer: &Buffer,
    position: Position,
    effect: Effect,
) -> pga_storage::Result<()> {
    let entry = match effect {
        Effect::Pushes(pushes) => {
            let push = |(record, new): (_, Vec<bool>)| BufferedPush {
                record,
                accepted: accepted(&new),
            };
            BufferedEntry::Pushes(pushes.into_iter().map(push).collect())
        }
        Effect::Staged(record) => BufferedEntry::Staged { record },
        Effect::Commit(parts) => {
            let part = |(index, new): (u64, Vec<bool>)| (index, accepted(&new));
            BufferedEntry::Commit {
                parts: parts.into_iter().map(part).collect(),
            }
        }
        Effect::Abort(parts) => BufferedEntry::Abort { parts },
    };
    buffer.put(position, &entry)
}

fn accepted(new: &[bool]) -> Accepted {
    new.iter().copied().collect()
}
