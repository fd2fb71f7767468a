//! How close tables are to wraparound: of each database the oldest by transactions and by
//! multixacts.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_freeze", 300, Shape::Rows, sql)
    .in_each_database()
    .at_most(100);

fn sql(_: &Facts) -> Option<String> {
    let oldest = |age: &str| {
        format!(
            "(SELECT oid FROM pg_class WHERE relkind IN ('r', 't', 'm') ORDER BY {age} DESC LIMIT 50)"
        )
    };
    Some(format!(
        "SELECT n.nspname AS schema, c.relname AS name, c.relkind, age(c.relfrozenxid) AS xid_age, \
         mxid_age(c.relminmxid) AS mxid_age, c.reltuples, c.relpages, \
         coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions) \
            WHERE option_name = 'autovacuum_freeze_max_age'), \
            current_setting('autovacuum_freeze_max_age'))::bigint AS freeze_max_age \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid IN {} OR c.oid IN {} ORDER BY xid_age DESC, c.oid",
        oldest("age(relfrozenxid)"),
        oldest("mxid_age(relminmxid)"),
    ))
}
