//! Runs jobs on this node: one at a time, and counted.

use std::sync::Arc;

use pga_storage::{Position, Timestamp};
use prometheus::Registry;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::looks::Looks;
use super::metrics::JobMetrics;
use super::{JOBS, Job, KIND, WATCH_KIND, last_runs, next_run};
use crate::analyses::findings::{Run, keep};
use crate::analyses::{Done, Order};
use crate::{ApiError, NodeApi};

/// Runs the analyses of one node; clones share what they do.
///
/// A job begins anew on the next leader if the one that ran it is lost: what it has kept by then is
/// replaced by what the new run keeps, so nothing is told twice.
#[derive(Clone, Debug)]
pub struct JobRunner {
    one_at_a_time: Arc<Mutex<()>>,
    metrics: JobMetrics,
    looks: Looks,
}

impl JobRunner {
    /// Registers the metrics of jobs.
    ///
    /// # Errors
    /// If a metric of the same name is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            one_at_a_time: Arc::default(),
            metrics: JobMetrics::register(registry)?,
            looks: Looks::default(),
        })
    }

    /// Runs the jobs that are due, one after the other. The leader calls it; a job that ran on
    /// another node counts.
    pub async fn run_due(&self, api: &dyn NodeApi) {
        let runs = match last_runs(api).await {
            Ok(runs) => runs,
            Err(error) => {
                tracing::warn!(%error, "it cannot be read which analyses are due: tried again");
                return;
            }
        };
        for job in &JOBS {
            let at = Timestamp::now();
            if next_run(api, job, &runs).is_none_or(|next| next > at) {
                continue;
            }
            let order = Order {
                by: "leader".to_owned(),
                at,
                is_paced: true,
            };
            let turn = Arc::clone(&self.one_at_a_time).lock_owned().await;
            match self.run(turn, api, job, &order).await {
                Ok(done) => tracing::info!(
                    job = job.name,
                    found = done.found,
                    rows = done.rows_read,
                    "analysis done"
                ),
                Err(error) => {
                    tracing::warn!(job = job.name, %error, "analysis failed: tried again")
                }
            }
        }
    }

    /// Runs a job for somebody who asks; it goes on when nobody waits any more. Nothing if another
    /// one runs.
    pub(crate) async fn run_now(
        &self,
        api: &Arc<dyn NodeApi>,
        job: &'static Job,
        order: Order,
    ) -> Option<Result<Done, ApiError>> {
        let turn = Arc::clone(&self.one_at_a_time).try_lock_owned().ok()?;
        let (this, api) = (self.clone(), Arc::clone(api));
        let run = pga_runtime::spawn(async move { this.run(turn, &*api, job, &order).await });
        Some(run.await.unwrap_or(Err(ApiError::Internal)))
    }

    /// Counts what is done every minute, and is no job, and keeps it now and then.
    pub(in crate::analyses) async fn watch(
        &self,
        api: &dyn NodeApi,
        name: &'static str,
        round: impl Future<Output = Result<Done, ApiError>>,
    ) -> Result<Done, ApiError> {
        let (begun, at) = (pga_runtime::now(), Timestamp::now());
        let done = round.await;
        self.metrics.ended(name, begun.elapsed(), &done);
        if self.looks.is_kept(name, done.is_ok()) {
            keep(api, outcome(WATCH_KIND, name, "leader", at, &done)).await?;
        }
        done
    }

    /// Runs a job, and keeps what became of it.
    async fn run(
        &self,
        turn: OwnedMutexGuard<()>,
        api: &dyn NodeApi,
        job: &Job,
        order: &Order,
    ) -> Result<Done, ApiError> {
        let begun = pga_runtime::now();
        let done = (job.run)(api, order).await;
        self.metrics.ended(job.name, begun.elapsed(), &done);
        let run = outcome(KIND, job.name, &order.by, order.at, &done);
        let position: Position = keep(api, run).await?;
        drop(turn);
        let mut done = done?;
        done.position = Some(position);
        Ok(done)
    }
}

/// What became of a run, as it is kept.
fn outcome(
    kind: &'static str,
    name: &str,
    by: &str,
    started: Timestamp,
    done: &Result<Done, ApiError>,
) -> Run {
    let (found, rows_read, cuts, notes) = match done {
        Ok(done) => (done.found, done.rows_read, done.cuts.as_slice(), Vec::new()),
        Err(error) => (0, 0, [].as_slice(), vec![Value::String(error.to_string())]),
    };
    Run {
        kind,
        collector: None,
        database: name.to_owned(),
        judged: Vec::new(),
        by: by.to_owned(),
        started,
        ended: Timestamp::now(),
        rows_read,
        findings: vec![Value::from(found), json!(cuts)],
        notes,
    }
}
