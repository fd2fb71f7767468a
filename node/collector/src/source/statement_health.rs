//! Whether `pg_stat_statements` is losing statements.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_statement_health", 60, Shape::One, sql);

fn sql(facts: &Facts) -> Option<String> {
    let schema = facts.statements()?;
    let (info, from) = match facts.has_view("pg_stat_statements_info") {
        true => (
            "i.dealloc, i.stats_reset",
            format!(" FROM {schema}.pg_stat_statements_info i"),
        ),
        false => (
            "NULL::bigint AS dealloc, NULL::timestamptz AS stats_reset",
            String::new(),
        ),
    };
    Some(format!(
        "SELECT {info}, (SELECT count(*) FROM {schema}.pg_stat_statements(false)) AS entries, \
         current_setting('pg_stat_statements.max', true)::int AS max, \
         current_setting('pg_stat_statements.track', true) AS track, \
         current_setting('pg_stat_statements.track_planning', true) AS track_planning, \
         current_setting('pg_stat_statements.track_utility', true) AS track_utility, \
         current_setting('pg_stat_statements.save', true) AS save{from}"
    ))
}
