//! W14: `*` reads columns that nobody may need.

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::nodes::{star_alias, target_value};
use crate::rewrites::rule::Rule;
use crate::rewrites::schema::{Column, Relation};
use crate::rewrites::text::text;
use crate::rewrites::view::View;

/// More columns are hardly all needed.
const MAX_COLUMNS: usize = 30;
/// Wider values are stored out of line, in bytes.
const TOAST_BYTES: f64 = 2_000.0;

/// `SELECT *` from a wide table.
#[derive(Debug)]
pub(super) struct SelectStar;

impl Rule for SelectStar {
    fn about(&self) -> About {
        About {
            id: "w14",
            name: "select_star",
            title: "* from a wide table",
        }
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        let values = view.select.target_list.iter().filter_map(target_value);
        values
            .filter_map(|value| {
                let alias = star_alias(value)?;
                let named = |of: &&str| alias.is_empty() || **of == *alias;
                let wide = view
                    .scope
                    .bases
                    .iter()
                    .filter(|base| named(&base.alias.as_str()))
                    .find_map(|base| width(base.relation?))?;
                Some(Draft::advice(text(value)?).because(
                    format!(
                        "{wide}; named columns leave out what is not needed, and an index that \
                             holds them all can answer alone"
                    ),
                    "only the application knows which columns it reads",
                ))
            })
            .collect()
    }
}

/// Why a table is wide.
fn width(relation: &Relation) -> Option<String> {
    let name = &relation.name;
    let is_out_of_line = |of: &&Column| of.width_bytes.is_some_and(|width| width > TOAST_BYTES);
    if let Some(column) = relation.columns.iter().find(is_out_of_line) {
        return Some(format!(
            "{name}.{} is stored out of line and read for each row",
            column.name
        ));
    }
    let columns = relation.columns.len();
    (columns > MAX_COLUMNS).then(|| format!("{name} has {columns} columns"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{found_with, quiet, schema};
    use crate::rewrites::{Facts, Schema, Verdict};

    fn count(sql: &str, schema: &Schema) -> usize {
        let facts = Facts {
            schema: Some(schema),
            ..Facts::default()
        };
        let found = found_with(&SelectStar, sql, &facts);
        assert!(
            found
                .iter()
                .all(|of| of.verdict == Verdict::Advice && of.rewritten.is_none())
        );
        found.len()
    }

    #[test]
    fn wide_tables_are_told() {
        let mut many = schema();
        let more = (0..22).map(|at| Column {
            name: format!("c{at}"),
            ..Column::default()
        });
        many.relations[0].columns.extend(more);
        assert_eq!(count("SELECT * FROM t WHERE id = $1", &many), 1);
        assert_eq!(count("SELECT t.* FROM t JOIN l ON true", &many), 1);
        assert_eq!(count("SELECT l.* FROM t JOIN l ON true", &many), 0);
        let mut wide = schema();
        wide.relations[1].columns[4].width_bytes = Some(2_001.0);
        assert_eq!(count("SELECT * FROM l", &wide), 1);
        assert_eq!(count("SELECT count(*) FROM l", &wide), 0);
    }

    #[test]
    fn narrow_tables_are_left_alone() {
        quiet(&SelectStar, "SELECT * FROM t");
        quiet(&SelectStar, "SELECT * FROM q");
    }
}
