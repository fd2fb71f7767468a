//! `pg_query_stats` of the v3 protocol (contract 3.2): the 100 statements of each database with the
//! most time, with their texts.

use super::own_statements::OWN;
use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_query_stats", 60, Shape::Each, sql);

/// One entry per query id and level, where the extension tells levels apart: rows of several users
/// are added up.
/// Statements of all databases are seen from the one that is connected to, which alone needs the
/// extension.
fn sql(facts: &Facts) -> Option<String> {
    let schema = facts.statements()?;
    let has = |name: &str| facts.has("pg_stat_statements", name);
    // 17 has these times apart for shared and local blocks; the old ones were of shared blocks.
    let (read, write) = match has("shared_blk_read_time") {
        true => ("shared_blk_read_time", "shared_blk_write_time"),
        false => ("blk_read_time", "blk_write_time"),
    };
    let reset = match facts.has_view("pg_stat_statements_info") {
        true => format!(
            "(SELECT to_char(stats_reset, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
             FROM {schema}.pg_stat_statements_info)"
        ),
        false => "NULL".to_owned(),
    };
    let (group, level) = match has("toplevel") {
        true => ("datname, queryid, toplevel", "'toplevel', toplevel, "),
        false => ("datname, queryid", ""),
    };
    // Since when all of the rows count their extremes.
    let (since, extremes) = match has("minmax_stats_since") {
        true => (
            "min(minmax_stats_since) AS since, ",
            "'minmax_stats_since', since, ",
        ),
        false => ("", ""),
    };
    let columns = group.replace("datname", "datname::text AS database");
    let identity = facts.identity();
    let sums: Vec<String> = SUMS
        .iter()
        .map(|name| format!("sum({name})::int8 AS {name}"))
        .collect();
    let members: Vec<String> = SUMS
        .iter()
        .map(|name| format!("'{name}', {name}"))
        .collect();
    Some(format!(
        "SELECT database, {identity}, json_agg(json_build_object(\
         'hash', queryid, {level}{extremes}'text', query, 'total_time', total, \
         'mean_time', total / greatest(calls, 1), 'min_time', least, 'max_time', most, \
         'stddev_time', sqrt(greatest(squares / greatest(calls, 1) \
            - (total / greatest(calls, 1)) ^ 2, 0)), \
         'blk_read_time', block_read, 'blk_write_time', block_write, 'stats_reset', {reset}, \
         {members}) ORDER BY place) AS queries \
         FROM (SELECT *, row_number() OVER (PARTITION BY database ORDER BY total DESC, {group_outside}) AS place \
            FROM (SELECT {columns}, {since}min(left(query, 10000)) AS query, \
                sum(total_exec_time) AS total, min(min_exec_time) AS least, \
                max(max_exec_time) AS most, \
                sum(calls * (stddev_exec_time ^ 2 + mean_exec_time ^ 2)) AS squares, \
                sum({read}) AS block_read, sum({write}) AS block_write, {sums} \
                FROM {schema}.pg_stat_statements JOIN pg_database d ON d.oid = dbid \
                WHERE queryid IS NOT NULL AND NOT {OWN} GROUP BY {group}) s) t \
         WHERE place <= 100 GROUP BY database ORDER BY database",
        group_outside = group.replace("datname", "database"),
        members = members.join(", "),
        sums = sums.join(", "),
    ))
}

const SUMS: [&str; 15] = [
    "calls",
    "rows",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_dirtied",
    "shared_blks_written",
    "local_blks_hit",
    "local_blks_read",
    "local_blks_dirtied",
    "local_blks_written",
    "temp_blks_read",
    "temp_blks_written",
    "wal_records",
    "wal_fpi",
    "wal_bytes",
];
