//! The problems.

mod connections;
mod horizon;
mod locks;
mod schema;
mod statements;
mod wal;

use std::time::Duration;

use super::problem::Problem;
use super::stage::Stage;

/// All of them; the first is none, and the last three are mixes.
pub(crate) fn all(healthy_minutes: u64) -> Vec<Problem> {
    let lasts = Duration::from_secs(healthy_minutes * 60);
    vec![
        Problem {
            lasts,
            ..Problem::new("0", "healthy", |stage| Box::pin(healthy(stage)), &[])
        },
        statements::MISSING_INDEX,
        statements::PLAN_FLIP,
        horizon::BLOAT_BEHIND_A_HOLDER,
        locks::CHAIN,
        horizon::FREEZE_RISK,
        wal::INACTIVE_SLOT,
        locks::IDLE_IN_TRANSACTION,
        statements::TEMPORARY_FILES,
        connections::STORM,
        wal::CHECKPOINTS,
        statements::ONE_QUERY_A_ROW,
        schema::SEQUENCES,
        statements::WITHOUT_STATISTICS,
        locks::WAIT_WITHOUT_AN_INDEX,
        locks::QUEUE_BEHIND_DDL,
        statements::PLAN_FLIP_WITH_TRAFFIC,
    ]
}

/// Eight clients, each a small transaction in 200 ms: nothing about it is a problem.
pub(crate) async fn healthy(stage: &mut Stage) -> anyhow::Result<()> {
    let rows = u64::from(stage.rows);
    let pause = Duration::from_millis(200);
    let script = move |below: &mut dyn FnMut(u64) -> u64| {
        let (account, teller) = (below(rows) + 1, below(100) + 1);
        let delta = i64::try_from(below(10_000)).unwrap_or(0) - 5_000;
        vec![
            "BEGIN".to_owned(),
            format!(
                "UPDATE pgbench_accounts SET abalance = abalance + {delta} WHERE aid = {account}"
            ),
            format!("SELECT abalance FROM pgbench_accounts WHERE aid = {account}"),
            format!(
                "UPDATE pgbench_tellers SET tbalance = tbalance + {delta} WHERE tid = {teller}"
            ),
            format!(
                "INSERT INTO pgbench_history(tid, bid, aid, delta, mtime) VALUES ({teller}, 1, {account}, {delta}, now())"
            ),
            "COMMIT".to_owned(),
        ]
    };
    stage.load("pgbench", 8, pause, script).await
}
