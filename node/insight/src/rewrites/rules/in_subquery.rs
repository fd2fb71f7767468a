//! W6: an IN that the planner cannot make a join of.

use pg_query::protobuf::Node;

use super::exists::{in_subquery, membership};
use crate::rewrites::about::About;
use crate::rewrites::finding::Draft;
use crate::rewrites::rule::Rule;
use crate::rewrites::text::text;
use crate::rewrites::view::View;

/// `a IN (SELECT …) OR b = 1`.
#[derive(Debug)]
pub(super) struct InSubquery;

impl Rule for InSubquery {
    fn about(&self) -> About {
        About {
            id: "w6",
            name: "subquery_optimization",
            title: "IN over a subquery that stays a subplan",
        }
    }

    fn judges_writes(&self) -> bool {
        true
    }

    fn evaluates_otherwise(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>) -> Vec<Draft> {
        view.conditions()
            .filter(|(_, of)| in_subquery(of).is_some())
            .filter_map(|(site, of)| {
                let Some(member) = membership(view, of) else {
                    return advice(view, of);
                };
                let scope = view.scope_of(member.inner);
                let first = scope.bases.first();
                let relation = first
                    .and_then(|base| base.relation)
                    .map(|of| of.name.as_str());
                // By itself the planner joins it; below an OR it never does.
                let stays = match view.plan {
                    Some(_) => !view.subplans(relation).is_empty(),
                    None => !site.is_conjunct,
                };
                if !stays {
                    return None;
                }
                let (place, replaced) = view.replaced(site, member.exists)?;
                let share = view.subplan_share(relation);
                let draft = Draft::safe(place, replaced).saving(share);
                Some(draft.because(
                    "EXISTS stops at the first row and can use an index for each row of the query",
                    "where no NOT is around it, null and false drop a row alike",
                ))
            })
            .collect()
    }
}

/// What EXISTS cannot say as it is, if a plan shows that it runs for each row.
fn advice(view: &View<'_>, of: &Node) -> Option<Draft> {
    let (_, _, inner) = in_subquery(of)?;
    let picks = inner.distinct_clause.iter().any(|of| of.node.is_some());
    let is_cut = inner.limit_count.is_some() || inner.limit_offset.is_some();
    if !picks && !is_cut && inner.group_clause.is_empty() {
        return None;
    }
    let scope = view.scope_of(inner);
    let relation = scope.bases.first().and_then(|base| base.relation)?;
    let share = view.subplan_share(Some(&relation.name))?;
    let question = format!(
        "which rows of {} are meant? a LIMIT, groups or DISTINCT ON inside keep PostgreSQL from a \
         join",
        relation.name
    );
    let draft = Draft::advice(text(of)?)
        .asking(Some(question))
        .saving(Some(share));
    Some(draft.because(
        "the subquery runs for each row; as a table in FROM, joined on a unique key, it runs once",
        "a join gives no row twice where the key is unique",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrites::testing::{
        asks, found_with, offers, offers_by_plan, quiet, quiet_by_plan, with_plan,
    };
    use crate::rewrites::{Calls, Verdict};

    const SQL: &str = "SELECT id FROM t WHERE a IN (SELECT x FROM l WHERE l.y > $1) OR b = 1";
    const WANT: &str =
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM l WHERE l.y > $1 AND x = t.a) OR b = 1";
    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=50 loops=1)
  Filter: ((SubPlan 1) OR (b = 1))
  SubPlan 1
    ->  Seq Scan on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.015 rows=1 loops=5000)
Execution Time: 100.0 ms
";
    const JOIN: &str = "\
Hash Semi Join  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=50 loops=1)
  Hash Cond: (t.a = l.x)
  ->  Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..9.0 rows=50 loops=1)
  ->  Hash  (cost=0.00..9.00 rows=9 width=4) (actual time=9.0..9.0 rows=50 loops=1)
        ->  Seq Scan on l  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..8.0 rows=50 loops=1)
Execution Time: 100.0 ms
";

    #[test]
    fn subplans_become_exists() {
        offers(&InSubquery, SQL, WANT);
        let finding = offers_by_plan(&InSubquery, SQL, PLAN, WANT);
        assert!((finding.improvement_percent.unwrap() - 75.0).abs() < 1e-6);
    }

    #[test]
    fn functions_that_nobody_knows_are_asked_about() {
        let sql = SQL.replace("l.y > $1", "f(l.y)");
        let finding = asks(&InSubquery, &sql, "does f() give the same value");
        assert_eq!(finding.rewritten, Some(WANT.replace("l.y > $1", "f(l.y)")));
    }

    #[test]
    fn cut_subqueries_that_run_for_each_row_are_asked_about() {
        let sql = SQL.replace("l.y > $1", "l.y = t.b ORDER BY y LIMIT 3");
        with_plan(Some(PLAN), Calls::default(), |facts| {
            let found = found_with(&InSubquery, &sql, facts);
            assert!(matches!(&found[0].verdict, Verdict::Question(of) if of.contains("of l ")));
            assert_eq!((found.len(), &found[0].rewritten), (1, &None));
        });
    }

    #[test]
    fn joins_and_negations_are_left_alone() {
        quiet_by_plan(&InSubquery, SQL, JOIN);
        for sql in [
            "SELECT id FROM t WHERE a IN (SELECT x FROM l)",
            "SELECT id FROM t WHERE NOT (a IN (SELECT x FROM l) OR b = 1)",
            "SELECT id FROM t WHERE a IN (SELECT x FROM l ORDER BY y LIMIT 3) OR b = 1",
            "SELECT id FROM t WHERE a IN (1, 2) OR b = 1",
        ] {
            quiet(&InSubquery, sql);
        }
    }
}
