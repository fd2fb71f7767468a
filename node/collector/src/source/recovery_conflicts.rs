//! Queries that replay cancelled on a standby (`pg_stat_database_conflicts`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_recovery_conflict", 60, Shape::RowsIfAny, sql);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT * FROM pg_stat_database_conflicts WHERE pg_is_in_recovery() ORDER BY datid";
    Some(sql.to_owned())
}
