//! Reads and writes by backend type, object and context (`pg_stat_io`, from 16).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_io", 60, Shape::RowsIfAny, sql)
    .changes_of(&["backend_type", "object", "context"], &[]);

fn sql(facts: &Facts) -> Option<String> {
    let sql = "SELECT * FROM pg_stat_io ORDER BY backend_type, object, context";
    facts.has_view("pg_stat_io").then(|| sql.to_owned())
}
