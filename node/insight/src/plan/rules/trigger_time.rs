//! P16: triggers take the time of a statement that writes.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::document::Trigger;
use crate::plan::node::PlanNode;

/// Least share of the execution.
const SHARE: f64 = 0.3;
/// Least time in milliseconds.
const MIN_MS: f64 = 10.0;

/// Triggers, mostly of foreign keys without an index.
#[derive(Debug)]
pub(super) struct TriggerTime;

impl Rule for TriggerTime {
    fn about(&self) -> About {
        About {
            id: "P16",
            name: "trigger_time",
            disproved_by: "the referencing columns lead an index already",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let total = view
            .plan
            .total_ms()
            .filter(|total| *total > 0.0 && node.id == 0)?;
        let triggers: Vec<&Trigger> = view
            .plan
            .triggers
            .iter()
            .filter(|trigger| !is_deferred(view, trigger))
            .collect();
        let time: f64 = triggers.iter().map(|trigger| trigger.time_ms).sum();
        let slowest = triggers
            .iter()
            .max_by(|one, other| one.time_ms.total_cmp(&other.time_ms))?;
        if time / total <= SHARE || time <= MIN_MS {
            return None;
        }
        let name = slowest.constraint.as_deref().unwrap_or(&slowest.name);
        let cause = format!("triggers took {time:.0} ms of {total:.0} ms, {name} most");
        let is_key = slowest.constraint.is_some();
        let finding = Finding::at(view, self.about(), node, cause)
            .with("time of triggers", time, Unit::Milliseconds)
            .with("share of triggers", time / total, Unit::Ratio)
            .with("calls of the slowest", slowest.calls, Unit::Count)
            .about_relation(slowest.relation.as_deref())
            .advise_if(
                is_key,
                "an index that leads with the referencing columns of the key",
            )
            .advise_if(
                !is_key,
                "a statement trigger with transition tables instead of a row one",
            );
        Some(finding.at_stake(time))
    }
}

fn is_deferred(view: &View<'_>, trigger: &Trigger) -> bool {
    let deferred = &view.facts.deferred_constraints;
    trigger
        .constraint
        .as_ref()
        .is_some_and(|name| deferred.contains(name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Delete on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..10.0 rows=0 loops=1)
Trigger for constraint line_fk on t: time=80.0 calls=100
Execution Time: 100.0 ms
";

    #[test]
    fn a_key_without_an_index_is_found() {
        let finding = fires(&TriggerTime, PLAN, &PlanFacts::default());
        assert!(finding.cause.contains("line_fk") && finding.advice[0].contains("index"));
        let row = PLAN.replace("Trigger for constraint line_fk", "Trigger audit");
        assert!(fires(&TriggerTime, &row, &PlanFacts::default()).advice[0].contains("statement"));
    }

    #[test]
    fn fast_and_deferred_triggers_are_left_alone() {
        let none = PlanFacts::default();
        silent(
            &TriggerTime,
            "fast",
            &PLAN.replace("time=80.0", "time=9.0"),
            &none,
        );
        silent(
            &TriggerTime,
            "share",
            &PLAN.replace("100.0 ms", "900.0 ms"),
            &none,
        );
        let deferred_constraints = ["line_fk".to_owned()].into();
        silent(
            &TriggerTime,
            "deferred",
            PLAN,
            &PlanFacts {
                deferred_constraints,
                ..none
            },
        );
    }
}
