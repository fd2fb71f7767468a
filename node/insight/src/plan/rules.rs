//! What is wrong with a plan: one file a rule, all registered in one list.
//!
//! A threshold must be proven by the plan or the facts, else the rule is silent. A guard must be
//! proven too, else it does not silence the rule. Unless a rule says otherwise, the statement took
//! 10 ms or more and the node itself at least a fifth of that.

mod aggregate_spill;
mod bitmap_lossy;
mod cte_fence;
mod estimate_off;
mod facts;
mod filter_after_index;
mod finding;
mod foreign_no_pushdown;
mod function_scan_rows;
mod hash_batches;
mod heap_fetches;
mod jit_costly;
mod limit_wrong_way;
mod memoize_useless;
mod nested_loop_many;
mod parallel_unused;
mod planning_dominates;
mod pruning_missing;
mod seq_scan_selective;
mod sort_spill;
mod subplan_loops;
mod trigger_time;
mod view;
mod workers_missing;

use std::collections::BTreeMap;

use super::document::Plan;
use super::node::PlanNode;

pub use self::facts::{IndexFacts, PlanFacts, TableFacts};
pub use self::finding::{Evidence, Finding, Gain, Unit};

use self::view::View;

/// Identity of a rule and what is always said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct About {
    /// Short identity, such as `P2`.
    pub id: &'static str,
    /// Name, such as `seq_scan_selective`.
    pub name: &'static str,
    /// What would show that a finding is wrong.
    pub disproved_by: &'static str,
}

/// One thing that can be wrong with a plan.
trait Rule: Sync {
    /// What is always said about it.
    fn about(&self) -> About;

    /// Whether it can judge a plan that was not executed.
    fn judges_estimates(&self) -> bool {
        false
    }

    /// What is wrong with a node. Rules about the whole execution answer for the root alone.
    fn check(&self, view: &View<'_>, node: &PlanNode) -> Option<Finding>;
}

/// All rules, in the order of their numbers.
const RULES: [&dyn Rule; 21] = [
    &estimate_off::EstimateOff,
    &seq_scan_selective::SeqScanSelective,
    &filter_after_index::FilterAfterIndex,
    &bitmap_lossy::BitmapLossy,
    &sort_spill::SortSpill,
    &hash_batches::HashBatches,
    &aggregate_spill::AggregateSpill,
    &nested_loop_many::NestedLoopMany,
    &memoize_useless::MemoizeUseless,
    &cte_fence::CteFence,
    &function_scan_rows::FunctionScanRows,
    &parallel_unused::ParallelUnused,
    &workers_missing::WorkersMissing,
    &jit_costly::JitCostly,
    &planning_dominates::PlanningDominates,
    &trigger_time::TriggerTime,
    &subplan_loops::SubplanLoops,
    &limit_wrong_way::LimitWrongWay,
    &heap_fetches::HeapFetches,
    &pruning_missing::PruningMissing,
    &foreign_no_pushdown::ForeignNoPushdown,
];

/// Answers what each rule is about, in the order of their numbers.
#[must_use]
pub fn rules() -> Vec<About> {
    RULES.iter().map(|rule| rule.about()).collect()
}

/// Answers what is wrong with a plan, the largest share of time first; of each rule one finding a
/// relation.
#[must_use]
pub fn findings(plan: &Plan, facts: &PlanFacts) -> Vec<Finding> {
    let view = View::new(plan, facts);
    let mut best: BTreeMap<(&str, Option<String>), Finding> = BTreeMap::new();
    for rule in RULES {
        for finding in check_all(rule, &view) {
            let key = (finding.about.id, finding.relation.clone());
            let better = best
                .get(&key)
                .is_none_or(|known| finding.weight() > known.weight());
            if better {
                best.insert(key, finding);
            }
        }
    }
    let mut found: Vec<Finding> = best.into_values().collect();
    found.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
    found
}

fn check_all(rule: &dyn Rule, view: &View<'_>) -> Vec<Finding> {
    if view.plan.root.actual.is_none() && !rule.judges_estimates() {
        return Vec::new();
    }
    view.nodes
        .iter()
        .filter_map(|node| rule.check(view, node))
        .collect()
}

#[cfg(test)]
mod testing;
