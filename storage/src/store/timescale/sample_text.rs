//! A plain sample as the JSON text it was sent as.

use serde_json::{Map, Number, Value};

use crate::{Sample, SampleForm};

/// Below this every whole double is written without a fraction, as clients write counts.
const WHOLE_BELOW: f64 = 9_007_199_254_740_992.0;

/// `sample` as compact JSON, keys ordered bytewise.
pub(super) fn sample_json(sample: &Sample) -> String {
    let mut object = Map::new();
    object.insert("name".to_owned(), sample.name.clone().into());
    object.insert("value".to_owned(), number(sample.value));
    let labels = || -> Value {
        let labels = sample.labels.iter();
        Value::Object(labels.map(|(k, v)| (k.clone(), v.clone().into())).collect())
    };
    if sample.form.has(SampleForm::LABELS) {
        object.insert("labels".to_owned(), labels());
    }
    if sample.form.has(SampleForm::TAGS) {
        object.insert("tags".to_owned(), labels());
    }
    if sample.form.has(SampleForm::UNIX_SECONDS) {
        let seconds = sample.time.micros().div_euclid(1_000_000);
        object.insert("timestamp".to_owned(), seconds.into());
    }
    Value::Object(object).to_string()
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0
        && value.abs() < WHOLE_BELOW
        && !(value == 0.0 && value.is_sign_negative())
    {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
