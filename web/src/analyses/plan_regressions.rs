//! Statements that became slower with another plan, and why: judged by the leader every minute,
//! and when somebody asks.
//!
//! Of each statement it is known which structures of plans were seen. One that has another than
//! before is looked at closer: its mean time of the last ten minutes (or of the last hour) is
//! compared with that of the time until the plan changed, and with the same time a day and a week
//! before that. A plan that changed without more time is no finding.

mod explain;
mod record;
mod seen;
mod server;

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::{Position, Timestamp};
use serde_json::Value;

use self::server::Server;
use super::findings::{Newest, newest};
use super::{Done, Order, collectors};
use crate::{ApiError, NodeApi};

pub(crate) use self::record::{KIND, Record};

/// What the leader knows of plans.
#[derive(Debug, Default)]
pub(crate) struct PlanWatch {
    servers: BTreeMap<CollectorId, Server>,
}

impl PlanWatch {
    /// Looks at what came since the last round. What happened is durable on a quorum when it
    /// returns.
    ///
    /// # Errors
    /// What reading or pushing answers; the next round goes on where this one began.
    pub(super) async fn round(&mut self, api: &dyn NodeApi) -> Result<Done, ApiError> {
        let order = Order {
            by: "leader".to_owned(),
            at: Timestamp::now(),
            is_paced: true,
        };
        self.judge(api, &order).await
    }

    async fn judge(&mut self, api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
        let all = collectors(api)?;
        self.servers.retain(|id, _| all.contains(id));
        let mut stored = records(api, None).await?;
        let mut done = Done::default();
        for id in all {
            let server = self.servers.entry(id).or_insert_with(|| Server::new(id));
            server.adopt(stored.remove(&id).unwrap_or_default());
            done.join(server.round(api, order).await?);
        }
        Ok(done)
    }
}

/// Judges the plans of the last seven days of all servers, for somebody who asks.
pub(crate) async fn detect(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    PlanWatch::default().judge(api, order).await
}

/// What is open on each server, and what ended in the last seven days.
pub(crate) async fn records(
    api: &dyn NodeApi,
    min_position: Option<Position>,
) -> Result<BTreeMap<CollectorId, Vec<Record>>, ApiError> {
    let of_run = |run: &Value| {
        let server = CollectorId::from_external(run["collector_id"].as_str()?);
        let rows = run["findings"].as_array().into_iter().flatten();
        let records = rows.filter_map(|row| serde_json::from_value(row.clone()).ok());
        Some((server, records.collect()))
    };
    // What is open is kept again each day, and what is over is told for seven.
    let wanted = Newest::of(KIND).at(min_position).days(9);
    let wanted = wanted.enough(collectors(api)?.len());
    let runs = newest(api, wanted, |_| true).await?;
    Ok(runs.iter().filter_map(of_run).collect())
}
