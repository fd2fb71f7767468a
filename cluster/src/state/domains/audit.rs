//! The audit log: who changed what, when, from where, and how it was before and is after.
//!
//! An entry is written by the command of the change itself: there is no change without its entry,
//! and no entry without its change.

use std::collections::VecDeque;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::state::section::plain_section;

/// Entries kept; the oldest go first.
const MAX_ENTRIES: usize = 10_000;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: the name of a user, `token NAME of USER`, or `command line`.
    pub actor: String,
    /// The user's id, if a user did it.
    pub user_id: Option<i64>,
    /// Address that the request came from.
    pub address: String,
    /// What was done, such as `user.update`.
    pub action: String,
    /// To what, such as the name of a user.
    pub target: String,
    /// How it was before, as JSON without secrets.
    pub before: Option<String>,
    /// How it is after, as JSON without secrets.
    pub after: Option<String>,
    /// The request.
    pub request_id: String,
}

/// The newest entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Audit {
    last_id: u64,
    entries: VecDeque<(u64, AuditEntry)>,
}

impl Audit {
    /// Writes an entry down.
    pub(in crate::state) fn note(&mut self, entry: &AuditEntry) {
        self.last_id += 1;
        self.entries.push_back((self.last_id, entry.clone()));
        while self.entries.len() > MAX_ENTRIES {
            self.entries.pop_front();
        }
    }

    /// The entries with their numbers, oldest first.
    pub(in crate::state) fn entries(&self) -> impl DoubleEndedIterator<Item = (u64, &AuditEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }
}

plain_section!(Audit, "audit", FeatureLevel::PEOPLE);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    #[test]
    fn the_newest_entries_stay_under_their_numbers() {
        let mut audit = Audit::default();
        let entry = AuditEntry {
            at: Timestamp::from_micros(1),
            actor: "ann".into(),
            user_id: Some(1),
            address: "127.0.0.1".into(),
            action: "user.update".into(),
            target: "ben".into(),
            before: None,
            after: Some("{}".into()),
            request_id: "r".into(),
        };
        for _ in 0..MAX_ENTRIES + 3 {
            audit.note(&entry);
        }
        let read = Audit::read(1, &audit.write().unwrap()).unwrap();
        assert_eq!(read, audit);
        assert_eq!(read.entries().count(), MAX_ENTRIES);
        assert_eq!(read.entries().next().unwrap().0, 4);
    }
}
