//! P20: all partitions are read where few would do.

use super::view::{SELF_SHARE, View};
use super::{About, Finding, Rule, Unit};
use crate::plan::condition::Condition;
use crate::plan::node::{ChildRole, PlanNode};

/// Least partitions, less one.
const MIN_CHILDREN: usize = 8;
/// Least share of the partitions that give nothing.
const EMPTY_SHARE: f64 = 0.8;

/// An Append over partitions that no condition narrows.
#[derive(Debug)]
pub(super) struct PruningMissing;

impl Rule for PruningMissing {
    fn about(&self) -> About {
        About {
            id: "P20",
            name: "pruning_missing",
            disproved_by: "each partition gives rows in most calls",
        }
    }

    fn judges_estimates(&self) -> bool {
        true
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let members: Vec<&PlanNode> = node
            .children
            .iter()
            .filter(|child| child.role == ChildRole::Member)
            .collect();
        let is_append = matches!(node.kind.as_str(), "Append" | "Merge Append");
        let is_pruned = node
            .work
            .subplans_removed
            .is_some_and(|removed| removed > 0.0);
        if !is_append || is_pruned || members.len() <= MIN_CHILDREN {
            return None;
        }
        let empty = members.iter().filter(|member| member.rows() == Some(0.0));
        let (empty, all) = (count(empty), count(members.iter()));
        let executed = node.actual.is_some();
        let matters = view.takes_with_children(node, SELF_SHARE) && empty / all >= EMPTY_SHARE;
        if executed && !matters {
            return None;
        }
        let reason = reason(view, &members)?;
        let relation = members
            .first()
            .and_then(|member| member.target.relation.as_deref());
        let finding = Finding::at(view, self.about(), node, reason.cause().to_owned())
            .with("partitions read", all, Unit::Count)
            .with("partitions without rows", empty, Unit::Count)
            .about_relation(relation)
            .advise(reason.advice());
        Some(finding)
    }
}

/// Why partitions are not left out.
#[derive(Clone, Copy, Debug)]
enum Reason {
    KeyWrapped,
    KeyAbsent,
}

impl Reason {
    fn cause(self) -> &'static str {
        match self {
            Self::KeyWrapped => "the partition key stands inside a cast or a function",
            Self::KeyAbsent => "no condition is on the partition key",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::KeyWrapped => "a parameter of the key's type, the function around the parameter",
            Self::KeyAbsent => "a condition on the partition key in the statement",
        }
    }
}

/// The reason; nothing if the statement wants all partitions, or the key is not known to matter.
fn reason(view: &View<'_>, members: &[&PlanNode]) -> Option<Reason> {
    let conditions: Vec<&Condition> = members
        .iter()
        .flat_map(|member| member.conditions.iter())
        .collect();
    if conditions.is_empty() {
        return None;
    }
    let key = members
        .iter()
        .find_map(|member| view.table(member)?.partition_key.as_ref());
    let names_key = |condition: &&&Condition| {
        key.is_some_and(|key| {
            condition
                .columns()
                .iter()
                .any(|column| key.contains(plain(column)))
        })
    };
    let on_key: Vec<&&Condition> = conditions.iter().filter(names_key).collect();
    match key {
        Some(_) if on_key.is_empty() => Some(Reason::KeyAbsent),
        Some(_) if on_key.iter().any(|condition| condition.wraps_column()) => {
            Some(Reason::KeyWrapped)
        }
        None if conditions.iter().any(|condition| condition.wraps_column()) => {
            Some(Reason::KeyWrapped)
        }
        _ => None,
    }
}

/// The column without its table.
fn plain(column: &str) -> &str {
    column.rsplit('.').next().unwrap_or(column)
}

fn count<T>(items: impl Iterator<Item = T>) -> f64 {
    items.fold(0.0, |sum, _| sum + 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::{PlanFacts, TableFacts};

    fn plan(children: usize, condition: &str) -> String {
        let title = "(cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=0 loops=1)";
        let member =
            |n| format!("  ->  Seq Scan on ev_{n}  {title}\n        Filter: {condition}\n");
        let members: String = (0..children).map(member).collect();
        format!("Append  {title}\n{members}Execution Time: 91.0 ms\n")
    }

    fn keyed() -> PlanFacts {
        let partition_key = Some(["t".to_owned()].into());
        let table = TableFacts {
            partition_key,
            ..TableFacts::default()
        };
        PlanFacts {
            tables: [("ev_0".to_owned(), table)].into(),
            ..PlanFacts::default()
        }
    }

    #[test]
    fn wrapped_and_absent_keys_are_found() {
        let wrapped = plan(9, "((t)::date = '2026-01-01'::date)");
        let finding = fires(&PruningMissing, &wrapped, &PlanFacts::default());
        assert!(finding.cause.contains("cast"));
        let finding = fires(&PruningMissing, &plan(9, "(v = 5)"), &keyed());
        assert!(finding.cause.contains("no condition"));
        let estimate: String = wrapped
            .lines()
            .filter(|line| !line.starts_with("Execution"))
            .map(|line| line.split(" (actual").next().unwrap().to_owned() + "\n")
            .collect();
        fires(&PruningMissing, &estimate, &PlanFacts::default());
    }

    #[test]
    fn statements_that_want_all_partitions_are_left_alone() {
        let wrapped = "((t)::date = '2026-01-01'::date)";
        let none = PlanFacts::default();
        silent(&PruningMissing, "few", &plan(8, wrapped), &none);
        silent(
            &PruningMissing,
            "rows",
            &plan(9, wrapped).replace("rows=0", "rows=9"),
            &none,
        );
        silent(&PruningMissing, "key used", &plan(9, "(t > 5)"), &keyed());
        silent(&PruningMissing, "key unknown", &plan(9, "(v = 5)"), &none);
        let pruned = plan(9, wrapped).replacen('\n', "\n  Subplans Removed: 3\n", 1);
        silent(&PruningMissing, "pruned", &pruned, &none);
    }
}
