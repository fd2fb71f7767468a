//! W12: UNION looks for equal rows where there are none.

use pg_query::protobuf::{Node, SelectStmt, SetOperation};

use super::keys::identifies_all;
use crate::plan::PlanNode;
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::functions::may_aggregate;
use crate::rewrites::nodes::target_value;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::{
    column, comparison, conjuncts, integer, parameter, statement_text, string, text,
};
use crate::rewrites::tree::select_node;
use crate::rewrites::view::{Kind, View, is_plain};

/// UNION of branches that share no row.
#[derive(Debug)]
pub(super) struct UnionAll;

/// Whether something is so.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Yes,
    No,
    /// Depends on the answer.
    Ask(String),
}

impl Rule for UnionAll {
    fn about(&self) -> About {
        About {
            id: "w12",
            name: "union_all",
            title: "UNION of branches that share no row",
        }
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        check(view).into_iter().collect()
    }
}

fn check(view: &View<'_>) -> Option<Draft> {
    if view.kind == Kind::Side {
        return None;
    }
    let branches = branches(view.select)?;
    let first = branches.first().filter(|_| branches.len() > 1)?;
    let mut open = None;
    for branch in &branches {
        note(is_distinct(view, branch), &mut open)?;
    }
    for (at, one) in branches.iter().enumerate() {
        for other in branches.iter().skip(at + 1) {
            note(are_disjoint(one, other), &mut open)?;
        }
    }
    let mut whole = view.select.clone();
    keep_all(&mut whole);
    let place = statement_text(select_node((*first).clone()))?;
    let draft = Draft::safe(place, select_node(whole)).asking(open);
    Some(draft.saving(view.self_share(&drops_copies)).because(
        "UNION sorts or hashes all rows to find equal ones; UNION ALL passes them on",
        "no branch gives a row twice, and no two branches give the same one",
    ))
}

/// Remembers the first open question; nothing if the answer is known to be no.
fn note(known: Known, open: &mut Option<String>) -> Option<()> {
    match known {
        Known::Yes => {}
        Known::No => return None,
        Known::Ask(question) => {
            open.get_or_insert(question);
        }
    }
    Some(())
}

/// The branches of a tree of UNIONs alone.
fn branches(select: &SelectStmt) -> Option<Vec<&SelectStmt>> {
    if select.op != SetOperation::SetopUnion as i32 {
        return None;
    }
    let mut branches = Vec::new();
    let mut pending = vec![select];
    while let Some(of) = pending.pop() {
        if of.op == SetOperation::SetopNone as i32 {
            branches.push(of);
        } else if of.op == SetOperation::SetopUnion as i32 && !of.all {
            pending.extend(of.rarg.as_deref());
            pending.extend(of.larg.as_deref());
        } else {
            return None;
        }
    }
    Some(branches)
}

fn keep_all(select: &mut SelectStmt) {
    if select.op == SetOperation::SetopUnion as i32 {
        select.all = true;
        let sides = [select.larg.as_deref_mut(), select.rarg.as_deref_mut()];
        for side in sides.into_iter().flatten() {
            keep_all(side);
        }
    }
}

/// Whether a branch gives no row twice.
fn is_distinct(view: &View<'_>, branch: &SelectStmt) -> Known {
    let is_all = |of: &Node| of.node.is_none();
    if branch.distinct_clause.first().is_some_and(is_all) {
        return Known::Yes;
    }
    if !is_plain(branch) || branch.target_list.iter().any(may_aggregate) {
        return Known::No;
    }
    match identifies_all(&view.scope_of(branch), branch) {
        Some(true) => Known::Yes,
        Some(false) => Known::No,
        None => Known::Ask("may one branch give the same row twice?".to_owned()),
    }
}

/// Whether two branches differ in a constant of their lists, or in what a listed column equals.
fn are_disjoint(one: &SelectStmt, other: &SelectStmt) -> Known {
    let mut question = None;
    for (left, right) in one.target_list.iter().zip(&other.target_list) {
        let (Some(left), Some(right)) = (fixed(one, left), fixed(other, right)) else {
            continue;
        };
        match (parameter(left), parameter(right)) {
            (Some(left), Some(right)) if left != right => {
                question.get_or_insert(format!("do ${left} and ${right} always differ?"));
            }
            _ if differ(left, right) => return Known::Yes,
            _ => {}
        }
    }
    question.map_or(Known::No, Known::Ask)
}

/// The constant that a listed value always is.
fn fixed<'a>(select: &'a SelectStmt, target: &'a Node) -> Option<&'a Node> {
    let value = target_value(target)?;
    if is_literal(value) {
        return Some(value);
    }
    column(value)?;
    let name = text(value)?;
    conjuncts(select.where_clause.as_deref())
        .into_iter()
        .filter_map(comparison)
        .filter(|(operator, ..)| *operator == "=")
        .find_map(|(_, left, right)| {
            if text(left).as_ref() == Some(&name) {
                Some(right).filter(|of| is_literal(of))
            } else if text(right).as_ref() == Some(&name) {
                Some(left).filter(|of| is_literal(of))
            } else {
                None
            }
        })
}

fn is_literal(of: &Node) -> bool {
    integer(of).is_some() || string(of).is_some() || parameter(of).is_some()
}

/// Whether two literals of one kind differ. Strings may be equal in some other type than text, so
/// they must differ in more than case, white space and leading zeros.
fn differ(one: &Node, other: &Node) -> bool {
    let folded = |text: &str| {
        let kept = text.chars().filter(|c| c.is_alphabetic());
        kept.collect::<String>().to_lowercase()
    };
    match (integer(one), integer(other), string(one), string(other)) {
        (Some(one), Some(other), ..) => one != other,
        (_, _, Some(one), Some(other)) => folded(one) != folded(other),
        _ => false,
    }
}

/// Whether a node drops equal rows of an Append.
fn drops_copies(node: &PlanNode) -> bool {
    let is_above = |kind: &str| {
        let inputs = node.children.iter().flat_map(|child| {
            let below = child.children.first().filter(|_| child.kind == "Sort");
            [Some(child), below].into_iter().flatten()
        });
        inputs.into_iter().any(|child| child.kind == kind)
    };
    let drops = matches!(node.kind.as_str(), "Unique" | "HashAggregate" | "Aggregate");
    drops && (is_above("Append") || is_above("Merge Append"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{asks, offers, offers_by_plan, quiet};

    const PLAN: &str = "\
HashAggregate  (cost=0.00..9.00 rows=9 width=4) (actual time=80.0..90.0 rows=50 loops=1)
  Group Key: t.id, ('a'::text)
  ->  Append  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..60.0 rows=5000 loops=1)
        ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..50.0 rows=5000 loops=1)
Execution Time: 100.0 ms
";

    #[test]
    fn branches_that_share_no_row_pass_them_on() {
        for sql in [
            "SELECT id, 'a' AS kind FROM t UNION SELECT id, 'b' AS kind FROM l",
            "SELECT id, a FROM t WHERE a = 1 UNION SELECT id, a FROM t WHERE a = 2 ORDER BY id",
        ] {
            offers(&UnionAll, sql, &sql.replace("UNION", "UNION ALL"));
        }
        offers(
            &UnionAll,
            "SELECT id, 1 FROM t UNION SELECT DISTINCT x, 2 FROM l UNION SELECT id, 3 FROM l",
            "(SELECT id, 1 FROM t UNION ALL SELECT DISTINCT x, 2 FROM l) UNION ALL SELECT id, 3 FROM l",
        );
        let sql = "SELECT id, 'a' FROM t UNION SELECT id, 'b' FROM t";
        let finding = offers_by_plan(&UnionAll, sql, PLAN, &sql.replace("UNION", "UNION ALL"));
        assert!((finding.improvement_percent.unwrap() - 30.0).abs() < 1e-6);
    }

    #[test]
    fn parameters_and_unknown_tables_are_asked_about() {
        for (sql, part) in [
            (
                "SELECT id, $1 AS k FROM t UNION SELECT id, $2 AS k FROM l",
                "do $1 and $2 always differ",
            ),
            (
                "SELECT id, 'a' FROM q UNION SELECT id, 'b' FROM t",
                "may one branch",
            ),
        ] {
            let finding = asks(&UnionAll, sql, part);
            assert_eq!(finding.rewritten, Some(sql.replace("UNION", "UNION ALL")));
        }
    }

    #[test]
    fn branches_with_copies_are_left_alone() {
        for sql in [
            "SELECT a, 'a' FROM t UNION SELECT id, 'b' FROM t",
            "SELECT id, 'a' FROM t UNION SELECT id, 'a' FROM t",
            "SELECT id, '1' FROM t UNION SELECT id, '01' FROM t",
            "SELECT id FROM t UNION SELECT id FROM l",
            "SELECT id, 1 FROM t UNION ALL SELECT id, 2 FROM l",
            "SELECT id, 1 FROM t INTERSECT SELECT id, 2 FROM l",
        ] {
            quiet(&UnionAll, sql);
        }
    }
}
