//! W17: a pattern that starts with a wildcard.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, Node};

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{column, string, text};
use crate::rewrites::view::View;

/// Fewer rows are read quickly.
const MIN_ROWS: f64 = 100_000.0;

/// `LIKE '%x'` and `LIKE '%x%'`.
#[derive(Debug)]
pub(super) struct LeadingWildcard;

impl Rule for LeadingWildcard {
    fn about(&self) -> About {
        About {
            id: "w17",
            name: "leading_wildcard",
            title: "a pattern that starts with a wildcard",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        view.places().filter_map(|(_, of)| told(view, of)).collect()
    }
}

fn told(view: &View<'_>, of: &Node) -> Option<Draft> {
    let NodeEnum::AExpr(it) = of.node.as_ref()? else {
        return None;
    };
    let is_like = it.kind == AExprKind::AexprLike as i32;
    let is_ours = is_like || it.kind == AExprKind::AexprIlike as i32;
    let name = it
        .lexpr
        .as_deref()
        .filter(|left| is_ours && column(left).is_some())?;
    let pattern = string(it.rexpr.as_deref()?)?.strip_prefix('%')?;
    let (base, plain) = view.scope.resolve(name)?;
    let relation = base.relation?;
    relation.rows.filter(|rows| *rows > MIN_ROWS)?;
    let has_wildcard = pattern.contains(['%', '_']);
    let advice = if is_like && !has_wildcard && !pattern.is_empty() {
        format!(
            "an index on (reverse({plain}) text_pattern_ops) with reverse({plain}) LIKE \
             reverse(pattern) finds endings"
        )
    } else if pattern.trim_matches('%').chars().count() >= 3 {
        format!(
            "a GIN index on ({plain} gin_trgm_ops) of pg_trgm finds parts of 3 letters and more"
        )
    } else {
        return None;
    };
    let faster = format!(
        "{}: an index in the order of the column cannot find it; {advice}",
        relation.name
    );
    Some(Draft::advice(text(of)?).because(faster, "the rows are the same, with another index"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{advises, quiet};

    #[test]
    fn patterns_are_told_with_the_index_they_need() {
        for (sql, part) in [
            ("SELECT id FROM t WHERE st LIKE '%son'", "reverse(st)"),
            (
                "SELECT id FROM t WHERE a = $1 AND t.st LIKE '%son%'",
                "gin_trgm_ops",
            ),
            ("DELETE FROM t WHERE st ILIKE '%son'", "gin_trgm_ops"),
        ] {
            assert!(
                advises(&LeadingWildcard, sql).faster.contains(part),
                "{sql}"
            );
        }
    }

    #[test]
    fn prefixes_parameters_and_small_tables_are_left_alone() {
        for sql in [
            "SELECT id FROM t WHERE st LIKE 'son%'",
            "SELECT id FROM t WHERE st LIKE $1",
            "SELECT id FROM t WHERE st LIKE '%a%'",
            "SELECT id FROM q WHERE st LIKE '%son%'",
        ] {
            quiet(&LeadingWildcard, sql);
        }
    }
}
