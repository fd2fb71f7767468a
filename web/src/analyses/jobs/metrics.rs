//! Metrics of the analyses that run on this node.

use std::time::Duration;

use pga_storage::Timestamp;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

use super::{JOBS, WATCHES};
use crate::ApiError;
use crate::analyses::Done;

/// What became of a run.
const OUTCOMES: [&str; 2] = ["done", "failed"];

/// Counters by job; clones share them.
#[derive(Clone, Debug)]
pub(super) struct JobMetrics {
    runs: IntCounterVec,
    rows: IntCounterVec,
    duration: GaugeVec,
    last_success: GaugeVec,
}

impl JobMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let gauges = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), &["job"]);
        let metrics = Self {
            runs: IntCounterVec::new(
                Opts::new(
                    "pganalytics_job_runs_total",
                    "Runs of analyses on this node, by job and outcome.",
                ),
                &["job", "outcome"],
            )?,
            rows: IntCounterVec::new(
                Opts::new(
                    "pganalytics_job_rows_total",
                    "Rows that analyses on this node have read, by job.",
                ),
                &["job"],
            )?,
            duration: gauges(
                "pganalytics_job_last_duration_seconds",
                "How long the last run of an analysis on this node took, by job.",
            )?,
            last_success: gauges(
                "pganalytics_job_last_success_timestamp_seconds",
                "When an analysis last ended well on this node, in Unix seconds; 0 for never.",
            )?,
        };
        let watches = WATCHES.map(|(name, _)| name);
        for job in JOBS.iter().map(|job| job.name).chain(watches) {
            for outcome in OUTCOMES {
                metrics.runs.with_label_values(&[job, outcome]).inc_by(0);
            }
            metrics.rows.with_label_values(&[job]).inc_by(0);
            metrics.duration.with_label_values(&[job]).set(0.0);
            metrics.last_success.with_label_values(&[job]).set(0.0);
        }
        registry.register(Box::new(metrics.runs.clone()))?;
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.last_success.clone()))?;
        Ok(metrics)
    }

    /// Notes a run that just ended.
    pub(super) fn ended(&self, job: &str, took: Duration, done: &Result<Done, ApiError>) {
        let duration = self.duration.with_label_values(&[job]);
        duration.set(took.as_secs_f64());
        let outcome = match done {
            Ok(done) => {
                let rows = self.rows.with_label_values(&[job]);
                rows.inc_by(done.rows_read as u64);
                let now = Timestamp::now().micros() as f64 / 1e6;
                self.last_success.with_label_values(&[job]).set(now);
                "done"
            }
            Err(_) => "failed",
        };
        self.runs.with_label_values(&[job, outcome]).inc();
    }
}
