//! How far a collector's clock is ahead of the nodes'.
//!
//! Once a minute the collector says when it made a push that nothing waits before: it is sent at
//! once, so that the difference to its arrival is that of the clocks, and what the way took. One
//! that does not say so is judged by when it read its server, which is up to a cycle earlier.

use std::collections::VecDeque;

use minijinja::Value;
use pga_storage::{Document, Timestamp};
use serde_json::json;

use crate::fact_row::FactRow;
use crate::matching;

/// Type of the one row.
pub(crate) const KIND: &str = "clock";
/// Type of the elements that say when they were made.
pub(crate) const OF: &str = "collector_health";
/// Last differences that are remembered; their median counts.
const MAX: usize = 5;

/// Differences in microseconds, positive if the collector's clock is ahead.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// As it made a push.
    made: VecDeque<i64>,
    /// As it read its server.
    read: VecDeque<i64>,
}

impl Clock {
    /// The collector read its server at a time by its own clock.
    pub(crate) fn has_read(&mut self, at: Timestamp, received_at: Timestamp) {
        add(&mut self.read, at, received_at);
    }

    /// Takes what the collector told about itself.
    pub(crate) fn take(&mut self, element: &Document, received_at: Timestamp) {
        let body: Option<serde_json::Value> = serde_json::from_slice(&element.body).ok();
        let Some(body) = body.filter(|body| body["spool_cycles"] == 0) else {
            return;
        };
        if let Some(at) = body["made_at"].as_str().and_then(matching::time) {
            add(&mut self.made, at, received_at);
        }
    }

    /// The median of the last five differences, once there are so many.
    pub(crate) fn row(&self) -> Option<FactRow> {
        let sent = median(&self.made);
        let ahead = sent.or_else(|| median(&self.read))?;
        let value = json!({ "ahead_seconds": ahead as f64 / 1e6, "is_sent": sent.is_some() });
        Some(FactRow {
            identity: String::new(),
            value: Value::from_serialize(value),
        })
    }
}

fn add(all: &mut VecDeque<i64>, at: Timestamp, received_at: Timestamp) {
    all.push_back(at.micros() - received_at.micros());
    while all.len() > MAX {
        all.pop_front();
    }
}

fn median(all: &VecDeque<i64>) -> Option<i64> {
    let mut sorted: Vec<i64> = all.iter().copied().collect();
    sorted.sort_unstable();
    let median = sorted.get(MAX / 2).copied();
    median.filter(|_| sorted.len() == MAX)
}
