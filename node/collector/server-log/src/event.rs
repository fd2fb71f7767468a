//! One event of the log, as it is stored: a record and what it is about.

use serde::{Deserialize, Serialize};

use crate::{Class, Classified, Level, Record, Values, classify, redact};

/// A redacted record with its class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The record. The message of a plan is its first line: the plan is in the fields.
    #[serde(flatten)]
    pub record: Record,
    /// Class, level and fields.
    #[serde(flatten)]
    pub about: Classified,
}

impl Event {
    /// Takes the values out of a record, unless they are to be kept, and classifies what is left.
    #[must_use]
    pub fn new(record: Record, values: Values) -> Self {
        let mut record = redact(record, values).record;
        let about = classify(&record);
        if about.class == Class::Plan {
            let first = record.message.find('\n').unwrap_or(record.message.len());
            record.message.truncate(first);
        }
        Self { record, about }
    }

    /// What it is about.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.about.class
    }

    /// How much it matters.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.about.level
    }

    /// Bytes of its texts: about what it takes to store and send.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let record = &self.record;
        let texts = [
            &record.detail,
            &record.hint,
            &record.context,
            &record.statement,
            &record.internal_query,
        ];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let fields = self.about.fields.values().map(size_of_value).sum::<usize>();
        record.message.len() + texts + fields
    }

    /// Milliseconds that a statement took, if that is what it says.
    #[must_use]
    pub fn duration_ms(&self) -> Option<f64> {
        let is_duration = self.class() == Class::SlowStatement;
        let ms = self.about.fields.get("ms").filter(|_| is_duration)?;
        ms.as_f64()
    }
}

fn size_of_value(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(values) => values.iter().map(size_of_value).sum(),
        serde_json::Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| key.len() + size_of_value(value))
            .sum(),
        _ => 8,
    }
}
