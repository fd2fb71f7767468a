//! P14: compiling the plan took longer than it saved.

use super::view::View;
use super::{About, Finding, Rule, Unit};
use crate::plan::node::PlanNode;

/// Least share of planning and execution.
const SHARE: f64 = 0.2;
/// Least time in milliseconds.
const MIN_MS: f64 = 50.0;
/// In executions this long compiling may pay, in milliseconds.
const LONG_MS: f64 = 10_000.0;

/// Just-in-time compilation of a statement that is too short for it.
#[derive(Debug)]
pub(super) struct JitCostly;

impl Rule for JitCostly {
    fn about(&self) -> About {
        About {
            id: "P14",
            name: "jit_costly",
            disproved_by: "ten calls with jit = off are no faster",
        }
    }

    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding> {
        let jit = view.plan.jit.filter(|_| node.id == 0)?;
        let total = view.plan.total_ms().filter(|total| *total <= LONG_MS)?;
        let share = jit.total_ms / (total + view.plan.planning_ms.unwrap_or(0.0));
        if share <= SHARE || jit.total_ms <= MIN_MS {
            return None;
        }
        let cause = format!("compiling took {:.0} ms of {total:.0} ms", jit.total_ms);
        let finding = Finding::at(view, self.about(), node, cause)
            .with("time of JIT", jit.total_ms, Unit::Milliseconds)
            .with("share of JIT", share, Unit::Ratio)
            .advise("jit = off for the role")
            .advise("jit_above_cost ten times as high");
        Some(finding.at_stake(jit.total_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fires, silent};
    use super::*;
    use crate::plan::rules::PlanFacts;

    const PLAN: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
JIT:
  Functions: 40
  Timing: Generation 1.0 ms, Total 80.0 ms
Execution Time: 200.0 ms
";

    #[test]
    fn compiling_that_takes_long_is_found() {
        let finding = fires(&JitCostly, PLAN, &PlanFacts::default());
        assert_eq!(finding.gain.map(|gain| gain.high_ms), Some(80.0));
    }

    #[test]
    fn short_compiling_and_long_statements_are_left_alone() {
        for (name, from, to) in [
            ("short", "Total 80.0", "Total 40.0"),
            ("share", "200.0 ms", "900.0 ms"),
            ("long", "200.0 ms", "20000.0 ms"),
        ] {
            silent(
                &JitCostly,
                name,
                &PLAN.replace(from, to),
                &PlanFacts::default(),
            );
        }
    }
}
