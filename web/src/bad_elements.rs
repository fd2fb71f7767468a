//! Which collectors send elements that are refused: the operator hears when that begins and ends.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use pga_config::CollectorId;

use crate::decode::Rejected;

/// Most collectors that are remembered; the line about a further one comes again with each push.
const CAPACITY: usize = 10_000;

/// The collectors whose last push had refused elements.
#[derive(Debug, Default)]
pub(crate) struct BadElements {
    senders: Mutex<HashSet<CollectorId>>,
    /// How many there are, so that a good push of a good fleet takes no lock.
    count: AtomicUsize,
}

impl BadElements {
    /// Notes what a push of `collector` was like; one line for the operator when that changes.
    pub(crate) fn note(&self, collector: CollectorId, rejected: &Rejected) {
        if rejected.count == 0 && self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let is_bad = rejected.count > 0;
        if !self.change(collector, is_bad) {
            return;
        }
        if is_bad {
            tracing::warn!(
                %collector,
                elements = rejected.count,
                by_reason = ?rejected.by_reason,
                "a collector sends elements that are refused; the others of its pushes are stored"
            );
        } else {
            tracing::info!(%collector, "a collector sends no more elements that are refused");
        }
    }

    /// Whether this is a change.
    fn change(&self, collector: CollectorId, is_bad: bool) -> bool {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match is_bad {
            true if senders.len() >= CAPACITY => !senders.contains(&collector),
            true => senders.insert(collector),
            false => senders.remove(&collector),
        };
        self.count.store(senders.len(), Ordering::Relaxed);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let senders = BadElements::default();
        let [one, other] = ["a", "b"].map(CollectorId::from_external);
        let steps = [
            (one, true),
            (one, true),
            (other, false),
            (one, false),
            (one, false),
        ];
        let told = steps.map(|(collector, is_bad)| senders.change(collector, is_bad));
        assert_eq!(told, [true, false, false, true, false]);
    }
}
