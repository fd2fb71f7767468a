//! What a statement will take in the coming hour.

use pga_insight::prediction::{Answer, Feature, MIN_CALLS, fallback, insufficient};
use pga_storage::Timestamp;
use serde_json::Value;

use super::known::{DAYS, Known, known, name_of, named};
use super::models::{Numbered, active, numbered};
use super::scenario::Scenario;
use crate::{ApiError, NodeApi};

/// A prediction and what it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Predicted {
    pub(crate) answer: Answer,
    /// The model's number, if it was one.
    pub(crate) version: Option<u64>,
    /// The features that are known, by name, as callers set them.
    pub(crate) features: Value,
    /// Names of the scenario that the answer does not rest on.
    pub(crate) ignored: Vec<String>,
}

/// Predicts the coming hour of a statement; nothing if nobody has sent it.
pub(crate) async fn predict(
    api: &dyn NodeApi,
    hash: i64,
    version: Option<u64>,
    scenario: &Scenario,
) -> Result<Option<Predicted>, ApiError> {
    let Some(known) = known(api, hash, Timestamp::now()).await? else {
        return Ok(None);
    };
    if known.calls < MIN_CALLS {
        let missing = format!("{:.0} of {MIN_CALLS:.0} calls in {DAYS} days", known.calls);
        return Ok(Some(
            known.without_model(insufficient(vec![missing]), scenario),
        ));
    }
    let model = match version {
        Some(version) => numbered(api, version).await?,
        None => active(api).await?,
    };
    Ok(Some(match model {
        Some(model) => known.by(hash, &model, scenario),
        None => {
            let why = match version {
                Some(version) => format!("there is no model {version}"),
                None => "no model is trained yet".to_owned(),
            };
            known.its_history(&why, scenario)
        }
    }))
}

impl Known {
    fn without_model(&self, answer: Answer, scenario: &Scenario) -> Predicted {
        Predicted {
            answer,
            version: None,
            features: self.features(),
            ignored: scenario.names(),
        }
    }

    /// The history, which knows no scenario.
    fn its_history(&self, why: &str, scenario: &Scenario) -> Predicted {
        let rest = match scenario.is_empty() {
            true => "this is its history",
            false => "this is its history, which the scenario does not change",
        };
        let answer = fallback(&self.hours, &format!("{why}: {rest}"));
        self.without_model(answer, scenario)
    }

    fn by(&self, hash: i64, model: &Numbered, scenario: &Scenario) -> Predicted {
        let Some(features) = self.features.clone() else {
            return self.its_history("it was not called in the last hours", scenario);
        };
        let applied = scenario.applied(&model.model, features, self.shown.clone());
        let told = &applied.features;
        let prediction = model.model.predict(hash, told, &applied.changed, None);
        let Some(prediction) = prediction else {
            if applied.changed.is_empty() {
                return self.its_history("the model has no interval for it", scenario);
            }
            // The history is no answer to what is asked.
            let far = model.model.too_far(told, &applied.changed);
            let missing = match far.is_empty() {
                true => "a scenario that comes to a time that can be".to_owned(),
                false => format!(
                    "{} nearer to what the model has learnt from",
                    names_of(&far)
                ),
            };
            return self.without_model(insufficient(vec![missing]), scenario);
        };
        let mut answer = Answer::from(prediction);
        answer.warning = (!applied.unlearnt.is_empty()).then(|| {
            let names = applied.unlearnt.join(", ");
            format!("the model has not learnt from {names}: it changes nothing")
        });
        let mut ignored = scenario.unknown();
        ignored.extend(applied.unlearnt);
        Predicted {
            answer,
            version: Some(model.version),
            features: named(&applied.shown),
            ignored,
        }
    }
}

fn names_of(features: &[Feature]) -> String {
    let names = features.iter().filter_map(|feature| name_of(*feature));
    names.collect::<Vec<String>>().join(", ")
}
