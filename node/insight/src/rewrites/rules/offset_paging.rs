//! W11: paging by OFFSET reads all pages before.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SortByDir, SortByNulls};

use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{add_condition, expression, integer, text};
use crate::rewrites::tree::select_node;
use crate::rewrites::view::{View, is_plain};

/// Fewer rows skipped do no harm.
const MIN_SKIPPED: f64 = 1_000.0;
/// Rows read for each that is returned, if the offset is not told.
const MIN_RATIO: f64 = 10.0;

/// `ORDER BY t, id OFFSET 50000 LIMIT 20`.
#[derive(Debug)]
pub(super) struct OffsetPaging;

impl Rule for OffsetPaging {
    fn about(&self) -> About {
        About {
            id: "w11",
            name: "offset_paging",
            title: "paging by OFFSET",
        }
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        check(view).into_iter().collect()
    }
}

fn check(view: &View<'_>) -> Option<Draft> {
    let select = view.select;
    let offset = select.limit_offset.as_deref()?;
    let skipped = skipped(view);
    let is_far = match integer(offset) {
        Some(rows) => f64::from(rows) > MIN_SKIPPED,
        None => skipped.is_some(),
    };
    if !is_far {
        return None;
    }
    let place = format!("OFFSET {}", text(offset)?);
    let faster = "the rows before the page are read and thrown away, more with each page; a \
                  condition on the last row seen lets an index start at the page";
    if select.sort_clause.is_empty() {
        return Some(Draft::advice(place).saving(skipped).because(
            faster,
            "unordered paging: without ORDER BY a page may repeat rows or miss them",
        ));
    }
    let safety = "the order ends in a key, so that the rows after the last one seen are the next \
                  page";
    match after_last(view) {
        Some(rewritten) => {
            let question = "is only the next page wanted? jumping to page n is lost, and the \
                            application passes the sort keys of the last row it saw";
            let draft = Draft::safe(place, rewritten).saving(skipped);
            Some(
                draft
                    .asking(Some(question.to_owned()))
                    .because(faster, safety),
            )
        }
        None => {
            let question =
                "can the order end in a unique key that is never null, in one direction?";
            let draft = Draft::advice(place).saving(skipped);
            Some(
                draft
                    .asking(Some(question.to_owned()))
                    .because(faster, safety),
            )
        }
    }
}

/// Share of the time that goes into rows before the page, by the plan's uppermost Limit.
fn skipped(view: &View<'_>) -> Option<f64> {
    let plan = view.plan?;
    let nodes = plan.root.preorder();
    let limit = nodes.iter().find(|node| node.kind == "Limit")?;
    let input = limit.children.first()?;
    let (read, given) = (input.rows()?, limit.rows()?);
    let many = read - given > MIN_SKIPPED && read > MIN_RATIO * given.max(1.0);
    many.then_some(())?;
    Some(plan.total_share(input)? * (1.0 - given / read))
}

/// The query with a condition on the last row seen; nothing unless the order is total, of plain
/// columns that are never null, in one direction.
fn after_last(view: &View<'_>) -> Option<Node> {
    let mut select = view.select.clone();
    let table = view
        .only_table()
        .filter(|_| is_plain(&select) && !view.aggregates())?;
    let mut names = Vec::new();
    let mut texts = Vec::new();
    let mut directions = Vec::new();
    for key in &select.sort_clause {
        let Some(NodeEnum::SortBy(sort)) = key.node.as_ref() else {
            return None;
        };
        let key = sort.node.as_deref()?;
        let (_, name) = view.scope.resolve(key)?;
        let is_plain = sort.sortby_nulls == SortByNulls::SortbyNullsDefault as i32;
        table.column(name).filter(|of| of.not_null && is_plain)?;
        directions.push(match SortByDir::try_from(sort.sortby_dir).ok()? {
            SortByDir::SortbyDefault | SortByDir::SortbyAsc => ">",
            SortByDir::SortbyDesc => "<",
            _ => return None,
        });
        names.push(name.to_owned());
        texts.push(text(key)?);
    }
    let operator = *directions.first()?;
    let columns: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_total = table.is_identified_by(&columns) && directions.iter().all(|of| *of == operator);
    if !is_total || !select.distinct_clause.is_empty() {
        return None;
    }
    let mut number = view.highest_parameter();
    let mut values = Vec::new();
    for _ in &texts {
        number = number.checked_add(1)?;
        values.push(format!("${number}"));
    }
    let (keys, values) = (texts.join(", "), values.join(", "));
    let condition = if texts.len() == 1 {
        format!("{keys} {operator} {values}")
    } else {
        format!("({keys}) {operator} ({values})")
    };
    add_condition(&mut select, expression(&condition)?);
    select.limit_offset = None;
    Some(select_node(select))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{advises, asks, found_with, quiet, with_plan};
    use crate::rewrites::{Calls, Verdict};

    const PLAN: &str = "\
Limit  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=20 loops=1)
  ->  Index Scan using t_id on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..80.0 rows=4000 loops=1)
Execution Time: 100.0 ms
";

    #[test]
    fn total_orders_go_on_after_the_last_row() {
        for (sql, want) in [
            (
                "SELECT id FROM t ORDER BY created, id OFFSET 50000 LIMIT 20",
                "SELECT id FROM t WHERE (created, id) > ($1, $2) ORDER BY created, id LIMIT 20",
            ),
            (
                "SELECT id FROM t WHERE a = $1 ORDER BY t.id DESC LIMIT $2 OFFSET 1001",
                "SELECT id FROM t WHERE a = $1 AND t.id < $3 ORDER BY t.id DESC LIMIT $2",
            ),
        ] {
            let finding = asks(&OffsetPaging, sql, "jumping to page n is lost");
            assert_eq!(finding.rewritten.as_deref(), Some(want));
        }
    }

    #[test]
    fn a_plan_shows_offsets_that_the_text_hides() {
        with_plan(Some(PLAN), Calls::default(), |facts| {
            let sql = "SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2";
            let found = found_with(&OffsetPaging, sql, facts);
            let improvement = found[0].improvement_percent.unwrap();
            assert!((improvement - 79.6).abs() < 1e-6, "{improvement}");
            assert!(matches!(found[0].verdict, Verdict::Question(_)));
        });
        quiet(
            &OffsetPaging,
            "SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2",
        );
    }

    #[test]
    fn partial_orders_are_asked_about_and_missing_ones_told() {
        for order in [
            "a",
            "created",
            "created, id DESC",
            "created NULLS FIRST, id",
            "a, id",
        ] {
            let sql = format!("SELECT id FROM t ORDER BY {order} OFFSET 50000 LIMIT 20");
            assert_eq!(
                asks(&OffsetPaging, &sql, "unique key").rewritten,
                None,
                "{order}"
            );
        }
        let told = advises(&OffsetPaging, "SELECT id FROM t LIMIT 20 OFFSET 50000");
        assert!(told.safety.contains("unordered paging"));
    }

    #[test]
    fn near_pages_are_left_alone() {
        quiet(
            &OffsetPaging,
            "SELECT id FROM t ORDER BY id LIMIT 20 OFFSET 0",
        );
        quiet(
            &OffsetPaging,
            "SELECT id FROM t ORDER BY id LIMIT 20 OFFSET 1000",
        );
        quiet(&OffsetPaging, "SELECT id FROM t ORDER BY id LIMIT 20");
    }
}
