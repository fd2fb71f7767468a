//! Analyses: what is stored is read, judged by the pure functions of `pga_insight`, and what they
//! find is kept as elements of the cluster itself (design D13).
//!
//! Each analysis is a file: what it reads, whom it asks, and how its findings look.

pub(crate) mod anomalies;
mod call_patterns;
pub(crate) mod comparison;
pub(crate) mod findings;
mod index_checks;
pub(crate) mod indexes;
mod inventory;
pub(crate) mod jobs;
pub(crate) mod outlook;
pub(crate) mod parameters;
pub(crate) mod patterns;
pub(crate) mod plan_regressions;
pub(crate) mod prediction;
mod recent_calls;
pub(crate) mod recommendations;
pub(crate) mod results;
mod rewrite_row;
pub(crate) mod rewrites;
mod snapshots;
mod spans;
pub(crate) mod watch;
pub(crate) mod workload;

use std::collections::BTreeSet;

use pga_config::CollectorId;
use pga_storage::{Position, Timestamp};

pub(crate) use self::inventory::relation_names;
use self::workload::{Statement, Window};
use crate::control_plane::view;
use crate::{ApiError, NodeApi};

/// Who wants an analysis, and when.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// For people to read.
    pub(crate) by: String,
    /// Now.
    pub(crate) at: Timestamp,
    /// Whether it may take its time: it rests for as long as it works. Nobody waits for it.
    pub(crate) is_paced: bool,
}

/// What an analysis has done: durable on a quorum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// What it found.
    pub(crate) found: usize,
    /// What kinds of it, in their order.
    pub(crate) kinds: Vec<String>,
    /// Rows that it read.
    pub(crate) rows_read: usize,
    /// Which a read that is to show it has to wait for.
    pub(crate) position: Option<Position>,
    /// What was left out, since there was more than it may look at.
    pub(crate) cuts: Vec<String>,
}

impl Done {
    fn add(
        &mut self,
        position: Position,
        rows_read: usize,
        kinds: impl IntoIterator<Item = String>,
    ) {
        self.position = self.position.max(Some(position));
        self.rows_read += rows_read;
        for kind in kinds {
            self.found += 1;
            if !self.kinds.contains(&kind) {
                self.kinds.push(kind);
            }
        }
    }
}

impl Done {
    /// Notes what was left out.
    pub(crate) fn cut(&mut self, cuts: impl IntoIterator<Item = String>) {
        for cut in cuts {
            if !self.cuts.contains(&cut) {
                self.cuts.push(cut);
            }
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.found += other.found;
        self.rows_read += other.rows_read;
        self.position = self.position.max(other.position);
        self.cut(other.cuts);
        let new = other
            .kinds
            .into_iter()
            .filter(|kind| !self.kinds.contains(kind));
        let new: Vec<String> = new.collect();
        self.kinds.extend(new);
    }
}

/// The databases that statements were sent of in the last day, with their servers.
async fn databases(
    api: &dyn NodeApi,
    now: Timestamp,
) -> Result<BTreeSet<(CollectorId, String)>, ApiError> {
    let mut all = BTreeSet::new();
    for collector in collectors(api)? {
        let window = Window::hours_before(now, 24);
        let statements = workload::sums(api, collector, window, None).await?;
        all.extend(
            statements
                .into_keys()
                .map(|(database, _)| (collector, database)),
        );
    }
    Ok(all)
}

/// All collectors of servers.
fn collectors(api: &dyn NodeApi) -> Result<Vec<CollectorId>, ApiError> {
    let all = view(api, |state| state.watched().map(|(id, _)| *id).collect());
    all.ok_or(ApiError::Internal)
}

/// Where a statement was seen, in the last day, or else in the last 30 days.
async fn seen(
    api: &dyn NodeApi,
    hash: i64,
    now: Timestamp,
) -> Result<Vec<(CollectorId, Statement, Window)>, ApiError> {
    for hours in [24, 720] {
        let window = Window::hours_before(now, hours);
        let mut found = Vec::new();
        for collector in collectors(api)? {
            let statements = workload::sums(api, collector, window, None).await?;
            let same = statements.into_values().filter(|one| one.hash == hash);
            found.extend(same.map(|one| (collector, one, window)));
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
