//! Sizes of tablespaces.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_tablespace", 3_600, Shape::Rows, sql);

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT spcname AS name, pg_tablespace_size(oid) AS size_bytes, \
        pg_tablespace_location(oid) AS location FROM pg_tablespace ORDER BY spcname";
    Some(sql.to_owned())
}
