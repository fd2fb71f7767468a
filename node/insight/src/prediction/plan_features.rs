//! What a plan tells of what a statement will take.

use super::feature::Feature;
use crate::plan::{ChildRole, Contract, Plan, PlanNode};

/// The features of a plan.
#[must_use]
pub fn plan_features(plan: &Plan) -> [(Feature, f64); 6] {
    let contract = Contract::of(plan);
    let flag = |is: bool| f64::from(u8::from(is));
    let nodes = u32::try_from(plan.root.preorder().len()).unwrap_or(u32::MAX);
    [
        (Feature::HasSeqScan, flag(contract.has_seq_scan)),
        (Feature::HasNestedLoop, flag(contract.has_nested_loop)),
        (Feature::SubqueryDepth, f64::from(depth(&plan.root))),
        (Feature::PlanNodes, f64::from(nodes)),
        (Feature::PlanCost, plan.root.estimate.total_cost),
        (Feature::PlanRows, contract.rows_expected),
    ]
}

/// How deep subqueries are nested below a node.
fn depth(node: &PlanNode) -> u32 {
    let below = node.children.iter().map(|child| {
        let is_subquery = matches!(
            child.role,
            ChildRole::InitPlan | ChildRole::SubPlan | ChildRole::Subquery
        );
        depth(child).saturating_add(u32::from(is_subquery))
    });
    below.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples::{json_plan, sample};

    #[test]
    fn a_plan_has_its_figures() {
        let plan = json_plan(
            r#"[{"Plan": {"Node Type": "Nested Loop", "Total Cost": 120.5, "Plan Rows": 40, "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "a", "Parent Relationship": "Outer", "Total Cost": 90, "Plan Rows": 9},
            {"Node Type": "Result", "Parent Relationship": "SubPlan", "Total Cost": 1, "Plan Rows": 1, "Plans": [
                {"Node Type": "Result", "Parent Relationship": "InitPlan", "Total Cost": 1, "Plan Rows": 1}]}]}}]"#,
        );
        let values = plan_features(&plan).map(|(_, value)| value);
        assert_eq!(values, [1.0, 1.0, 2.0, 4.0, 120.5, 40.0]);
    }

    #[test]
    fn real_plans_are_read() {
        for name in ["agg", "join", "parallel"] {
            let [.., (_, nodes), (_, cost), _] = plan_features(&sample(name));
            assert!(nodes > 1.0 && cost > 0.0, "{name}");
        }
    }
}
