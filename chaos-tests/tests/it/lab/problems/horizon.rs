//! What keeps old rows: a session with a snapshot, a prepared transaction.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::program;
use serde_json::Value;
use tokio::process::Command;

use crate::lab::problem::{Problem, Want};
use crate::lab::stage::Stage;

/// By how many percent of a table what is estimated to be air may differ from what is counted.
const OFF: f64 = 10.0;

/// Ends the holder, lets VACUUM do its work, and compares the collector's estimate of what is
/// wasted with what `pgstattuple` counts.
async fn released(stage: &mut Stage) -> anyhow::Result<()> {
    stage.held.remove("H");
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.run("VACUUM ANALYZE b").await?;
    let counted = "SELECT 100.0 * (free_space + dead_tuple_len) / table_len FROM pgstattuple('b')";
    let counted: f64 = stage.ask(counted).await?.parse()?;
    let output = Command::new(program()?)
        .args(["collect", "once", "--type", "pg_bloat_estimate"])
        .args(["--output", "json", "--dsn", &stage.server.url()])
        .output()
        .await?;
    let told = String::from_utf8(output.stdout)?;
    let told = told.lines().find_map(|line| {
        let element: Value = serde_json::from_str(line).ok()?;
        let mut rows = element["rows"].as_array()?.iter();
        rows.find(|row| row["relation"] == "b")?["wasted_share"].as_f64()
    });
    let told = told.context("no estimate of b")? * 100.0;
    eprintln!("b: {told:.1} % are estimated to be air, {counted:.1} % are");
    ensure!(
        (told - counted).abs() <= OFF,
        "{told} % of b, but {counted} %"
    );
    Ok(())
}

const HELD: &[Want] = &[Want::new(
    "alert",
    180,
    &[
        "{H}",
        "lab_H",
        "of postgres",
        "SELECT count(*) FROM b",
        "dead rows",
        "public.b",
        "pg_terminate_backend({H})",
    ],
)];

pub(crate) const BLOAT_BEHIND_A_HOLDER: Problem = Problem {
    then: Some((|stage| Box::pin(released(stage)), &[])),
    wrong: &[("advice parameter", "autovacuum")],
    ..Problem::new(
        "3",
        "bloat behind a holder",
        |stage| {
            Box::pin(async move {
                let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM b";
                stage.hold("H", snapshot).await?;
                for _ in 0..3 {
                    stage.run("UPDATE b SET v = v + 1").await?;
                }
                stage.run("VACUUM b").await
            })
        },
        HELD,
    )
};

const RISK: &[Want] = &[Want::new(
    "alert X1",
    360,
    &["lab5", "ROLLBACK PREPARED 'lab5'", "no table can be frozen"],
)];

/// Ids that are used up: the holder is older than `autovacuum_freeze_max_age` then.
const IDS: u64 = 250_000;

pub(crate) const FREEZE_RISK: Problem = Problem {
    is_heavy: true,
    settings: &["autovacuum_freeze_max_age=200000", "autovacuum=off"],
    follows: &["alert V2.off", "alert H3"],
    wrong: &[("advice parameter", "autovacuum_")],
    ..Problem::new(
        "5",
        "freeze risk",
        |stage| {
            Box::pin(async move {
                stage
                    .run("BEGIN; UPDATE l SET v = 9 WHERE id = 5; PREPARE TRANSACTION 'lab5'")
                    .await?;
                let script =
                    |_: &mut dyn FnMut(u64) -> u64| vec!["SELECT pg_current_xact_id()".to_owned()];
                stage.load("ids", 4, Duration::ZERO, script).await?;
                let age = "SELECT age(transaction) FROM pg_prepared_xacts";
                let mut used = 0;
                for _ in 0..600 {
                    used = stage.ask(age).await?.parse()?;
                    if used > IDS {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                stage.end_loads();
                ensure!(used > IDS, "only {used} ids were used");
                Ok(())
            })
        },
        RISK,
    )
};
