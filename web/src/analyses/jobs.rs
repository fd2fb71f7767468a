//! Analyses that the leader runs by itself: which, how often, and what became of them.

mod looks;
mod metrics;
mod runner;

use futures::future::BoxFuture;
use pga_storage::Timestamp;
use serde_json::Value;

pub use self::runner::JobRunner;
use super::findings::{Newest, newest};
use super::{
    Done, Order, indexes, parameters, patterns, prediction, recommendations, results, rewrites,
};
use crate::control_plane::view;
use crate::{ApiError, NodeApi};

/// Type of the elements that say what became of a job.
const KIND: &str = "analysis_job";
/// The same of what is looked at every minute.
const WATCH_KIND: &str = "analysis_watch";

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
        run: |api, order| Box::pin(merged(api, order, indexes::all(api, order))),
    },
    Job {
        name: "rewrites",
        summary: "How the statements that take most time may be written otherwise",
        every: 86_400,
        run: |api, order| Box::pin(merged(api, order, rewrites::all(api, order))),
    },
    Job {
        name: "parameters",
        summary: "Which settings of each server to change",
        every: 86_400,
        run: |api, order| Box::pin(merged(api, order, parameters::all(api, order))),
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

/// An analysis whose findings are recommended.
async fn merged(
    api: &dyn NodeApi,
    order: &Order,
    analysis: impl Future<Output = Result<Done, ApiError>> + Send,
) -> Result<Done, ApiError> {
    recommendations::after(api, analysis.await?, order).await
}

/// What is looked at every minute, beside the jobs: names and what is looked for.
pub(crate) const WATCHES: [(&str, &str); 3] = [
    (
        "plan-regressions",
        "Whether statements are slower since their plans changed",
    ),
    ("anomalies", "What is not usual at this hour"),
    (
        "snapshots",
        "What was changed on servers, and the hours before and after it",
    ),
];
/// Seconds between two looks.
pub(crate) const WATCH_EVERY: i64 = 60;
/// Days in which a look that was kept is looked for.
const WATCH_DAYS: i64 = 1;

/// What became of each job's last run, by its name.
pub(crate) async fn last_runs(api: &dyn NodeApi) -> Result<Vec<Value>, ApiError> {
    let wanted = Newest::of(KIND).enough(JOBS.len());
    newest(api, wanted, |_| true).await
}

/// The same of what is looked at every minute, as far as it was kept: a quarter of an hour apart,
/// and where one failed or did so no more.
pub(crate) async fn last_looks(api: &dyn NodeApi) -> Result<Vec<Value>, ApiError> {
    let wanted = Newest::of(WATCH_KIND).days(WATCH_DAYS);
    newest(api, wanted.enough(WATCHES.len()), |_| true).await
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
