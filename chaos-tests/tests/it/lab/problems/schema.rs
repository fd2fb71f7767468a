//! Sequences that end before anybody looks: at their own end, and at that of their column.

use crate::lab::problem::{Problem, Want};

const ENDS: &[Want] = &[
    Want::new(
        "alert S1.near",
        960,
        &["public.s_id_seq", "ALTER TABLE", "bigint"],
    ),
    Want::new(
        "alert S1.near",
        960,
        &["public.s2q", "s2.id (integer)", "ALTER TABLE", "bigint"],
    ),
];

pub(crate) const SEQUENCES: Problem = Problem {
    // The level below, which nobody is told beside the other.
    follows: &["alert S1"],
    ..Problem::new(
        "12",
        "sequence near its end",
        |stage| {
            Box::pin(async move {
                stage
                .run(
                    "CREATE TABLE s(id serial PRIMARY KEY, t int); SELECT setval('s_id_seq', 2147480000);
                    CREATE TABLE s2(id int PRIMARY KEY); CREATE SEQUENCE s2q OWNED BY s2.id;
                    ALTER TABLE s2 ALTER id SET DEFAULT nextval('s2q'); SELECT setval('s2q', 2147480000)",
                )
                .await
            })
        },
        ENDS,
    )
};
