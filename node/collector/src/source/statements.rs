//! Counters of statements (`pg_stat_statements`), once for the server: by user, database, level and
//! query id.

use super::own_statements::OWN;
use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_statement", 60, Shape::Rows, sql)
    .at_most(2_000)
    .changes_of(&["userid", "dbid", "toplevel", "queryid"], &[])
    .expected("CREATE EXTENSION pg_stat_statements, in shared_preload_libraries (restart)");

/// The text is not among them: it comes with the list of each database.
fn sql(facts: &Facts) -> Option<String> {
    let schema = facts.statements()?;
    Some(format!(
        "SELECT s.*, d.datname AS database, r.rolname AS user \
         FROM {schema}.pg_stat_statements(false) s LEFT JOIN pg_database d ON d.oid = s.dbid \
         LEFT JOIN pg_roles r ON r.oid = s.userid WHERE s.queryid IS NOT NULL \
         AND (s.userid, s.dbid, s.queryid) NOT IN (SELECT userid, dbid, queryid \
            FROM {schema}.pg_stat_statements WHERE queryid IS NOT NULL AND {OWN}) \
         ORDER BY s.total_exec_time DESC, s.queryid, s.userid, s.dbid"
    ))
}
