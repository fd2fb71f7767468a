//! Rows, the same from both databases.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::store::mapper::Value;

/// A row: a value for each column of its statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these values.
    pub const fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The values.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// The values, to keep.
    pub fn into_values(self) -> Vec<Value> {
        self.0
    }

    /// How long its texts and bytes are together, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        let length = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        self.0.iter().map(length).sum()
    }

    /// A whole number; `None` for NULL, and for what is none.
    pub fn int(&self, column: usize) -> Option<i64> {
        match self.0.get(column) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number.
    pub fn float(&self, column: usize) -> Option<f64> {
        match self.0.get(column) {
            Some(Value::Float(number)) => Some(*number),
            Some(Value::Int(number)) => Some(*number as f64),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self, column: usize) -> Option<&str> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Bytes.
    pub fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.0.get(column) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// A truth value.
    pub fn bool(&self, column: usize) -> Option<bool> {
        match self.0.get(column) {
            Some(Value::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// A point in time.
    pub fn time(&self, column: usize) -> Option<Timestamp> {
        match self.0.get(column) {
            Some(Value::Time(time)) => Some(*time),
            _ => None,
        }
    }

    /// A truth value.
    pub fn flag(&self, column: usize) -> Option<bool> {
        match self.0.get(column) {
            Some(Value::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// An id.
    pub fn uuid(&self, column: usize) -> Option<Uuid> {
        match self.0.get(column) {
            Some(Value::Uuid(id)) => Some(*id),
            _ => None,
        }
    }
}
