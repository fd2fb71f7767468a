//! Plans in text are what rules are tested with.

use super::{Finding, PlanFacts, RULES, Rule, View, check_all, findings, rules};
use crate::plan::samples::{SAMPLES, json_plan, text_plan};

/// What one rule finds in a plan.
pub(super) fn found(rule: &dyn Rule, plan: &str, facts: &PlanFacts) -> Vec<Finding> {
    let plan = text_plan(plan);
    check_all(rule, &View::new(&plan, facts))
}

/// Checks that a rule finds one thing, with evidence and advice.
pub(super) fn fires(rule: &dyn Rule, plan: &str, facts: &PlanFacts) -> Finding {
    let found = found(rule, plan, facts);
    assert_eq!(found.len(), 1, "{} on\n{plan}", rule.about().id);
    let finding = found.into_iter().next().unwrap();
    assert!(
        !finding.advice.is_empty() && finding.evidence.len() > 1,
        "{finding:?}"
    );
    finding
}

/// Checks that a rule finds nothing.
pub(super) fn silent(rule: &dyn Rule, name: &str, plan: &str, facts: &PlanFacts) {
    assert_eq!(found(rule, plan, facts), [], "{} {name}", rule.about().id);
}

#[test]
fn rules_have_numbers_in_order_and_names_of_their_own() {
    let told = rules();
    for (rule, number) in told.iter().zip(1..) {
        assert_eq!(rule.id, format!("P{number}"));
        assert!(!rule.disproved_by.is_empty(), "{}", rule.id);
        assert_eq!(
            told.iter().filter(|other| other.name == rule.name).count(),
            1
        );
    }
}

#[test]
fn plans_without_execution_are_judged_by_estimates_alone() {
    for (_, text, _) in SAMPLES {
        let estimates: String = text
            .lines()
            .map(|line| line.split(" (actual").next().unwrap().to_owned() + "\n")
            .collect();
        let plan = text_plan(&estimates);
        for finding in findings(&plan, &PlanFacts::default()) {
            let rule = RULES
                .iter()
                .find(|rule| rule.about() == finding.about)
                .unwrap();
            assert!(rule.judges_estimates(), "{}", finding.about.id);
        }
    }
}

#[test]
fn findings_of_real_plans_are_the_expected_ones() {
    let facts = PlanFacts {
        other_plans: 9,
        ..PlanFacts::default()
    };
    for (name, _, json) in SAMPLES {
        let found = findings(&json_plan(json), &facts);
        let ids: Vec<&str> = found.iter().map(|finding| finding.about.id).collect();
        let want: &[&str] = match name {
            "spill" => &["P5", "P6"],
            "agg" => &["P7"],
            _ => &[],
        };
        assert_eq!(ids, want, "{name}");
        assert!(found.iter().all(|finding| finding.confidence == 0.9));
        assert!(serde_json::to_value(&found).is_ok());
    }
}
