//! Typed access to the fields of a JSON object.

use serde_json::{Map, Value};

/// The fields of one node or document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn inner(&self, key: &str) -> Option<Self> {
        self.0.get(key)?.as_object().map(Self)
    }

    pub(super) fn items(&self, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.0
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.items(key)
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}
