//! Extensions that are installed, and the versions that could be (`pg_extension`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source =
    Source::new("pg_extension", 3_600, Shape::Rows, sql).in_each_database();

fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema, \
        a.default_version, a.default_version IS DISTINCT FROM e.extversion AS is_outdated \
        FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
        LEFT JOIN pg_available_extensions a ON a.name = e.extname ORDER BY 1";
    Some(sql.to_owned())
}
