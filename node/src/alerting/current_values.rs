//! Current values of this node: read from the buffer of applied pushes, as the flush reads them.
//!
//! What is usual takes weeks to learn, so each node keeps it in a file of its data directory,
//! written once an hour. It is no part of the replicated state and needs no store: a node without
//! the file, or with one of another version, learns again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pga_alerts::facts::BaselineKey;
use pga_alerts::{Baseline, Facts, RuleSet};
use pga_config::CollectorId;
use pga_storage::{Element, Position, PushRecord, Timestamp};

use crate::context::Context;
use crate::data_dir::write_private;
use crate::replica::BufferedRange;

/// Name of the file with what is usual.
const BASELINES: &str = "alert-baselines";
/// Version of that file; another is passed over.
const VERSION: u8 = 1;
/// How often it is written.
const SAVE: i64 = 3_600_000_000;
/// A larger one is not written.
const MAX_FILE: usize = 64 << 20;

/// The file: the version, and hours since 1970 with their level for each number of each server.
type Stored = (u8, Vec<(CollectorId, BaselineKey, Vec<(i64, f64)>)>);

/// Bytes of pushes read at once.
const READ_BYTES: u64 = 4 << 20;

/// Current values, and up to where pushes are in them.
#[derive(Debug, Default)]
pub(crate) struct CurrentValues {
    facts: Mutex<Facts>,
    read: Mutex<Position>,
    saved_at: Mutex<Option<Timestamp>>,
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
                    tracing::warn!(
                        error = pga_runtime::error_chain(&error),
                        "applied pushes not read for alerts"
                    );
                    return;
                }
            };
            let reached = range.upto;
            let values = Arc::clone(self);
            // Decoding is work: it must not hold up those who push.
            let taken = pga_runtime::spawn_blocking(move || values.take(&range)).await;
            if taken.is_err() || reached.index <= after.index {
                return;
            }
            *self.read.lock().unwrap_or_else(PoisonError::into_inner) = reached;
        }
    }

    /// Knows again what this node had learnt.
    pub(crate) fn restore(&self, context: &Context) {
        let path = context.config.node.data_dir.join(BASELINES);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(%error, "what is usual is not read, and learnt again");
                return;
            }
        };
        match rmp_serde::from_slice::<Stored>(&bytes) {
            Ok((VERSION, stored)) => {
                let mut facts = self.facts();
                for (collector, key, hours) in stored {
                    facts.learn(collector, key, Baseline::with_hours(hours));
                }
            }
            Ok((version, _)) => tracing::info!(version, "what is usual is learnt again"),
            Err(error) => tracing::warn!(%error, "what is usual is learnt again"),
        }
    }

    /// Writes what was learnt, once an hour.
    pub(crate) async fn save(self: &Arc<Self>, context: &Context, now: Timestamp) {
        {
            let mut saved_at = self.saved_at.lock().unwrap_or_else(PoisonError::into_inner);
            let at = *saved_at.get_or_insert(now);
            if now.micros() - at.micros() < SAVE {
                return;
            }
            *saved_at = Some(now);
        }
        let path = context.config.node.data_dir.join(BASELINES);
        let values = Arc::clone(self);
        let write = move || {
            let bytes = values.stored().map_err(|error| error.to_string())?;
            if bytes.len() > MAX_FILE {
                return Err(format!("it has {} bytes", bytes.len()));
            }
            write_private(&path, &bytes).map_err(|error| pga_runtime::error_chain(&error))
        };
        match pga_runtime::spawn_blocking(write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "what is usual is not written"),
            Err(error) => tracing::warn!(%error, "what is usual is not written"),
        }
    }

    fn stored(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let facts = self.facts();
        let all = facts.baselines();
        let all = all.map(|(id, key, baseline)| (id, key.clone(), baseline.hours().collect()));
        let stored: Stored = (
            VERSION,
            all.filter(|(_, _, hours): &(_, _, Vec<_>)| !hours.is_empty())
                .collect(),
        );
        rmp_serde::to_vec(&stored)
    }

    fn take(&self, range: &BufferedRange) {
        for push in &range.pushes {
            let Ok(record) = PushRecord::decode(&push.record) else {
                continue;
            };
            let mut facts = self.facts();
            let Ok(elements) = record.elements_of(|kind| facts.wants(kind)) else {
                continue;
            };
            if push.accepted.contains(&true) && record.collector != CollectorId::FINDINGS {
                facts.arrived(record.collector, record.received_at);
            }
            for (index, element) in elements {
                match element {
                    _ if push.accepted.get(index) != Some(&true) => {}
                    Element::Document(document) => {
                        facts.take(record.collector, record.received_at, &document);
                    }
                    Element::Sample(sample) => {
                        facts.take_sample(record.collector, record.received_at, &sample);
                    }
                }
            }
        }
    }
}
