//! What autovacuum does and has to do: workers, and tables over their thresholds
//! (`pg_autovacuum`).
//!
//! # Source
//! PostgreSQL's manual, "The Autovacuum Daemon": base threshold plus scale factor times tuples,
//! from a table's own options or from the settings.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source =
    Source::new("pg_autovacuum", 60, Shape::One, sql).in_each_database();

fn sql(_: &Facts) -> Option<String> {
    // A missing setting has no limit: `autovacuum_vacuum_max_threshold` came with 18.
    let option = |name: &str| {
        format!(
            "coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions) \
             WHERE option_name = '{name}'), current_setting('{name}', true))::float8"
        )
    };
    let threshold = |base: &str, scale: &str| {
        format!(
            "{} + {} * greatest(c.reltuples, 0)",
            option(base),
            option(scale)
        )
    };
    let vacuum = threshold(
        "autovacuum_vacuum_threshold",
        "autovacuum_vacuum_scale_factor",
    );
    let insert = threshold(
        "autovacuum_vacuum_insert_threshold",
        "autovacuum_vacuum_insert_scale_factor",
    );
    let analyze = threshold(
        "autovacuum_analyze_threshold",
        "autovacuum_analyze_scale_factor",
    );
    Some(format!(
        "SELECT w.*, t.*, current_setting('autovacuum')::bool AS is_on, \
         current_setting('autovacuum_max_workers')::int AS max_workers \
         FROM (SELECT count(*) AS workers, \
            count(*) FILTER (WHERE datname = current_database()) AS workers_here, \
            count(*) FILTER (WHERE query LIKE '%(to prevent wraparound)') AS wraparound_workers \
            FROM pg_stat_activity WHERE backend_type = 'autovacuum worker') w, \
         (SELECT count(*) FILTER (WHERE is_enabled AND n_dead_tup > least(dead, most)) AS over_vacuum, \
            count(*) FILTER (WHERE is_enabled AND inserted >= 0 AND n_ins_since_vacuum > inserted) \
                AS over_insert, \
            count(*) FILTER (WHERE is_enabled AND n_mod_since_analyze > changed) AS over_analyze, \
            count(*) FILTER (WHERE NOT is_enabled) AS disabled \
            FROM (SELECT s.n_dead_tup, s.n_ins_since_vacuum, s.n_mod_since_analyze, \
                coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions) \
                    WHERE option_name = 'autovacuum_enabled'), true) AS is_enabled, \
                {vacuum} AS dead, nullif({most}, -1) AS most, \
                CASE WHEN {insert_base} < 0 THEN -1 ELSE {insert} END AS inserted, \
                {analyze} AS changed \
                FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid) x) t",
        most = option("autovacuum_vacuum_max_threshold"),
        insert_base = option("autovacuum_vacuum_insert_threshold"),
    ))
}
