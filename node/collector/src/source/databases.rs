//! Counters and ages of databases (`pg_stat_database`, `pg_database`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_database", 60, Shape::Rows, sql);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT s.*, age(d.datfrozenxid) AS xid_age, mxid_age(d.datminmxid) AS mxid_age, \
        d.datconnlimit AS connection_limit, d.datallowconn AS allows_connections, \
        d.datistemplate AS is_template \
        FROM pg_stat_database s LEFT JOIN pg_database d ON d.oid = s.datid ORDER BY s.datid";
    Some(sql.to_owned())
}
