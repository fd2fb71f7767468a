//! One schema that all rules are tested with, and what is checked of every finding.

use super::rule::Rule;
use super::*;
use crate::plan::Plan;
use crate::plan::samples::text_plan;

/// A column of a table: `name type`, with `!` in front if it is NOT NULL.
fn column(text: &str) -> Column {
    let (name, type_name) = text.trim_start_matches('!').split_once(' ').unwrap();
    Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        not_null: text.starts_with('!'),
        width_bytes: None,
    }
}

fn strings(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

fn table(name: &str, rows: f64, columns: &[&str], indexes: &[&str]) -> Relation {
    Relation {
        schema: "public".to_owned(),
        name: name.to_owned(),
        rows: Some(rows),
        columns: columns.iter().map(|text| column(text)).collect(),
        unique_keys: vec![strings(&["id"])],
        foreign_keys: Vec::new(),
        indexes: indexes
            .iter()
            .map(|key| Index {
                keys: strings(&[key]),
            })
            .collect(),
    }
}

/// Two tables, `l` refers to `t`.
pub(super) fn schema() -> Schema {
    let t = [
        "!id integer",
        "a integer",
        "b integer",
        "st text",
        "!created timestamp without time zone",
        "!seen timestamp with time zone",
        "day date",
        "amount numeric",
        "kind text",
    ];
    let l = [
        "!id bigint",
        "!t_id integer",
        "x integer",
        "y integer",
        "doc json",
        "at timestamptz",
    ];
    Schema {
        relations: vec![
            table("t", 500_000.0, &t, &["id", "a", "b", "(seen)::date"]),
            table("l", 2_000_000.0, &l, &["id", "t_id"]),
        ],
    }
}

/// What one rule finds, with all that every finding must keep.
pub(super) fn found_with(rule: &dyn Rule, sql: &str, facts: &Facts<'_>) -> Vec<Finding> {
    let about = rule.about();
    let mut found = rewrites(sql, facts);
    found.retain(|finding| finding.rule == about.id);
    for finding in &found {
        assert!(
            !finding.faster.is_empty() && !finding.safety.is_empty(),
            "{finding:?}"
        );
        assert!(!finding.place.is_empty(), "{finding:?}");
        let json = serde_json::to_value(finding).unwrap();
        assert_eq!(serde_json::from_value::<Finding>(json).unwrap(), *finding);
    }
    found
}

pub(super) fn found(rule: &dyn Rule, sql: &str) -> Vec<Finding> {
    let schema = schema();
    let facts = Facts {
        schema: Some(&schema),
        ..Facts::default()
    };
    found_with(rule, sql, &facts)
}

fn one(rule: &dyn Rule, sql: &str, mut found: Vec<Finding>) -> Finding {
    assert_eq!(found.len(), 1, "{} on {sql}: {found:#?}", rule.about().id);
    found.remove(0)
}

/// The schema, a plan in text and calls.
pub(super) fn with_plan<T>(
    plan: Option<&str>,
    calls: Calls,
    work: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let schema = schema();
    let plan: Option<Plan> = plan.map(text_plan);
    work(&Facts {
        plan: plan.as_ref(),
        schema: Some(&schema),
        calls,
    })
}

/// Checks that a rule offers one proven rewrite.
pub(super) fn offers(rule: &dyn Rule, sql: &str, want: &str) -> Finding {
    let finding = one(rule, sql, found(rule, sql));
    assert_eq!(finding.rewritten.as_deref(), Some(want));
    assert_eq!(finding.verdict, Verdict::Safe, "{sql}");
    finding
}

/// Checks that a rule offers one proven rewrite with a plan.
pub(super) fn offers_by_plan(rule: &dyn Rule, sql: &str, plan: &str, want: &str) -> Finding {
    with_plan(Some(plan), Calls::default(), |facts| {
        let finding = one(rule, sql, found_with(rule, sql, facts));
        assert_eq!(finding.rewritten.as_deref(), Some(want));
        assert_eq!(finding.verdict, Verdict::Safe, "{sql}");
        finding
    })
}

/// Checks that a rule asks one question.
pub(super) fn asks(rule: &dyn Rule, sql: &str, part: &str) -> Finding {
    let finding = one(rule, sql, found(rule, sql));
    match &finding.verdict {
        Verdict::Question(question) => assert!(question.contains(part), "{question}"),
        other => panic!("{sql}: {other:?}"),
    }
    finding
}

/// Checks that a rule advises without a rewrite.
pub(super) fn advises(rule: &dyn Rule, sql: &str) -> Finding {
    let finding = one(rule, sql, found(rule, sql));
    assert_eq!(finding.verdict, Verdict::Advice, "{sql}");
    assert_eq!(finding.rewritten, None, "{sql}");
    finding
}

/// Checks that a rule finds nothing.
pub(super) fn quiet(rule: &dyn Rule, sql: &str) {
    assert_eq!(found(rule, sql), [], "{} on {sql}", rule.about().id);
}

/// Checks that a rule finds nothing with a plan.
pub(super) fn quiet_by_plan(rule: &dyn Rule, sql: &str, plan: &str) {
    with_plan(Some(plan), Calls::default(), |facts| {
        assert_eq!(
            found_with(rule, sql, facts),
            [],
            "{} on {sql}",
            rule.about().id
        );
    });
}
