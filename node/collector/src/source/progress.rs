//! What long commands are at (all `pg_stat_progress_*` views there are).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_progress", 10, Shape::RowsIfAny, sql).at_most(50);

const VIEWS: [&str; 6] = [
    "vacuum",
    "analyze",
    "create_index",
    "cluster",
    "copy",
    "basebackup",
];

fn sql(facts: &Facts) -> Option<String> {
    let there = |name: &&&str| facts.has_view(&format!("pg_stat_progress_{name}"));
    let each = VIEWS.iter().filter(there).map(|name| {
        let view = format!("pg_stat_progress_{name}");
        let database = facts.column(&view, "datname", "name");
        format!(
            "SELECT '{name}' AS command, pid, {database}, to_jsonb(p) AS progress FROM {view} p"
        )
    });
    let all: Vec<String> = each.collect();
    (!all.is_empty()).then(|| all.join(" UNION ALL "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_views_there_are_are_read() {
        let facts = Facts::of(
            170_000,
            &[
                ("pg_stat_progress_vacuum", &["pid", "datname"]),
                ("pg_stat_progress_basebackup", &["pid"]),
            ],
        );
        let sql = sql(&facts).unwrap();
        assert!(sql.contains("'vacuum' AS command, pid, datname"), "{sql}");
        assert!(
            sql.contains("'basebackup' AS command, pid, NULL::name"),
            "{sql}"
        );
        assert!(!sql.contains("create_index"), "{sql}");
    }
}
