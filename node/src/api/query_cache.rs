//! Answers of this node's store that are kept while what they tell of does not change.
//!
//! A question about a collector depends on what was stored of that collector, and on what the
//! cluster itself found about it. The replicated state counts the pushes of both. An answer is kept
//! under those counts, and only if the store was known to hold the newest of them: once there is a
//! newer push the counts are others, and nobody asks for the old answer again. So an answer is
//! never staler than the store; only rows that retention dropped may be told for as long as
//! [`KEPT`]. The counts are the same on every node, so that nodes may share answers
//! (`shared_answers.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use moka::future::Cache;
use pga_cluster::{Collector, State};
use pga_config::CollectorId;
use pga_storage::query::{Read, Row};
use pga_storage::store::mapper::Value;
use pga_storage::{Position, ReadStore, Timestamp};
use pga_web::CacheFigures;
use xxhash_rust::xxh3::xxh3_128;

use super::shared_answers::SharedAnswers;
use crate::metrics::Metrics;

/// How long an answer is kept at most.
const KEPT: Duration = Duration::from_secs(600);
/// Collectors whose pushes are followed; beyond it, it begins anew.
const MAX_FOLLOWED: usize = 100_000;

type Rows = Arc<Vec<Vec<Row>>>;

/// What changes with each push of a collector.
type Pushed = (u64, u64, Timestamp);

/// The pushes of a collector as last seen, and a position at which they were all applied: that of
/// the last one where this process applied it, else that of the state when they were first seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    pushed: Pushed,
    at: u64,
}

/// The answers of one node.
#[derive(Debug)]
pub(crate) struct QueryCache {
    answers: Cache<u128, Rows>,
    seen: Mutex<HashMap<CollectorId, Seen>>,
    max_bytes: u64,
    shared: Option<Arc<SharedAnswers>>,
    metrics: Metrics,
}

impl QueryCache {
    /// A cache of `max_bytes`, before one that nodes share if there is one; `None` for none.
    pub(crate) fn new(
        max_bytes: u64,
        shared: Option<Arc<SharedAnswers>>,
        metrics: Metrics,
    ) -> Option<Arc<Self>> {
        if max_bytes == 0 {
            return None;
        }
        let evictions = metrics.cache_evictions.clone();
        let answers = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, rows: &Rows| weight(rows))
            .time_to_live(KEPT)
            .eviction_listener(move |_, _, _| evictions.inc())
            .build();
        Some(Arc::new(Self {
            answers,
            seen: Mutex::default(),
            max_bytes,
            shared,
            metrics,
        }))
    }

    /// `store` as it answers about `collector`, whose answers are kept if it holds all that was
    /// pushed: `flushed` is what it holds, read before `state` was.
    pub(crate) fn store(
        self: &Arc<Self>,
        store: Arc<dyn ReadStore>,
        collector: CollectorId,
        state: &State,
        flushed: Position,
    ) -> Arc<dyn ReadStore> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() > MAX_FOLLOWED {
            seen.clear();
        }
        let mut version = [Pushed::default(); 2];
        for (counts, id) in version.iter_mut().zip([collector, CollectorId::FINDINGS]) {
            let collector = state.collector(id);
            let pushed = collector.map(pushed).unwrap_or_default();
            let at = match collector.and_then(|known| known.pushed_at) {
                Some(last) => last.index,
                None if pushed == Pushed::default() => 0,
                None => state.applied().index,
            };
            let known = seen.entry(id).or_insert(Seen { pushed, at });
            if known.pushed != pushed {
                *known = Seen { pushed, at };
            }
            if known.at > flushed.index {
                return store;
            }
            *counts = pushed;
        }
        Arc::new(CachedStore {
            store,
            cache: Arc::clone(self),
            collector,
            version,
        })
    }

    /// What it did since the node started.
    pub(crate) async fn figures(&self) -> CacheFigures {
        // The size is brought up to date in the background else.
        self.answers.run_pending_tasks().await;
        CacheFigures {
            max_bytes: self.max_bytes,
            hits: self.metrics.cache_hits.get(),
            misses: self.metrics.cache_misses.get(),
            evictions: self.metrics.cache_evictions.get(),
            bytes: self.answers.weighted_size(),
        }
    }
}

fn pushed(collector: &Collector) -> Pushed {
    (collector.pushes, collector.accepted, collector.last_seen)
}

/// A store whose answers about one collector are kept.
#[derive(Debug)]
struct CachedStore {
    store: Arc<dyn ReadStore>,
    cache: Arc<QueryCache>,
    collector: CollectorId,
    version: [Pushed; 2],
}

impl ReadStore for CachedStore {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, pga_storage::Result<Vec<Vec<Row>>>> {
        Box::pin(async move {
            let key = format!("{} {:?} {reads:?}", self.collector, self.version);
            let key = xxh3_128(key.as_bytes());
            if let Some(rows) = self.cache.answers.get(&key).await {
                self.cache.metrics.cache_hits.inc();
                pga_web::note_cache(true);
                return Ok(Vec::clone(&rows));
            }
            self.cache.metrics.cache_misses.inc();
            let shared = self.cache.shared.as_ref();
            let found = match shared {
                Some(shared) => shared.get(key).await,
                None => None,
            };
            pga_web::note_cache(found.is_some());
            let rows = match found {
                Some(rows) => rows,
                None => {
                    let rows = self.store.read(reads).await?;
                    shared.inspect(|shared| shared.put(key, &rows));
                    rows
                }
            };
            self.cache.answers.insert(key, Arc::new(rows.clone())).await;
            Ok(rows)
        })
    }
}

/// About how many bytes rows take.
fn weight(rows: &Rows) -> u32 {
    let values = rows.iter().flatten().flat_map(Row::values);
    let bytes: usize = values
        .map(|value| size_of::<Value>() + texts(value))
        .sum::<usize>()
        + size_of::<Row>() * rows.iter().map(Vec::len).sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

const fn texts(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
