//! Clients that log in for each statement, and more of them than the server takes.

use crate::lab::problem::{Problem, Want};

const MANY: &[Want] = &[Want::new(
    "alert C3",
    240,
    &["sessions a second", "pooler", "(storm)"],
)];
const FULL: &[Want] = &[Want::new("alert C1", 120, &["too many clients"])];

pub(crate) const STORM: Problem = Problem {
    is_heavy: true,
    follows: &["alert H3", "alert A1", "anomaly"],
    then: Some((
        |stage| {
            Box::pin(async move {
                stage.end_loads();
                stage.storm(70, "SELECT pg_sleep(20)")
            })
        },
        FULL,
    )),
    ..Problem::new(
        "9",
        "connection storm",
        |stage| Box::pin(async move { stage.storm(20, "SELECT 1") }),
        MANY,
    )
};
