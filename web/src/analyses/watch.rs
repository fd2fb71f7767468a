//! What the leader looks at every minute.

use super::anomalies::AnomalyWatch;
use super::jobs::{JobRunner, WATCHES};
use super::plan_regressions::PlanWatch;
use super::snapshots::ChangeWatch;
use crate::NodeApi;

/// What a leader knows from its last round; what it found is stored, so a new leader goes on.
#[derive(Debug, Default)]
pub struct Watch {
    plans: PlanWatch,
    anomalies: AnomalyWatch,
    changes: ChangeWatch,
}

impl Watch {
    /// Looks at all servers once. Plans come first: another plan is the cause of many an anomaly.
    /// What failed is done by the next round.
    pub async fn round(&mut self, api: &dyn NodeApi, runner: &JobRunner) {
        let [plans, anomalies, snapshots] = WATCHES.map(|(name, _)| name);
        if let Err(error) = runner.watch(api, plans, self.plans.round(api)).await {
            tracing::warn!(%error, "plans were not looked at: tried again");
        }
        if let Err(error) = runner
            .watch(api, anomalies, self.anomalies.round(api))
            .await
        {
            tracing::warn!(%error, "anomalies were not looked for: tried again");
        }
        if let Err(error) = runner.watch(api, snapshots, self.changes.round(api)).await {
            tracing::warn!(%error, "changes were not looked for: tried again");
        }
    }
}
