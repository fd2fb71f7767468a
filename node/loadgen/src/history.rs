//! What one collector pushed.

use pga_storage::{Position, Timestamp};

/// What became of one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushState {
    /// Acknowledged: every element must be stored, once.
    Acknowledged,
    /// Refused for certain: no element may be stored.
    Refused,
    /// Never answered: all elements may be stored, or none.
    Unknown,
}

/// The pushes of one collector, in their order; element `n` of push `p` has the sequence `p *
/// elements + n`.
#[derive(Clone, Debug)]
pub struct History {
    /// The collector id as it was sent.
    pub collector: String,
    /// Seed of its values.
    pub seed: u64,
    /// Elements of each push.
    pub elements: u32,
    /// Time of each push's elements, growing, and what became of it.
    pub pushes: Vec<(Timestamp, PushState)>,
    /// The last position that acknowledged one.
    pub last_position: Option<Position>,
}

impl History {
    pub(crate) fn new(collector: String, seed: u64, elements: u32) -> Self {
        Self {
            collector,
            seed,
            elements,
            pushes: Vec::new(),
            last_position: None,
        }
    }

    /// Elements that were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        let pushes = self
            .pushes
            .iter()
            .filter(|(_, state)| *state == PushState::Acknowledged);
        pushes.count() as u64 * u64::from(self.elements)
    }
}
