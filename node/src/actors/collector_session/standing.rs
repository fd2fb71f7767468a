//! What a collector has used of its limits on this node, and what was noticed about it.
//!
//! Its session alone reads and writes it. It outlives a session that failed: the next one goes on
//! with it, so that a collector gains nothing by a crash.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

use pga_storage::{Element, Sample};
use pga_web::{ApiError, Push, Taken};
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::Xxh3;

use super::notes::Notes;
use super::quota::Quota;
use crate::admitted_push::AdmittedPush;
use crate::context::Context;

/// When a collector should come back after it had too many pushes under way.
const RETRY_BUSY: Duration = Duration::from_secs(1);
/// Over which time a collector's elements are averaged: a cycle of an original collector.
const ELEMENTS_BURST: Duration = Duration::from_secs(60);
/// Over which time its new series are.
const SERIES_BURST: Duration = Duration::from_secs(3_600);
/// When a collector should come back after it had too many series.
const RETRY_SERIES: Duration = Duration::from_secs(60);

/// What one collector has used: small, as there may be tens of thousands.
#[derive(Debug)]
pub(crate) struct Standing {
    in_flight: Arc<Semaphore>,
    elements: Quota,
    new_series: Quota,
    series: HashSet<u64, BuildHasherDefault<AsIs>>,
    pub(super) notes: Notes,
}

impl Standing {
    /// Of a collector that was not seen lately.
    pub(crate) fn new(context: &Context) -> Self {
        let permits = context.config.sessions.max_in_flight;
        let permits = usize::try_from(permits)
            .unwrap_or(usize::MAX)
            .min(Semaphore::MAX_PERMITS);
        let (rates, now) = (rates(context), pga_runtime::now());
        Self {
            in_flight: Arc::new(Semaphore::new(permits)),
            elements: Quota::new(rates.0, ELEMENTS_BURST, now),
            new_series: Quota::new(rates.1, SERIES_BURST, now),
            notes: Notes::new(now),
            series: HashSet::default(),
        }
    }

    /// Lets a push in. One that a session before this one let in is in already.
    ///
    /// # Errors
    /// `TooMany`
    pub(super) fn admit(
        &mut self,
        context: &Context,
        admitted: &AdmittedPush,
    ) -> Result<(), ApiError> {
        match admitted.permit.take_one(&self.in_flight) {
            Taken::Now => {}
            Taken::Before => return Ok(()),
            Taken::Full => return Err(refuse(context, "collector_busy", RETRY_BUSY)),
        }
        let (elements, series) = rates(context);
        self.elements.fill_at(elements, ELEMENTS_BURST);
        self.new_series.fill_at(series, SERIES_BURST);
        self.note_series(context, &admitted.push)?;
        let elements = admitted.push.elements.len() as u64;
        let taken = self.elements.take(elements, pga_runtime::now());
        taken.map_err(|wait| refuse(context, "elements_rate", wait))
    }

    fn note_series(&mut self, context: &Context, push: &Push) -> Result<(), ApiError> {
        let cap = context.live.now().limits.max_series_per_collector;
        let mut added = Vec::new();
        for element in &push.elements {
            let Element::Sample(sample) = element else {
                continue;
            };
            let series = series_hash(sample);
            if self.series.insert(series) {
                added.push(series);
            }
        }
        let refused = if self.series.len() as u64 > cap {
            Some(("series_limit", RETRY_SERIES))
        } else {
            let now = pga_runtime::now();
            let taken = self.new_series.take(added.len() as u64, now);
            taken.err().map(|wait| ("series_rate", wait))
        };
        let Some((reason, retry_after)) = refused else {
            return Ok(());
        };
        for series in added {
            self.series.remove(&series);
        }
        Err(refuse(context, reason, retry_after))
    }
}

/// Elements, and new series, that come in each second, as the settings are now.
fn rates(context: &Context) -> (f64, f64) {
    let live = context.live.now();
    (
        live.limits.max_elements_per_second as f64,
        live.limits.max_new_series_per_hour as f64 / SERIES_BURST.as_secs_f64(),
    )
}

fn refuse(context: &Context, reason: &'static str, retry_after: Duration) -> ApiError {
    let refusals = &context.metrics.refusals;
    refusals.with_label_values(&[reason]).inc();
    ApiError::TooMany {
        reason,
        retry_after,
    }
}

fn series_hash(sample: &Sample) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(sample.name.as_bytes());
    for (key, value) in &sample.labels {
        hash.update(&[0xff]);
        hash.update(key.as_bytes());
        hash.update(&[0xfe]);
        hash.update(value.as_bytes());
    }
    hash.digest()
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
