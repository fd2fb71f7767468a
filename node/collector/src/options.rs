//! What is read of a server.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::log::LogOptions;
use crate::plan::IndexCandidate;

/// What is read of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these databases; empty for all.
    pub include: Vec<String>,
    /// Not these.
    pub exclude: Vec<String>,
    /// How often types of elements are read, where that is not as often as they are by themselves.
    pub cadences: BTreeMap<String, Duration>,
    /// Types of elements that are not read.
    pub off: BTreeSet<String>,
    /// Rows of an element of a database are at most so many: tables, indexes, columns, objects.
    pub max_relations: Option<usize>,
    /// All cadences are at most this long: a short one shows everything soon.
    pub max_cadence: Option<Duration>,
    /// The server's log is read, if they are there.
    pub log: Option<LogOptions>,
    /// The statements that cost most are explained, without being run.
    pub explains: bool,
    /// Advised indexes, which the planner is asked about where HypoPG is installed; never without
    /// `explains`.
    pub index_candidates: Vec<IndexCandidate>,
}

impl Options {
    /// Whether a database is to be read.
    pub(crate) fn wants(&self, database: &str) -> bool {
        let is = |names: &[String]| names.iter().any(|name| name == database);
        (self.include.is_empty() || is(&self.include)) && !is(&self.exclude)
    }

    /// How often a type of elements is read that is read at `usual` by itself; `None` if it is not
    /// read.
    pub(crate) fn cadence(&self, kind: &str, usual: Duration) -> Option<Duration> {
        if self.off.contains(kind) {
            return None;
        }
        let cadence = self.cadences.get(kind).copied().unwrap_or(usual);
        Some(self.max_cadence.map_or(cadence, |most| most.min(cadence)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cadence_is_its_own_or_the_usual_one_within_the_longest() {
        let seconds = Duration::from_secs;
        let options = Options {
            cadences: [
                ("slow".to_owned(), seconds(600)),
                ("fast".to_owned(), seconds(5)),
            ]
            .into(),
            off: ["none".to_owned()].into(),
            max_cadence: Some(seconds(300)),
            ..Options::default()
        };
        for (kind, want) in [
            ("usual", Some(60)),
            ("slow", Some(300)),
            ("fast", Some(5)),
            ("none", None),
        ] {
            let cadence = options.cadence(kind, seconds(60));
            assert_eq!(cadence, want.map(seconds), "{kind}");
        }
    }
}
