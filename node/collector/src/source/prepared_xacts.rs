//! Prepared transactions (`pg_prepared_xacts`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_prepared_xact", 60, Shape::RowsIfAny, sql);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT gid, owner, database, age(transaction) AS xid_age, \
        round(extract(epoch FROM clock_timestamp() - prepared)::numeric, 3) AS age_seconds \
        FROM pg_prepared_xacts ORDER BY prepared";
    Some(sql.to_owned())
}
