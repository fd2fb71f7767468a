//! Drops what is older than the retention.
//!
//! Role: calls the store once per interval; for a shared store on the leader alone. Owner: the
//! node's root. Failure: the next round does it.

use std::sync::Arc;
use std::time::Duration;

use pga_storage::Timestamp;
use pga_storage::store::Retention;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::context::Context;
use crate::tasks::{self, TaskKind};

/// How often data that is too old is looked for.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// The maintenance actor.
#[derive(Debug)]
pub(crate) struct Maintenance;

/// What it is told.
#[derive(Debug)]
pub(crate) enum MaintenanceMsg {
    /// Time for a round.
    Drop,
}

/// Its state.
#[derive(Debug)]
pub(crate) struct MaintenanceState {
    context: Arc<Context>,
    /// Whether a round is under way.
    round: Option<tokio::task::JoinHandle<()>>,
}

impl Actor for Maintenance {
    type Msg = MaintenanceMsg;
    type State = MaintenanceState;
    type Arguments = Arc<Context>;

    async fn pre_start(
        &self,
        myself: ActorRef<MaintenanceMsg>,
        context: Arc<Context>,
    ) -> Result<MaintenanceState, ActorProcessingErr> {
        myself.send_interval(INTERVAL, || MaintenanceMsg::Drop);
        Ok(MaintenanceState {
            context,
            round: None,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<MaintenanceMsg>,
        message: MaintenanceMsg,
        state: &mut MaintenanceState,
    ) -> Result<(), ActorProcessingErr> {
        let MaintenanceMsg::Drop = message;
        state.context.faults.hit("maintenance");
        let is_ours = !state.context.store.is_shared()
            || state.context.replica.leadership().borrow().is_leader;
        let is_busy = state
            .round
            .as_ref()
            .is_some_and(|round| !round.is_finished());
        if is_ours && !is_busy {
            let context = Arc::clone(&state.context);
            state.round = Some(tasks::spawn(TaskKind::Effect, drop_old(context)));
        }
        Ok(())
    }
}

async fn drop_old(context: Arc<Context>) {
    let retention = retention(Timestamp::now(), &context.live.now().store);
    match context.store.drop_old(retention).await {
        Ok(0) => {}
        Ok(dropped) => {
            context.metrics.retained_drops.inc_by(dropped);
            tracing::info!(dropped, "old samples dropped");
        }
        Err(error) => tracing::warn!(
            error = pga_runtime::error_chain(&error),
            "old samples not dropped"
        ),
    }
}

/// What is too old at `now`.
fn retention(now: Timestamp, store: &pga_config::Store) -> Retention {
    let all = Retention::all(start(now, store.retention));
    let of = store.retention_of.iter();
    of.fold(all, |retention, (kind, kept)| {
        retention.with(kind, start(now, kept))
    })
}

/// What is older than this goes.
fn start(now: Timestamp, retention: Duration) -> Timestamp {
    let retention = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.micros().saturating_sub(retention))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_kept_for_as_long_as_the_settings_say() {
        let mut values = pga_config::Values::default();
        for (key, value) in [
            ("node.id", "1"),
            ("node.data-dir", "/nowhere"),
            ("store.retention", "10d"),
            ("store.retention-of", "pg_log=2d,samples=90d"),
        ] {
            values.add_flag(key, value);
        }
        let config = pga_config::Config::try_from(values).unwrap();
        let day = 86_400_000_000;
        let now = Timestamp::from_micros(1_000 * day);
        let retention = retention(now, &config.store);
        for (kind, days) in [("pg_log", 2), ("samples", 90), ("pg_stats", 10)] {
            let want = Timestamp::from_micros((1_000 - days) * day);
            assert_eq!(retention.before(kind), want, "{kind}");
        }
    }
}
