//! Durations of statements, summed where there are too many to keep each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Durations of one query id in one second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DurationSum {
    /// The query id; `None` for durations without one, and for those of more query ids than are
    /// told apart.
    pub query_id: Option<i64>,
    /// How many durations.
    pub count: u64,
    /// Their sum in milliseconds.
    pub total_ms: f64,
    /// The longest in milliseconds.
    pub max_ms: f64,
}

/// Sums by query id.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations {
    sums: BTreeMap<Option<i64>, DurationSum>,
}

impl Durations {
    /// Adds a duration; at most `limit` query ids are told apart.
    pub(super) fn add(&mut self, query_id: Option<i64>, ms: f64, limit: usize) {
        let is_room = self.sums.contains_key(&query_id) || self.sums.len() < limit;
        let query_id = query_id.filter(|_| is_room);
        let empty = DurationSum {
            query_id,
            count: 0,
            total_ms: 0.0,
            max_ms: 0.0,
        };
        let sum = self.sums.entry(query_id).or_insert(empty);
        sum.count += 1;
        sum.total_ms += ms;
        sum.max_ms = sum.max_ms.max(ms);
    }

    /// The sums, in the order of their query ids.
    pub(super) fn take(&mut self) -> Vec<DurationSum> {
        std::mem::take(&mut self.sums).into_values().collect()
    }
}
