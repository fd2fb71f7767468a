//! What somebody would have otherwise: inputs of a prediction that are set anew.

use pga_insight::prediction::{Feature, Features, Model};
use serde_json::{Value, json};

/// Pages of 8 KiB in a megabyte, which the contract counts in 2^20 bytes.
const PAGES: f64 = 128.0;
/// The contract's scenario in which nothing is set.
const CURRENT: &str = "current";
/// Longest name that is told, in characters.
const TOLD: usize = 100;

/// What is asked: inputs that are set anew, by the names of [`Feature`] or the contract's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    /// Names as they were given, features and their values.
    set: Vec<(String, Feature, f64)>,
    /// Names that are none of ours.
    unknown: Vec<String>,
}

/// A scenario applied to what is known.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) features: Features,
    /// Features with their values, as callers set them.
    pub(super) shown: Vec<(Feature, f64)>,
    /// Those that are other than they are.
    pub(super) changed: Vec<Feature>,
    /// Names that change nothing, since the model has not learnt from them.
    pub(super) unlearnt: Vec<String>,
}

/// What a name means, and by what its value is multiplied.
fn input(name: &str) -> Option<(Feature, f64)> {
    Some(match name {
        "query_calls_per_hour" => (Feature::CallsPerMinute, 1.0 / 60.0),
        "mean_table_size_mb" => (Feature::RelationPages, PAGES),
        "table_row_count" => (Feature::RelationRows, 1.0),
        "avg_row_width_bytes" => (Feature::RowWidth, 1.0),
        "concurrent_queries_avg" => (Feature::ActiveSessions, 1.0),
        own => {
            let feature = serde_json::from_value::<Feature>(json!(own)).ok()?;
            (feature, 1.0)
        }
    })
}

impl Scenario {
    /// From the members of a request; the error says what is wrong with which of them.
    pub(crate) fn of(parameters: &Value, scenario: &Value) -> Result<Self, String> {
        let mut all = Self::default();
        for (key, value) in [("parameters", parameters), ("scenario", scenario)] {
            match value {
                Value::Null => {}
                Value::Object(members) => {
                    for (name, value) in members {
                        all.add(key, name, value)?;
                    }
                }
                Value::String(name) if key == "scenario" && name == CURRENT => {}
                Value::String(name) if key == "scenario" => all.unknown.push(cut(name)),
                _ => {
                    let text = "is no object: it holds inputs by their names, such as \
                        {\"calls_per_minute\": 40}";
                    return Err(format!("{key} {text}"));
                }
            }
        }
        Ok(all)
    }

    fn add(&mut self, key: &str, name: &str, value: &Value) -> Result<(), String> {
        let found = input(name).and_then(|input| Some((input, input.0.bounds()?)));
        let Some(((feature, factor), (low, high))) = found else {
            self.unknown.push(cut(name));
            return Ok(());
        };
        let own = value.as_f64();
        let own = own.ok_or_else(|| format!("{key}.{name} is no number: it is a number"))?;
        let scaled = own * factor;
        if !(low..=high).contains(&scaled) {
            let high = high / factor;
            return Err(format!("{key}.{name} is {value}: it is {low} to {high}"));
        }
        self.set.push((name.to_owned(), feature, scaled));
        Ok(())
    }

    /// Whether nothing is other than it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Names that are none of ours.
    pub(super) fn unknown(&self) -> Vec<String> {
        self.unknown.clone()
    }

    /// All names, where no model says what they change.
    pub(super) fn names(&self) -> Vec<String> {
        let set = self.set.iter().map(|(name, ..)| name.clone());
        self.unknown.iter().cloned().chain(set).collect()
    }

    /// Sets what the model has learnt from. Rows and pages of a table go together: where one of
    /// them is set, the other grows with it.
    pub(super) fn applied(
        &self,
        model: &Model,
        features: Features,
        shown: Vec<(Feature, f64)>,
    ) -> Applied {
        let mut applied = Applied {
            features,
            shown,
            changed: Vec::new(),
            unlearnt: Vec::new(),
        };
        let is_set = |feature| self.set.iter().any(|(_, set, _)| *set == feature);
        for (name, feature, value) in &self.set {
            let pair = match feature {
                Feature::RelationRows => Some(Feature::RelationPages),
                Feature::RelationPages => Some(Feature::RelationRows),
                _ => None,
            };
            let pair = pair.filter(|pair| !is_set(*pair));
            let grown = pair.and_then(|pair| Some((pair, applied.grown(*feature, *value, pair)?)));
            let mut is_learnt = model.knows(*feature);
            applied.set(*feature, *value);
            if let Some((pair, value)) = grown {
                is_learnt |= model.knows(pair);
                applied.set(pair, value);
            }
            if !is_learnt {
                applied.unlearnt.push(name.clone());
            }
        }
        applied.changed.retain(|feature| model.knows(*feature));
        applied
    }
}

impl Applied {
    fn known(&self, feature: Feature) -> Option<f64> {
        let mut known = self.shown.iter();
        let (_, value) = known.find(|(known, _)| *known == feature)?;
        Some(*value)
    }

    /// What `pair` is, if `feature` becomes `value`.
    fn grown(&self, feature: Feature, value: f64, pair: Feature) -> Option<f64> {
        let now = self.known(feature).filter(|now| *now > 0.0)?;
        Some(self.known(pair)? * value / now)
    }

    fn set(&mut self, feature: Feature, value: f64) {
        self.features.set(feature, value);
        self.shown.retain(|(known, _)| *known != feature);
        self.shown.push((feature, value));
        self.changed.push(feature);
    }
}

fn cut(name: &str) -> String {
    name.chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use pga_insight::anomalies::Minute;
    use pga_insight::prediction::{Row, train};

    use super::*;

    #[test]
    fn a_scenario_takes_what_it_knows_and_names_the_rest() {
        let parameters = json!({ "calls_per_minute": 40, "colour": 1, "sin_day": 1 });
        let scenario = Scenario::of(&parameters, &json!("peak")).unwrap();
        let set: Vec<_> = scenario
            .set
            .iter()
            .map(|(_, feature, value)| (*feature, *value))
            .collect();
        assert_eq!(set, [(Feature::CallsPerMinute, 40.0)]);
        assert_eq!(scenario.unknown(), ["colour", "sin_day", "peak"]);
        let current = Scenario::of(&Value::Null, &json!("current")).unwrap();
        assert!(current.is_empty() && current.names().is_empty());
    }

    #[test]
    fn the_contracts_names_are_known_in_its_units() {
        let given = json!({ "query_calls_per_hour": 120, "mean_table_size_mb": 2,
            "table_row_count": 9, "avg_row_width_bytes": 8, "concurrent_queries_avg": 3 });
        let scenario = Scenario::of(&Value::Null, &given).unwrap();
        for (feature, want) in [
            (Feature::CallsPerMinute, 2.0),
            (Feature::RelationPages, 256.0),
            (Feature::RelationRows, 9.0),
            (Feature::RowWidth, 8.0),
            (Feature::ActiveSessions, 3.0),
        ] {
            let found = scenario.set.iter().find(|(_, one, _)| *one == feature);
            assert_eq!(found.map(|(.., value)| *value), Some(want), "{feature:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name_and_bounds() {
        for (parameters, scenario, want) in [
            (json!([1]), Value::Null, "parameters is no object"),
            (json!("current"), Value::Null, "parameters is no object"),
            (Value::Null, json!(4), "scenario is no object"),
            (
                Value::Null,
                json!({ "dead_share": 7 }),
                "scenario.dead_share is 7: it is 0 to 1",
            ),
            (
                Value::Null,
                json!({ "has_seq_scan": -1 }),
                "is -1: it is 0 to 1",
            ),
            (
                Value::Null,
                json!({ "relation_rows": -5 }),
                "is -5: it is 0 to 1000000000000000",
            ),
            (
                Value::Null,
                json!({ "relation_rows": 1e300 }),
                "it is 0 to 1000000000000000",
            ),
            (
                Value::Null,
                json!({ "query_calls_per_hour": -1 }),
                "is -1: it is 0 to",
            ),
            (
                json!({ "cpu": "half" }),
                Value::Null,
                "parameters.cpu is no number",
            ),
            (
                Value::Null,
                json!({ "cpu": null }),
                "scenario.cpu is no number",
            ),
        ] {
            let error = Scenario::of(&parameters, &scenario).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }

    /// A model that has learnt from rows, pages and calls.
    fn model() -> Model {
        let row = |hour: i64| {
            let rows = 1_000.0 + (hour * 7_919 % 1_000) as f64 * 100.0;
            let mut features = Features::default();
            features.set(Feature::RelationRows, rows);
            features.set(Feature::RelationPages, rows / 100.0);
            features.set(Feature::CallsPerMinute, (hour * 31 % 17) as f64);
            Row {
                family: 7,
                at: Minute::new(28_000_000 + hour * 60),
                features,
                actual_ms: rows / 50.0,
            }
        };
        train(&(0..600).map(row).collect::<Vec<Row>>()).unwrap()
    }

    #[test]
    fn a_larger_table_has_more_pages_and_takes_longer() {
        let model = model();
        let known = vec![
            (Feature::RelationRows, 5_000.0),
            (Feature::RelationPages, 50.0),
        ];
        let mut features = Features::default();
        for (feature, value) in &known {
            features.set(*feature, *value);
        }
        let predicted = |given: Value| {
            let scenario = Scenario::of(&Value::Null, &given).unwrap();
            let applied = scenario.applied(&model, features.clone(), known.clone());
            let told = model
                .predict(7, &applied.features, &applied.changed, None)
                .unwrap();
            (told.predicted_execution_time_ms, applied)
        };
        let (now, _) = predicted(json!({}));
        let (ten, applied) = predicted(json!({ "table_row_count": 50_000 }));
        let ratio = ten / now;
        assert!((8.0..12.0).contains(&ratio), "{now} to {ten}");
        assert_eq!(applied.known(Feature::RelationPages), Some(500.0));
        assert_eq!(applied.changed.len(), 2);
        // The size alone is the same question; what is set stays as it is set.
        let (size, _) = predicted(json!({ "relation_pages": 500 }));
        assert!((size / ten - 1.0).abs() < 1e-9, "{size} and {ten}");
        let both = json!({ "relation_rows": 50_000, "relation_pages": 50 });
        let (_, applied) = predicted(both);
        assert_eq!(applied.known(Feature::RelationPages), Some(50.0));
    }

    #[test]
    fn what_the_model_has_not_learnt_from_changes_nothing_and_is_named() {
        let model = model();
        let given = json!({ "temp_per_call": 9, "calls_per_minute": 3 });
        let scenario = Scenario::of(&Value::Null, &given).unwrap();
        let applied = scenario.applied(&model, Features::default(), Vec::new());
        assert_eq!(applied.unlearnt, ["temp_per_call"]);
        assert_eq!(applied.changed, [Feature::CallsPerMinute]);
        assert_eq!(scenario.names().len(), 2);
    }
}
