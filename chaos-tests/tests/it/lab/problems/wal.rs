//! WAL: a slot that nobody reads, checkpoints too close together.

use crate::lab::problem::{Problem, Want};

/// Settings of these servers stand on their command lines; PostgreSQL calls it an error, when it
/// reads its files, that others of the same name stand there.
const RELOADED: &str = "alert G1.error";

const RETAINS: &[Want] = &[Want::new(
    "alert R3",
    150,
    &[
        "lab_slot",
        "is inactive",
        "of WAL",
        "pg_drop_replication_slot('lab_slot')",
    ],
)];
const LOST: &[Want] = &[Want::new(
    "alert R3.invalidated",
    120,
    &["lab_slot", "invalidated"],
)];

pub(crate) const INACTIVE_SLOT: Problem = Problem {
    follows: &["alert R3.near", RELOADED],
    then: Some((
        |stage| {
            Box::pin(async move {
                stage
                    .run("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'")
                    .await?;
                stage.run("SELECT pg_reload_conf()").await?;
                stage.run("INSERT INTO w SELECT g, repeat('w', 200) FROM generate_series(1, 400000) g").await?;
                stage.run("SELECT pg_switch_wal()").await?;
                stage.run("CHECKPOINT").await
            })
        },
        LOST,
    )),
    ..Problem::new(
        "6",
        "inactive slot",
        |stage| {
            Box::pin(async move {
                stage
                    .run("SELECT pg_create_physical_replication_slot('lab_slot', true)")
                    .await?;
                stage.run("CREATE TABLE w AS SELECT g, repeat('w', 200) t FROM generate_series(1, 200000) g").await
            })
        },
        RETAINS,
    )
};

const FORCED: &[Want] = &[Want::new("alert W1", 180, &["checkpoint", "max_wal_size"])];

pub(crate) const CHECKPOINTS: Problem = Problem {
    follows: &[RELOADED],
    ..Problem::new(
        "10",
        "checkpoint storm",
        |stage| {
            Box::pin(async move {
                for name in ["max_wal_size", "min_wal_size"] {
                    stage
                        .run(&format!("ALTER SYSTEM SET {name} = '32MB'"))
                        .await?;
                }
                stage.run("SELECT pg_reload_conf()").await?;
                stage.run("CREATE TABLE cp AS SELECT g, repeat('c', 200) t FROM generate_series(1, 900000) g").await
            })
        },
        FORCED,
    )
};
