//! What the flusher does to the store and the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pga_cluster::Command;
use pga_storage::Position;
use pga_storage::store::FlushReport;
use tokio::sync::watch;

use crate::context::Context;
use crate::flush_plan::Fact;
use crate::flush_read::{Span, batch};
use crate::replica::BufferedRange;
use crate::tasks::{self, TaskKind};

/// How long announcing a watermark may take before the newest one is tried.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new leader has to apply what the database holds already.
const HEARD_LIMIT: Duration = Duration::from_secs(5);

/// The flusher's hands.
#[derive(Debug)]
pub(super) struct StoreWriter {
    context: Arc<Context>,
    /// Whether the store took the last operation; failures are logged when this changes.
    is_up: AtomicBool,
    /// Index of the store's watermark, as last seen.
    watermark: AtomicU64,
    /// Bytes per second, averaged, as bits.
    rate: AtomicU64,
    announced: watch::Sender<Position>,
}

impl StoreWriter {
    /// Hands for `context`; announcements end when this is dropped.
    pub(super) fn new(context: Arc<Context>) -> Self {
        let (announced, latest) = watch::channel(Position::default());
        if context.store.is_shared() {
            tasks::spawn(
                TaskKind::Watch,
                announce_latest(Arc::clone(&context), latest),
            );
        }
        Self {
            context,
            is_up: AtomicBool::new(true),
            watermark: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            announced,
        }
    }

    /// Takes the store over and reads its watermark.
    pub(super) async fn take_over(&self, term: u64) -> Fact {
        let limit = self.context.config.store.statement_timeout;
        let taken = tokio::time::timeout(limit, self.context.store.fence(term)).await;
        let watermark = match taken {
            Ok(Ok(watermark)) => watermark.position,
            Ok(Err(error)) => {
                return self.failed(term, "take over", &pga_runtime::error_chain(&error));
            }
            Err(_) => return self.failed(term, "take over", "timed out"),
        };
        if !self.has_heard_of(watermark).await {
            // Told each time: it takes a person, and other failures may have come before.
            let known = *self.context.replica.flushable().borrow();
            tracing::error!(
                %watermark,
                %known,
                "the database is beyond this cluster's log: it is newer than the nodes, and nothing is stored in it"
            );
            return self.failed(term, "take over", "it is beyond this cluster's log");
        }
        self.succeeded();
        self.watermark.store(watermark.index, Ordering::Relaxed);
        let known = *self.context.replica.flushed().borrow();
        if watermark.index < known.index {
            self.context.metrics.watermark_regressions.inc();
            tracing::error!(
                %watermark,
                %known,
                "the store lost rows: its watermark went back, refilling from the log"
            );
        }
        Fact::Taken { term, watermark }
    }

    /// Whether this node's log holds what a shared store holds. A leader that was just elected
    /// applies it in a moment; if the database is newer than all nodes, pushes that get its
    /// positions again would never be flushed.
    async fn has_heard_of(&self, watermark: Position) -> bool {
        if !self.context.store.is_shared() {
            return true;
        }
        let mut flushable = self.context.replica.flushable();
        let reached = flushable.wait_for(|flushable| flushable.index >= watermark.index);
        matches!(tokio::time::timeout(HEARD_LIMIT, reached).await, Ok(Ok(_)))
    }

    /// Flushes one batch of the pushes after `from`, up to `upto`.
    pub(super) async fn flush(
        &self,
        term: u64,
        after: Position,
        from: Position,
        upto: Position,
    ) -> Fact {
        let started = pga_runtime::now();
        let max = self.context.config.store.flush_size.bytes();
        let range = match self.context.replica.buffered(from, upto, max).await {
            Ok(range) => range,
            Err(error) => {
                return self.failed(
                    term,
                    "read the buffer for",
                    &pga_runtime::error_chain(&error),
                );
            }
        };
        self.check_gap(from, &range);
        if range.pushes.is_empty() {
            let upto = range.upto;
            return Fact::Empty { term, upto };
        }
        let reached = range.upto;
        let bytes: usize = range.pushes.iter().map(|push| push.record.len()).sum();
        let span = Span { after, term };
        let decoded = pga_runtime::spawn_blocking(move || batch(&range, span)).await;
        let batch = match decoded {
            Ok(Ok(batch)) => batch,
            Ok(Err(error)) => {
                return self.failed(
                    term,
                    "decode records for",
                    &pga_runtime::error_chain(&error),
                );
            }
            Err(error) => {
                return self.failed(
                    term,
                    "decode records for",
                    &pga_runtime::error_chain(&error),
                );
            }
        };
        let limit = self.context.config.store.statement_timeout;
        match tokio::time::timeout(limit, self.context.store.flush(batch)).await {
            Ok(Ok(report)) => {
                self.flushed(report, bytes, started.elapsed(), reached);
                Fact::Flushed {
                    term,
                    upto: reached,
                    has_more: reached.index < upto.index,
                }
            }
            Ok(Err(error)) => self.failed(term, "flush into", &pga_runtime::error_chain(&error)),
            Err(_) => self.failed(term, "flush into", "timed out, outcome unknown"),
        }
    }

    /// Tells the cluster where a shared store is, or this node where its own is.
    pub(super) fn announce(&self, position: Position) {
        if self.context.store.is_shared() {
            self.announced.send_replace(position);
        } else {
            self.context.replica.set_flushed(position);
        }
    }

    /// Brings the gauges up to date.
    pub(super) fn measure(&self) {
        let metrics = &self.context.metrics;
        let flushable = self.context.replica.flushable().borrow().index;
        let lag = flushable.saturating_sub(self.watermark.load(Ordering::Relaxed));
        let backlog = self.context.replica.backlog_bytes();
        metrics.flush_lag_entries.set(signed(lag));
        metrics.flush_backlog_bytes.set(signed(backlog));
        let rate = f64::from_bits(self.rate.load(Ordering::Relaxed));
        metrics.flush_rate_bytes.set(rate);
        let eta = if rate > 0.0 {
            backlog as f64 / rate
        } else {
            0.0
        };
        metrics.flush_eta_seconds.set(eta);
    }

    /// The buffer no longer holds what the store asks for: rows are lost, and a person has to know.
    fn check_gap(&self, from: Position, range: &BufferedRange) {
        let missing = range.held_from.index.saturating_sub(from.index + 1);
        if missing > 0 {
            self.context.metrics.unrecoverable_entries.inc_by(missing);
            tracing::error!(
                %from,
                held_from = %range.held_from,
                missing,
                "the store lost entries that the nodes no longer hold"
            );
        }
    }

    fn flushed(&self, report: FlushReport, bytes: usize, elapsed: Duration, reached: Position) {
        self.succeeded();
        self.watermark.store(reached.index, Ordering::Relaxed);
        let metrics = &self.context.metrics;
        metrics.flushes.with_label_values(&["committed"]).inc();
        metrics.flush_seconds.observe(elapsed.as_secs_f64());
        metrics.flushed_elements.inc_by(report.elements);
        metrics.flushed_rows.inc_by(report.rows);
        metrics.flushed_untyped.inc_by(report.untyped);
        for (table, fell) in report.counter_anomalies {
            let anomalies = &metrics.counter_anomalies;
            anomalies
                .with_label_values(&[table.table().name])
                .inc_by(fell);
        }
        let now = bytes as f64 / elapsed.as_secs_f64().max(0.001);
        let before = f64::from_bits(self.rate.load(Ordering::Relaxed));
        let mean = if before > 0.0 {
            before * 0.9 + now * 0.1
        } else {
            now
        };
        self.rate.store(mean.to_bits(), Ordering::Relaxed);
        tracing::debug!(%reached, bytes, elapsed_ms = elapsed.as_millis(), "flushed");
    }

    fn succeeded(&self) {
        self.context.metrics.store_up.set(1);
        if !self.is_up.swap(true, Ordering::Relaxed) {
            tracing::info!(
                store = self.context.store.kind(),
                "the store takes flushes again"
            );
        }
    }

    fn failed(&self, term: u64, action: &str, error: &str) -> Fact {
        self.context.metrics.store_up.set(0);
        self.context
            .metrics
            .flushes
            .with_label_values(&["failed"])
            .inc();
        if self.is_up.swap(false, Ordering::Relaxed) {
            let store = self.context.store.kind();
            tracing::warn!(
                store,
                term,
                action,
                error,
                "the store does not take flushes"
            );
        }
        Fact::Failed { term }
    }
}

/// Proposes the newest watermark, one proposal at a time; what came in between is skipped.
async fn announce_latest(context: Arc<Context>, mut latest: watch::Receiver<Position>) {
    while latest.changed().await.is_ok() {
        let position = *latest.borrow_and_update();
        if position.index <= context.replica.flushed().borrow().index {
            continue;
        }
        let deadline = pga_runtime::now() + ANNOUNCE_TIMEOUT;
        let command = Command::Flushed { position };
        if let Err(error) = context.replica.propose(command, deadline).await {
            tracing::debug!(%error, %position, "watermark not announced");
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
