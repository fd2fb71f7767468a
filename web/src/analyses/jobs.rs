//! Analyses that the leader runs by itself: which, how often, and what became of them.

use futures::future::BoxFuture;
use pga_storage::{Position, Timestamp};
use serde_json::Value;

use super::findings::{self, Run, keep};
use super::{Done, Order, indexes, parameters, patterns, prediction, results, rewrites};
use crate::control_plane::view;
use crate::{ApiError, NodeApi};

/// Type of the elements that say what became of a job.
const KIND: &str = "analysis_job";

type Running<'a> = BoxFuture<'a, Result<Done, ApiError>>;

/// An analysis of everything that is stored.
pub(crate) struct Job {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) summary: &'static str,
    /// Seconds from one run to the next.
    pub(crate) every: i64,
    run: for<'a> fn(&'a dyn NodeApi, &'a Order) -> Running<'a>,
}

/// All of them.
pub(crate) const JOBS: [Job; 6] = [
    Job {
        name: "index-advice",
        summary: "Which indexes each database lacks, and which it does not need",
        every: 86_400,
        run: |api, order| Box::pin(indexes::all(api, order)),
    },
    Job {
        name: "rewrites",
        summary: "How the statements that take most time may be written otherwise",
        every: 86_400,
        run: |api, order| Box::pin(rewrites::all(api, order)),
    },
    Job {
        name: "parameters",
        summary: "Which settings of each server to change",
        every: 86_400,
        run: |api, order| Box::pin(parameters::all(api, order)),
    },
    Job {
        name: "results",
        summary: "What was done about recommendations, and whether it has helped",
        every: 3_600,
        run: |api, order| Box::pin(results::all(api, order)),
    },
    Job {
        name: "patterns",
        summary: "What comes back in the load of each database: hours, days, weeks, jobs",
        every: 86_400,
        run: |api, order| Box::pin(patterns::all(api, order)),
    },
    Job {
        name: "training",
        summary: "A model of what statements take, for predictions",
        every: 86_400,
        run: |api, order| Box::pin(prediction::nightly(api, order)),
    },
];

/// What became of each job's last run, by its name.
pub(crate) async fn last_runs(api: &dyn NodeApi) -> Result<Vec<Value>, ApiError> {
    findings::newest(api, KIND, None, |_| true).await
}

/// Seconds after which a job that failed is tried again.
const AGAIN: i64 = 600;
/// Seconds of history that a first run waits for.
const HISTORY: i64 = 3_600;

/// When a job is to run: after its last run, or once there is some history to judge.
pub(crate) fn next_run(api: &dyn NodeApi, job: &Job, runs: &[Value]) -> Option<Timestamp> {
    let later =
        |at: Timestamp, seconds: i64| Timestamp::from_micros(at.micros() + seconds * 1_000_000);
    let Some(run) = runs.iter().find(|run| run["database"] == job.name) else {
        let first = view(api, |state| {
            state
                .watched()
                .map(|(_, collector)| collector.first_seen)
                .min()
        });
        return first.flatten().map(|first| later(first, HISTORY));
    };
    let failed = run["notes"]
        .as_array()
        .is_some_and(|notes| !notes.is_empty());
    let last = crate::timestamps::parse_text(run["timestamp"].as_str()?).ok()?;
    Some(later(last, if failed { AGAIN } else { job.every }))
}

/// Runs one job, and keeps what became of it.
pub(crate) async fn run(api: &dyn NodeApi, job: &Job, order: &Order) -> Result<Done, ApiError> {
    let done = (job.run)(api, order).await;
    let (found, rows_read, notes) = match &done {
        Ok(done) => (done.found, done.rows_read, Vec::new()),
        Err(error) => (0, 0, vec![Value::String(error.to_string())]),
    };
    let run = Run {
        kind: KIND,
        collector: None,
        database: job.name.to_owned(),
        judged: Vec::new(),
        by: order.by.clone(),
        started: order.at,
        ended: Timestamp::now(),
        rows_read,
        findings: vec![Value::from(found)],
        notes,
    };
    let position: Position = keep(api, run).await?;
    let mut done = done?;
    done.position = Some(position);
    Ok(done)
}

/// Runs the jobs that are due, one after the other. The leader calls it; a job that ran on another
/// node counts.
pub async fn run_due_jobs(api: &dyn NodeApi) {
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
        };
        match run(api, job, &order).await {
            Ok(done) => tracing::info!(
                job = job.name,
                found = done.found,
                rows = done.rows_read,
                "analysis done"
            ),
            Err(error) => tracing::warn!(job = job.name, %error, "analysis failed: tried again"),
        }
    }
}
