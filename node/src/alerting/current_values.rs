//! Current values of this node: read from the buffer of applied pushes, as the flush reads them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pga_alerts::{Facts, RuleSet};
use pga_storage::{Element, Position, PushRecord};

use crate::context::Context;
use crate::error::chain;
use crate::replica::BufferedRange;

/// Bytes of pushes read at once.
const READ_BYTES: u64 = 4 << 20;

/// Current values, and up to where pushes are in them.
#[derive(Debug, Default)]
pub(crate) struct CurrentValues {
    facts: Mutex<Facts>,
    read: Mutex<Position>,
}

impl CurrentValues {
    /// The values.
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, what these rules ask for has a history.
    pub(crate) fn follow(&self, rules: &RuleSet) {
        self.facts().keep(rules.keeps());
    }

    /// Takes in all pushes that were applied since the last time.
    pub(crate) async fn read(self: &Arc<Self>, context: &Context) {
        let upto = *context.replica.flushable().borrow();
        loop {
            let after = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
            if after.index >= upto.index {
                return;
            }
            let range = match context.replica.buffered(after, upto, READ_BYTES).await {
                Ok(range) => range,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "applied pushes not read for alerts");
                    return;
                }
            };
            let reached = range.upto;
            let values = Arc::clone(self);
            // Decoding is work: it must not hold up those who push.
            let taken = tokio::task::spawn_blocking(move || values.take(&range)).await;
            if taken.is_err() || reached.index <= after.index {
                return;
            }
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = reached;
        }
    }

    fn take(&self, range: &BufferedRange) {
        for push in &range.pushes {
            let Ok(record) = PushRecord::decode(&push.record) else {
                continue;
            };
            let Ok(elements) = record.elements() else {
                continue;
            };
            let mut facts = self.facts();
            for (element, is_new) in elements.iter().zip(&push.accepted) {
                if let (Element::Document(document), true) = (element, is_new) {
                    facts.take(record.collector, record.received_at, document);
                }
            }
        }
    }
}
