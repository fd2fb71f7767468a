//! How the collector of one server is: for its log, its status file and its metrics.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pga_client::{Pushed, PushedOutcome};
use pga_collector::{Gap, SourceCost};
use pga_storage::Timestamp;

use super::clock::Skew;
use super::metrics::Metrics;
use super::spool::Spool;
use super::status::Status;
use super::watched::Watched;

/// The one place that knows how a collector is.
#[derive(Debug)]
pub(super) struct Report {
    label: String,
    dir: Option<PathBuf>,
    status: Mutex<Status>,
    metrics: Arc<Metrics>,
}

impl Report {
    /// Of a collector that starts now.
    pub(super) fn new(watched: &Watched, metrics: Arc<Metrics>) -> Self {
        let label = &watched.label;
        let status = Status {
            server: label.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            started_at: Timestamp::now().to_string(),
            ..Status::default()
        };
        metrics.begin(label);
        Self {
            label: label.clone(),
            dir: watched.state_dir.clone(),
            status: Mutex::new(status),
            metrics,
        }
    }

    /// How it is now.
    pub(super) fn status(&self) -> Status {
        self.with(|status| status.clone())
    }

    /// Writes down how it is, where there is a state directory: `collect status` reads it.
    pub(super) fn write(&self) {
        let Some(dir) = &self.dir else {
            return;
        };
        if let Err(error) = self.status().write(dir) {
            tracing::debug!(%error, dir = %dir.display(), "the status cannot be written");
        }
    }

    /// Who it is to the cluster, and how often it has a cycle.
    pub(super) fn identity(&self, collector: &str, interval: Duration) {
        self.with(|status| {
            collector.clone_into(&mut status.collector_id);
            status.interval_seconds = interval.as_secs_f64();
        });
    }

    /// It followed a version of its configuration; `None` for none.
    pub(super) fn config(&self, version: Option<u64>) {
        self.with(|status| {
            status.config_version = version;
            status.config_refused = None;
            status.config_error = None;
        });
        let gauge = self
            .metrics
            .config_version
            .with_label_values(&[&self.label]);
        gauge.set(version.and_then(|n| i64::try_from(n).ok()).unwrap_or(0));
    }

    /// It refused a version.
    pub(super) fn refused(&self, version: u64, error: String) {
        self.with(|status| {
            status.config_refused = Some(version);
            status.config_error = Some(error);
        });
    }

    /// A push ended. `node` is the one that it stayed with.
    pub(super) fn push(&self, pushed: &Pushed, node: Option<String>) {
        let now = Timestamp::now().to_string();
        let result = self.with(|status| match &pushed.outcome {
            PushedOutcome::Acknowledged { .. } => {
                status.pushes_acknowledged += 1;
                status.pushed_at = Some(now);
                status.pushed_to = node;
                "acknowledged"
            }
            PushedOutcome::Refused {
                status: code,
                message,
            } => {
                status.pushes_refused += 1;
                status.push_failed_at = Some(now);
                status.push_error = Some(format!("answer {code}: {message}"));
                "refused"
            }
            PushedOutcome::Unknown { reason } => {
                status.pushes_failed += 1;
                status.push_failed_at = Some(now);
                status.push_error = Some(reason.clone());
                "failed"
            }
        });
        let of = |name| [self.label.as_str(), name];
        self.metrics.pushes.with_label_values(&of(result)).inc();
        if result == "acknowledged" {
            let bytes = &self.metrics.pushed_bytes;
            let bytes = bytes.with_label_values(&of(pushed.encoding.name()));
            bytes.inc_by(pushed.body_bytes);
            let last = self.metrics.last_push.with_label_values(&[&self.label]);
            last.set(pga_runtime::unix_time().as_secs_f64());
        }
    }

    /// What an answer said about the clocks.
    pub(super) fn skew(&self, skew: Skew) {
        self.with(|status| status.clock = Some(skew));
        let gauge = self.metrics.skew.with_label_values(&[&self.label]);
        gauge.set(skew.ahead_seconds);
    }

    /// What waits, and what was dropped.
    pub(super) fn spool(&self, spool: &Spool) {
        let dropped = self.with(|status| {
            let before = status.spool_dropped_cycles;
            status.spool_cycles = spool.len() as u64;
            status.spool_bytes = spool.bytes();
            status.spool_max_bytes = spool.max_bytes();
            status.spool_dropped_cycles = spool.dropped();
            spool.dropped() - before
        });
        let of = [self.label.as_str()];
        let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let metrics = &self.metrics;
        metrics
            .spool_bytes
            .with_label_values(&of)
            .set(gauge(spool.bytes()));
        let cycles = metrics.spool_cycles.with_label_values(&of);
        cycles.set(gauge(spool.len() as u64));
        metrics.spool_dropped.with_label_values(&of).inc_by(dropped);
    }

    /// A cycle ended: what it brought, how long it took, what cannot be read.
    pub(super) fn cycle(&self, at: Timestamp, elements: usize, took: Duration, gaps: Vec<Gap>) {
        let of = [self.label.as_str()];
        let metrics = &self.metrics;
        metrics.cycles.with_label_values(&of).inc();
        metrics
            .elements
            .with_label_values(&of)
            .inc_by(elements as u64);
        metrics
            .cycle_seconds
            .with_label_values(&of)
            .set(took.as_secs_f64());
        let open = i64::try_from(gaps.len()).unwrap_or(i64::MAX);
        metrics.gaps.with_label_values(&of).set(open);
        self.with(|status| {
            status.cycles += 1;
            status.cycle_at = Some(at.to_string());
            status.cycle_seconds = took.as_secs_f64();
            status.cycle_elements = elements as u64;
            status.gaps = gaps;
        });
    }

    /// What each source has cost since the start.
    pub(super) fn costs(&self, costs: impl Iterator<Item = SourceCost>) {
        for cost in costs {
            let of = [self.label.as_str(), cost.kind];
            let (seconds, reads) = (&self.metrics.source_seconds, &self.metrics.source_reads);
            let seconds = seconds.with_label_values(&of);
            seconds.inc_by((cost.total.as_secs_f64() - seconds.get()).max(0.0));
            let reads = reads.with_label_values(&of);
            reads.inc_by(cost.reads.saturating_sub(reads.get()));
        }
    }

    /// It was told to stop, and did.
    pub(super) fn stopped(&self) {
        self.with(|status| status.stopped_at = Some(Timestamp::now().to_string()));
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Status) -> T) -> T {
        use_it(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
