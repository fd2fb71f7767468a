//! Which rows of a source changed since they were sent.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use pga_runtime::Instant;
use serde_json::Value;

use crate::source::Source;

/// How often all rows of a source are sent that otherwise sends those that changed.
const ALL_EVERY: Duration = Duration::from_secs(3_600);

/// Which rows were sent last.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rows: HashMap<u64, u64>,
    all_at: Option<Instant>,
}

impl Changes {
    /// Begins with a reading of all rows. It keeps those that changed since they were sent last,
    /// and all of them once an hour.
    pub(super) fn begin(&mut self, source: &'static Source, now: Instant) -> Comparison<'_> {
        let is_all = self.all_at.is_none_or(|at| now - at >= ALL_EVERY);
        if is_all {
            self.all_at = Some(now);
        }
        Comparison {
            source,
            is_all,
            seen: HashSet::with_capacity(self.rows.len()),
            known: &mut self.rows,
        }
    }
}

/// A reading that is compared with the one before, row by row.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    source: &'static Source,
    is_all: bool,
    seen: HashSet<u64>,
    known: &'a mut HashMap<u64, u64>,
}

impl Comparison<'_> {
    /// Whether a row is to be sent.
    pub(super) fn keeps(&mut self, row: &Value) -> bool {
        let source = self.source;
        let key = hash(source.key.iter().filter_map(|name| row.get(*name)));
        let columns = row.as_object().into_iter().flatten();
        let stable = columns.filter(|(name, _)| !source.volatile.contains(&name.as_str()));
        let content = hash(stable.map(|(_, value)| value));
        self.seen.insert(key);
        self.known.insert(key, content) != Some(content) || self.is_all
    }

    /// Whether all rows are kept.
    pub(super) const fn is_all(&self) -> bool {
        self.is_all
    }

    /// Forgets the rows that are gone.
    pub(super) fn end(self) {
        self.known.retain(|key, _| self.seen.contains(key));
    }
}

fn hash<'a>(values: impl Iterator<Item = &'a Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for value in values {
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::SOURCES;

    #[test]
    fn rows_that_changed_are_kept_and_all_once_an_hour() {
        let mut sources = SOURCES.iter();
        let source = sources.find(|source| source.kind == "pg_table").unwrap();
        let start = pga_runtime::now();
        let mut changes = Changes::default();
        let row = |relid: i64, scans: i64, age: i64| json!({ "relid": relid, "seq_scan": scans, "xid_age": age });
        for (name, seconds, rows, want) in [
            ("first", 0, vec![row(1, 5, 10), row(2, 5, 10)], vec![1, 2]),
            ("only ages", 60, vec![row(1, 5, 11), row(2, 5, 11)], vec![]),
            ("one", 120, vec![row(1, 6, 12), row(2, 5, 12)], vec![1]),
            ("new", 180, vec![row(1, 6, 12), row(3, 1, 1)], vec![3]),
            ("back", 240, vec![row(1, 6, 12), row(2, 5, 12)], vec![2]),
            (
                "hourly",
                3_600,
                vec![row(1, 6, 12), row(2, 5, 12)],
                vec![1, 2],
            ),
        ] {
            let now = start + Duration::from_secs(seconds);
            let mut comparison = changes.begin(source, now);
            let kept = rows.iter().filter(|row| comparison.keeps(row));
            let kept: Vec<i64> = kept.map(|row| row["relid"].as_i64().unwrap()).collect();
            comparison.end();
            assert_eq!(kept, want, "{name}");
        }
    }
}
