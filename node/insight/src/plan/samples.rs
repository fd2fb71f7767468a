//! Plans that PostgreSQL 15 made, each as text and as JSON.

use super::{Plan, parse_json, parse_text};

macro_rules! sample {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../tests/plans/", $name, ".txt")),
            include_str!(concat!("../../tests/plans/", $name, ".json")),
        )
    };
}
/// Name, text form and JSON form.
pub(crate) const SAMPLES: [(&str, &str, &str); 9] = [
    sample!("agg"),
    sample!("append"),
    sample!("bitmap"),
    sample!("cte"),
    sample!("join"),
    sample!("memoize"),
    sample!("parallel"),
    sample!("spill"),
    sample!("write"),
];

/// The plan of a name, from its JSON form.
pub(crate) fn sample(name: &str) -> Plan {
    let (_, _, json) = SAMPLES
        .iter()
        .find(|(found, ..)| *found == name)
        .expect("a sample");
    json_plan(json)
}

/// A plan of JSON.
pub(crate) fn json_plan(json: &str) -> Plan {
    parse_json(&serde_json::from_str(json).expect("JSON")).expect("a plan")
}

/// A plan of text.
pub(crate) fn text_plan(text: &str) -> Plan {
    parse_text(text).expect("a plan")
}
