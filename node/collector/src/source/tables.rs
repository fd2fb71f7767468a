//! Counters and ages of tables (`pg_stat_user_tables`, `pg_statio_user_tables`, `pg_class`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_table", 60, Shape::Rows, sql)
    .in_each_database()
    .changes_of(&["relid"], &["xid_age", "mxid_age"]);

/// The busiest first, so that what is left out of a long list matters least.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT t.*, i.heap_blks_read, i.heap_blks_hit, i.idx_blks_read, i.idx_blks_hit, \
        i.toast_blks_read, i.toast_blks_hit, c.reltuples, c.relpages, c.relallvisible, \
        age(c.relfrozenxid) AS xid_age, mxid_age(c.relminmxid) AS mxid_age, c.relkind, \
        c.relpersistence, c.reloptions, c.relispartition \
        FROM pg_stat_user_tables t JOIN pg_statio_user_tables i ON i.relid = t.relid \
        JOIN pg_class c ON c.oid = t.relid \
        ORDER BY t.seq_tup_read + coalesce(t.idx_tup_fetch, 0) + t.n_tup_ins + t.n_tup_upd \
            + t.n_tup_del DESC, t.relid";
    Some(sql.to_owned())
}
