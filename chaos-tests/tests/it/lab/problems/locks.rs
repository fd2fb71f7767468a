//! Sessions that hold locks: a chain, one that does nothing, and what they are mistaken for.

use std::time::Duration;

use crate::lab::problem::{Problem, Want};

const CHAINED: &[Want] = &[
    Want::new(
        "why lock",
        40,
        &[
            "3 sessions wait",
            "process {A} of postgres (lab_A)",
            "idle in transaction",
            "UPDATE l SET v",
        ],
    ),
    Want::new(
        "alert L1",
        90,
        &[
            "3 sessions wait",
            "3 deep",
            "process {A} of postgres (lab_A)",
            "idle in transaction",
            "pg_terminate_backend({A})",
        ],
    ),
];

pub(crate) const CHAIN: Problem = Problem {
    wrong: &[("alert Q1", ""), ("regression", "")],
    ..Problem::new(
        "4",
        "lock chain",
        |stage| {
            Box::pin(async move {
                let set = |to: u32, id: u32| format!("UPDATE l SET v = {to} WHERE id = {id}");
                stage.hold("A", &format!("BEGIN; {}", set(1, 1))).await?;
                for (name, own, waits) in [("B", 2, 1), ("C", 3, 2)] {
                    let first = format!("BEGIN; {}", set(1, own));
                    stage.wait_in(name, &first, &set(own, waits)).await?;
                }
                stage.wait_in("D", "SELECT 1", &set(4, 3)).await
            })
        },
        CHAINED,
    )
};

const IDLE: &[Want] = &[Want::new(
    "alert C2",
    360,
    &["lab_I", "UPDATE l SET v", "pg_terminate_backend({I})"],
)];

pub(crate) const IDLE_IN_TRANSACTION: Problem = Problem {
    wrong: &[("alert C2.holding", "")],
    ..Problem::new(
        "7",
        "idle in transaction",
        |stage| {
            Box::pin(async move {
                stage
                    .hold("I", "BEGIN; UPDATE l SET v = 7 WHERE id = 5")
                    .await
            })
        },
        IDLE,
    )
};

const WAITS: &[Want] = &[Want::new(
    "why lock",
    60,
    &[
        "process {A} of postgres (lab_A)",
        "idle in transaction",
        "UPDATE orders SET status = $1 WHERE id",
    ],
)];

pub(crate) const WAIT_WITHOUT_AN_INDEX: Problem = Problem {
    before: |stage| {
        Box::pin(async move {
            for _ in 0..3 {
                stage
                    .run("UPDATE orders SET status = 'x' WHERE customer_id = 77")
                    .await?;
            }
            Ok(())
        })
    },
    wrong: &[("regression", ""), ("alert Q1", "")],
    ..Problem::new(
        "m1",
        "lock, in a statement that also lacks an index",
        |stage| {
            Box::pin(async move {
                stage
                    .hold("A", "BEGIN; UPDATE orders SET status = 'y' WHERE id = 77")
                    .await?;
                let waits = "UPDATE orders SET status = 'z' WHERE customer_id = 77";
                stage.wait_in("V", "SELECT 1", waits).await?;
                tokio::time::sleep(Duration::from_secs(25)).await;
                stage.held.remove("A");
                Ok(())
            })
        },
        WAITS,
    )
};

const QUEUED: &[Want] = &[
    Want::new(
        "why lock",
        60,
        &[
            "7 sessions wait",
            "process {A} of postgres (lab_A)",
            "idle in transaction",
            "ALTER TABLE l ADD COLUMN z",
        ],
    ),
    Want::new(
        "alert L1.chain",
        90,
        &[
            "process {A} of postgres (lab_A)",
            "pg_cancel_backend({ddl})",
        ],
    ),
];

pub(crate) const QUEUE_BEHIND_DDL: Problem = Problem {
    wrong: &[("alert C1", ""), ("advice parameter", "max_connections")],
    follows: &["alert C2.holding"],
    ..Problem::new(
        "m2",
        "queue behind DDL",
        |stage| {
            Box::pin(async move {
                stage.hold("A", "BEGIN; SELECT 1 FROM l LIMIT 1").await?;
                stage
                    .wait_in("ddl", "SELECT 1", "ALTER TABLE l ADD COLUMN z int")
                    .await?;
                for name in ["r1", "r2", "r3", "r4", "r5", "r6"] {
                    stage
                        .wait_in(name, "SELECT 1", "SELECT count(*) FROM l")
                        .await?;
                }
                Ok(())
            })
        },
        QUEUED,
    )
};
