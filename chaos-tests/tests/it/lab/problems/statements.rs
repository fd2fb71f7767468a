//! Statements: a missing index, another plan, sorts on disk, one query for each row.

use std::time::Duration;

use crate::lab::problem::{Problem, Want};
use crate::lab::stage::Stage;

const MISSING: &[Want] = &[
    Want::new("advice index", 300, &["orders (customer_id)"])
        .first()
        .saves(95.0),
    Want::new("plan P2", 300, &["orders"]),
];

pub(crate) const MISSING_INDEX: Problem = Problem {
    is_heavy: true,
    follows: &["alert H3"],
    ..Problem::new(
        "1",
        "missing index",
        |stage| {
            Box::pin(async move {
                let customers = u64::from(stage.rows / 20);
                let script = move |below: &mut dyn FnMut(u64) -> u64| {
                    let customer = below(customers);
                    vec![format!(
                        "SELECT count(*) FROM orders WHERE customer_id = {customer}"
                    )]
                };
                stage
                    .load("shop", 4, Duration::from_millis(100), script)
                    .await
            })
        },
        MISSING,
    )
};

const FLIP: &[Want] = &[
    Want::new(
        "regression",
        180,
        &["statistics changed", "ev was analysed", "ev_created"],
    )
    .first(),
    Want::new("plan P18", 180, &["ev"]),
    Want::new("advice index", 180, &["ev (kind, created)"]),
];

/// The statement whose plan flips, by one more client.
async fn flip_load(stage: &mut Stage) -> anyhow::Result<()> {
    let sql = "SELECT id FROM ev WHERE kind = 7 ORDER BY created LIMIT 10";
    let script = move |_: &mut dyn FnMut(u64) -> u64| vec![sql.to_owned()];
    stage
        .load("shop", 1, Duration::from_millis(200), script)
        .await
}

async fn flip(stage: &mut Stage) -> anyhow::Result<()> {
    let many = stage.rows / 50;
    stage.run("UPDATE ev SET kind = 8 WHERE kind = 7").await?;
    stage
        .run(&format!(
            "INSERT INTO ev(kind, created, pad) SELECT 7, timestamptz '2025-01-01' + g * interval '1 s', repeat('p', 60)
            FROM generate_series(1, {many}) g"
        ))
        .await?;
    stage.run("ANALYZE ev").await
}

pub(crate) const PLAN_FLIP: Problem = Problem {
    before: |stage| Box::pin(flip_load(stage)),
    usual: Duration::from_secs(1_020),
    follows: &["alert Q2", "anomaly", "alert Q3", "alert H3"],
    wrong: &[
        ("advice parameter", "work_mem"),
        ("advice parameter", "shared_buffers"),
    ],
    ..Problem::new("2", "plan flip", |stage| Box::pin(flip(stage)), FLIP)
};

pub(crate) const PLAN_FLIP_WITH_TRAFFIC: Problem = Problem {
    wrong: &[
        ("advice parameter", "work_mem"),
        ("why", "about the same time a call"),
    ],
    ..Problem {
        number: "m3",
        name: "plan flip while its traffic doubles",
        inject: |stage| {
            Box::pin(async move {
                flip_load(stage).await?;
                flip(stage).await
            })
        },
        ..PLAN_FLIP
    }
};

const NEVER_ANALYSED: &[Want] = &[Want::new("advice", 300, &["ANALYZE public.na;"])];

pub(crate) const WITHOUT_STATISTICS: Problem = Problem {
    is_heavy: true,
    holds: "CREATE TABLE na(id int, k int, v int) WITH (autovacuum_enabled = off);
        INSERT INTO na SELECT g, g % 50000, 1 FROM generate_series(1, 1000000) g",
    follows: &["alert H3"],
    wrong: &[("advice index", "CREATE INDEX")],
    ..Problem::new(
        "13",
        "a table without statistics",
        |stage| {
            Box::pin(async move {
                let script = move |below: &mut dyn FnMut(u64) -> u64| {
                    let key = below(50_000);
                    vec![format!("SELECT count(*) FROM na WHERE k = {key}")]
                };
                stage
                    .load("shop", 2, Duration::from_millis(100), script)
                    .await
            })
        },
        NEVER_ANALYSED,
    )
};

const SPILL: &[Want] = &[
    Want::new("plan P5", 300, &["work_mem"]),
    Want::new("advice parameter", 300, &["work_mem"]),
];

pub(crate) const TEMPORARY_FILES: Problem = Problem {
    follows: &["alert I3", "alert H3"],
    ..Problem::new(
        "8",
        "temp spill",
        |stage| {
            Box::pin(async move {
                let script = |_: &mut dyn FnMut(u64) -> u64| {
                    let sort = "SELECT count(*) FROM (SELECT id FROM orders ORDER BY note DESC, id OFFSET 0) s";
                    vec!["SET work_mem = '64kB'".to_owned(), sort.to_owned()]
                };
                stage
                    .load("reports", 1, Duration::from_secs(1), script)
                    .await
            })
        },
        SPILL,
    )
};

const ROWS: &[Want] = &[Want::new(
    "advice rewrite",
    300,
    &[
        "one query for each row",
        "SELECT n FROM p WHERE id =",
        "BETWEEN",
        "50 times",
    ],
)
.first()];

pub(crate) const ONE_QUERY_A_ROW: Problem = Problem {
    wrong: &[("advice index", " p ")],
    ..Problem::new(
        "11",
        "one query for each row",
        |stage| {
            Box::pin(async move {
                let script = |below: &mut dyn FnMut(u64) -> u64| {
                    let first = below(99_000) + 1;
                    let last = first + 49;
                    let list = format!("SELECT id FROM p WHERE id BETWEEN {first} AND {last}");
                    let each = (first..=last).map(|id| format!("SELECT n FROM p WHERE id = {id}"));
                    std::iter::once(list).chain(each).collect()
                };
                stage
                    .load("shop", 2, Duration::from_millis(20), script)
                    .await
            })
        },
        ROWS,
    )
};
