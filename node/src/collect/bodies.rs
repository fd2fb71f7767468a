//! The bodies of a cycle: elements become text as they are read, and a body that is full goes to
//! the spool while the rest is read. So a first cycle takes no more memory than its largest list.

use std::sync::Arc;

use bytes::Bytes;
use pga_collector::Sink;
use pga_storage::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::sender::Outgoing;

/// A body of so many bytes is full.
const FULL: usize = 1 << 20;

/// Puts bodies in the spool, and says if something had to go for them.
#[derive(Debug)]
pub(super) struct Keeper {
    outgoing: Arc<Outgoing>,
    dropped: u64,
}

impl Keeper {
    pub(super) const fn new(outgoing: Arc<Outgoing>) -> Self {
        Self {
            outgoing,
            dropped: 0,
        }
    }

    fn keep(&mut self, body: Bytes, note: Option<Value>) {
        if let Err(error) = self.outgoing.with(|spool| spool.add(body, note)) {
            tracing::warn!(%error, "the spool cannot be written: the cycle is kept in memory");
        }
        self.outgoing.ring();
        let gone = self.outgoing.with(|spool| spool.dropped());
        if gone > self.dropped {
            tracing::warn!(
                cycles = gone,
                "the spool is full: the oldest cycles were dropped (--spool-size gives more room)"
            );
            self.dropped = gone;
        }
    }
}

/// The begin of a body (contract 1.4); its elements and their number follow.
#[derive(Serialize)]
struct Head<'a> {
    collector_id: &'a str,
    hostname: &'a str,
    timestamp: String,
    version: &'static str,
}

/// What a cycle read, on its way into bodies.
#[derive(Debug)]
pub(super) struct Bodies<'a> {
    keeper: &'a mut Keeper,
    head: String,
    body: String,
    /// Elements in the body.
    count: usize,
    /// Elements of the cycle.
    total: usize,
    may_part: bool,
}

impl<'a> Bodies<'a> {
    /// Of a cycle at `now`.
    pub(super) fn new(
        keeper: &'a mut Keeper,
        collector_id: &str,
        hostname: &str,
        now: Timestamp,
    ) -> Self {
        let head = Head {
            collector_id,
            hostname,
            timestamp: now.to_string(),
            version: env!("CARGO_PKG_VERSION"),
        };
        // INVARIANT: four texts are JSON.
        let head = serde_json::to_string(&head).unwrap_or_default();
        Self {
            keeper,
            head: head.trim_end_matches('}').to_owned(),
            body: String::new(),
            count: 0,
            total: 0,
            may_part: true,
        }
    }

    /// How many elements there were.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// Ends the cycle. The position in the log is kept with the events before it: each is sent
    /// once.
    pub(super) fn end(mut self, note: Option<Value>) {
        if self.count > 0 {
            self.keep(note);
        }
    }

    fn keep(&mut self, note: Option<Value>) {
        self.body
            .push_str(&format!("],\"metrics_count\":{}}}", self.count));
        let body = std::mem::take(&mut self.body);
        self.count = 0;
        self.keeper.keep(body.into(), note);
    }
}

impl Sink for Bodies<'_> {
    fn push(&mut self, element: &str) {
        if self.count == 0 {
            self.body.push_str(&self.head);
            self.body.push_str(",\"metrics\":[");
        } else {
            self.body.push(',');
        }
        self.body.push_str(element);
        self.count += 1;
        self.total += 1;
        if self.may_part && self.body.len() >= FULL {
            self.keep(None);
        }
    }

    fn keep_together(&mut self) {
        self.may_part = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::spool::Spool;
    use super::*;

    #[test]
    fn a_cycle_is_parted_where_a_body_is_full_and_nowhere_behind_the_log() {
        let outgoing = Arc::new(Outgoing::new(Spool::in_memory(1 << 30)));
        let mut keeper = Keeper::new(Arc::clone(&outgoing));
        let mut bodies = Bodies::new(&mut keeper, "c", "h", Timestamp::from_micros(0));
        let large = format!(r#"{{"type":"x","text":"{}"}}"#, "y".repeat(FULL / 2));
        for _ in 0..3 {
            bodies.push(&large);
        }
        bodies.keep_together();
        for _ in 0..3 {
            bodies.push(&large);
        }
        assert_eq!(bodies.total(), 6);
        bodies.end(None);
        let mut counts = Vec::new();
        while let Some((number, body)) = outgoing.with(Spool::next) {
            outgoing.with(|spool| spool.remove(number));
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["collector_id"], "c");
            let elements = body["metrics"].as_array().unwrap().len();
            assert_eq!(body["metrics_count"], elements);
            counts.push(elements);
        }
        counts.sort_unstable();
        assert_eq!(counts, [2, 4]);
        let none = Bodies::new(&mut keeper, "c", "h", Timestamp::from_micros(0));
        none.end(None);
        assert_eq!(
            outgoing.with(|spool| spool.len()),
            0,
            "of nothing is no body"
        );
    }
}
