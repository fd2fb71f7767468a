//! The checker: what was read back against what was sent.

use serde::Serialize;

use crate::{History, PushState};

/// How often each element of one collector was seen in one place.
#[derive(Clone, Debug)]
pub struct Counts {
    seen: Vec<u8>,
    foreign: u64,
}

/// What one place holds, compared with what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Different elements found that were sent.
    pub stored: u64,
    /// Acknowledged, and not found.
    pub lost: u64,
    /// Found more often than once: how many too many.
    pub duplicated: u64,
    /// Found, and never sent; or sent and refused; or part of an unanswered push of which another
    /// part is missing.
    pub phantom: u64,
}

impl Counts {
    /// Nothing seen yet of the elements of `history`.
    pub fn new(history: &History) -> Self {
        Self {
            seen: vec![0; history.pushes.len() * history.elements as usize],
            foreign: 0,
        }
    }

    /// Notes one element that was read, by its sequence; `None` is an element that was never sent.
    pub fn saw(&mut self, sequence: Option<u64>) {
        let index = sequence.and_then(|sequence| usize::try_from(sequence).ok());
        match index.and_then(|index| self.seen.get_mut(index)) {
            Some(count) => *count = count.saturating_add(1),
            None => self.foreign += 1,
        }
    }

    /// Compares with what was sent.
    pub fn verdict(&self, history: &History) -> Verdict {
        let mut verdict = Verdict {
            phantom: self.foreign,
            ..Verdict::default()
        };
        let elements = (history.elements as usize).max(1);
        for ((_, state), seen) in history.pushes.iter().zip(self.seen.chunks(elements)) {
            let present = seen.iter().filter(|count| **count > 0).count() as u64;
            let total = seen.iter().map(|count| u64::from(*count)).sum::<u64>();
            verdict.stored += present;
            verdict.duplicated += total - present;
            let missing = elements as u64 - present;
            match state {
                PushState::Acknowledged => verdict.lost += missing,
                PushState::Refused => verdict.phantom += present,
                PushState::Unknown if missing > 0 => verdict.phantom += present,
                PushState::Unknown => {}
            }
        }
        verdict
    }
}

impl std::ops::AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.phantom += other.phantom;
    }
}

#[cfg(test)]
mod tests {
    use pga_storage::Timestamp;

    use super::*;

    #[expect(clippy::too_many_lines, reason = "one table")]
    #[test]
    fn each_fault_is_told_apart() {
        use PushState::{Acknowledged, Refused, Unknown};
        let verdict = |stored, lost, duplicated, phantom| Verdict {
            stored,
            lost,
            duplicated,
            phantom,
        };
        // Three pushes of two elements each: sequences 0..6.
        for (name, states, seen, want) in [
            (
                "all there",
                [Acknowledged; 3],
                vec![0, 1, 2, 3, 4, 5],
                verdict(6, 0, 0, 0),
            ),
            (
                "one lost",
                [Acknowledged; 3],
                vec![0, 1, 2, 4, 5],
                verdict(5, 1, 0, 0),
            ),
            (
                "one twice",
                [Acknowledged; 3],
                vec![0, 1, 1, 2, 3, 4, 5],
                verdict(6, 0, 1, 0),
            ),
            (
                "never sent",
                [Acknowledged; 3],
                vec![0, 1, 2, 3, 4, 5, 6],
                verdict(6, 0, 0, 1),
            ),
            (
                "false refusal",
                [Acknowledged, Refused, Acknowledged],
                vec![0, 1, 2, 4, 5],
                verdict(5, 0, 0, 1),
            ),
            (
                "unknown, whole",
                [Acknowledged, Unknown, Acknowledged],
                vec![0, 1, 2, 3, 4, 5],
                verdict(6, 0, 0, 0),
            ),
            (
                "unknown, absent",
                [Acknowledged, Unknown, Acknowledged],
                vec![0, 1, 4, 5],
                verdict(4, 0, 0, 0),
            ),
            (
                "unknown, half",
                [Acknowledged, Unknown, Acknowledged],
                vec![0, 1, 3, 4, 5],
                verdict(5, 0, 0, 1),
            ),
        ] {
            let mut history = History::new("c".to_owned(), 0, 2);
            history.pushes = states.map(|state| (Timestamp::default(), state)).to_vec();
            let mut counts = Counts::new(&history);
            for sequence in seen {
                counts.saw(Some(sequence));
            }
            assert_eq!(counts.verdict(&history), want, "{name}");
        }
    }

    #[test]
    fn an_element_nobody_sent_is_a_phantom() {
        let history = History::new("c".to_owned(), 0, 2);
        let mut counts = Counts::new(&history);
        counts.saw(None);
        assert_eq!(counts.verdict(&history).phantom, 1);
    }
}
