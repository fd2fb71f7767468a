//! Series of plain samples: their identity, and samples as the JSON that was sent.

use serde_json::{Map, Value as Json};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use crate::{Sample, SampleForm, Timestamp};

/// Whole numbers up to here are written without a fraction: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// 128-bit identity of a series: collector, form, name and labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey(u128);

impl SeriesKey {
    /// Identity of the series of `sample`.
    pub fn of(collector: Uuid, sample: &Sample) -> Self {
        let mut hash = Xxh3::new();
        let mut text = |text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        text(&sample.name);
        for (key, value) in &sample.labels {
            text(key);
            text(value);
        }
        hash.update(collector.as_bytes());
        hash.update(&[sample.form.bits()]);
        Self(hash.digest128())
    }

    /// For a hash table: 64 of its bits.
    pub const fn hash64(self) -> u64 {
        self.0 as u64
    }

    /// As stored: 16 bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// The labels as the text of a JSON object.
pub fn labels_json(sample: &Sample) -> String {
    let labels: Map<String, Json> = sample
        .labels
        .iter()
        .map(|(key, value)| (key.clone(), Json::String(value.clone())))
        .collect();
    Json::Object(labels).to_string()
}

/// What a series adds to each of its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesText {
    head: String,
    has_time: bool,
}

impl SeriesText {
    /// From the stored columns; `labels` is the text of a JSON object.
    pub fn new(name: &str, labels: &str, form: SampleForm) -> Self {
        let name = Json::String(name.to_owned());
        let head = if form.has(SampleForm::LABELS) {
            format!(r#"{{"labels":{labels},"name":{name}"#)
        } else if form.has(SampleForm::TAGS) {
            format!(r#"{{"name":{name},"tags":{labels}"#)
        } else {
            format!(r#"{{"name":{name}"#)
        };
        Self {
            head,
            has_time: form.has(SampleForm::UNIX_SECONDS),
        }
    }

    /// One sample, as it was sent: compact, keys in order.
    pub fn sample(&self, time: Timestamp, value: f64) -> String {
        let value = if value.fract() == 0.0 && value.abs() <= EXACT && !is_negative_zero(value) {
            (value as i64).to_string()
        } else {
            Json::from(value).to_string()
        };
        if self.has_time {
            let seconds = time.micros().div_euclid(1_000_000);
            format!(r#"{},"timestamp":{seconds},"value":{value}}}"#, self.head)
        } else {
            format!(r#"{},"value":{value}}}"#, self.head)
        }
    }
}

fn is_negative_zero(value: f64) -> bool {
    value == 0.0 && value.is_sign_negative()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_read_back_in_the_form_they_were_sent() {
        let at = Timestamp::from_micros(1_771_787_241_000_000);
        let (time, labels, tags) = (
            SampleForm::UNIX_SECONDS,
            SampleForm::LABELS,
            SampleForm::TAGS,
        );
        for (form, value, want) in [
            (
                time | labels,
                97.3,
                r#"{"labels":{"a":"b"},"name":"n\"","timestamp":1771787241,"value":97.3}"#,
            ),
            (tags, 2.0, r#"{"name":"n\"","tags":{"a":"b"},"value":2}"#),
            (0, -0.0, r#"{"name":"n\"","value":-0.0}"#),
            (0, 1e300, r#"{"name":"n\"","value":1e+300}"#),
        ] {
            let text = SeriesText::new("n\"", r#"{"a":"b"}"#, SampleForm::from_bits(form));
            let got = text.sample(at, value);
            assert_eq!(
                serde_json::from_str::<Json>(&got).unwrap(),
                serde_json::from_str::<Json>(want).unwrap(),
                "{got}"
            );
        }
    }

    #[test]
    fn every_part_of_a_sample_but_its_value_and_time_is_its_series() {
        let sample = |name: &str, label: &str, form| Sample {
            name: name.into(),
            labels: vec![("k".into(), label.into())],
            time: Timestamp::default(),
            value: 1.0,
            form: SampleForm::from_bits(form),
        };
        let key = |sample| SeriesKey::of(Uuid::nil(), &sample);
        assert_eq!(key(sample("a", "b", 1)), key(sample("a", "b", 1)));
        for other in [
            sample("x", "b", 1),
            sample("a", "x", 1),
            sample("a", "b", 2),
        ] {
            assert_ne!(key(other), key(sample("a", "b", 1)));
        }
    }
}
