//! Plans that are cut, mixed or made up.

use pga_insight::plan::regression::{Change, compare};
use pga_insight::plan::rules::{PlanFacts, findings};
use pga_insight::plan::{Contract, Viewer, parse_json, parse_text};
use proptest::prelude::*;
use serde_json::Value;

const TEXTS: [&str; 4] = [
    include_str!("../plans/cte.txt"),
    include_str!("../plans/spill.txt"),
    include_str!("../plans/parallel.txt"),
    include_str!("../plans/write.txt"),
];

/// Runs everything that takes a plan.
fn use_plan(plan: &pga_insight::plan::Plan) {
    let found = findings(
        plan,
        &PlanFacts {
            other_plans: 3,
            ..PlanFacts::default()
        },
    );
    assert!(!Viewer::new(plan, &found).to_string().is_empty());
    assert_eq!(compare(plan, plan, &Change::default()).pivot, None);
    assert_eq!(Contract::of(plan).rows_expected, plan.root.estimate.rows);
    assert!(serde_json::to_string(plan).is_ok());
}

/// Lines of a plan, some left out, some in another place.
fn lines() -> impl Strategy<Value = String> {
    (0..TEXTS.len()).prop_flat_map(|which| {
        let lines: Vec<&str> = TEXTS[which].lines().collect();
        let all = lines.len();
        prop::sample::subsequence(lines, 0..=all)
            .prop_shuffle()
            .prop_map(|lines| lines.join("\n"))
    })
}

/// Any JSON, with the keys of plans.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<f64>().prop_map(Value::from),
        "(Seq Scan|Limit|Hash|CTE Scan|Append|Gather|.{0,5})".prop_map(Value::from),
    ];
    let keys = "(Plan|Plans|plan|Node Type|Actual Rows|Actual Loops|Actual Total Time|Plan Rows|Filter|CTE Name|Subplan Name|Settings|JIT|Timing|Total)";
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in lines(), noise in ".{0,80}") {
        for text in [text.clone(), format!("{noise}\n{text}"), format!("{text}{noise}")] {
            if let Ok(plan) = parse_text(&text) {
                use_plan(&plan);
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused(document in json(), kind in "(Seq Scan|Limit|Nested Loop)") {
        if let Ok(plan) = parse_json(&document) {
            use_plan(&plan);
        }
        let node = serde_json::json!({"Node Type": kind, "Plans": [document]});
        if let Ok(plan) = parse_json(&node) {
            use_plan(&plan);
        }
    }
}
