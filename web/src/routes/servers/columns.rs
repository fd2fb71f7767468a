//! Columns of rows, as members of an answer.

use serde_json::{Map, Value};

/// Copies what a row has of these columns, but NULLs.
pub(super) fn copy(row: &Value, names: &[&str], shown: &mut Map<String, Value>) {
    for name in names {
        if let Some(value) = row.get(*name).filter(|value| !value.is_null()) {
            shown.insert((*name).to_owned(), value.clone());
        }
    }
}
