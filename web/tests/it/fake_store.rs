//! A store that has three plain samples, one statement and the documents that it is given, and
//! remembers what was read.

use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;
use pga_storage::query::{Dialect, Read, Row};
use pga_storage::store::mapper::Value;
use pga_storage::{ReadStore, Result, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    pub(crate) reads: Mutex<Vec<Read>>,
    /// What the statement is.
    pub(crate) text: Mutex<String>,
    /// Documents by their types; each page holds all of its type.
    pub(crate) documents: Mutex<Vec<(&'static str, String)>>,
}

impl ReadStore for FakeStore {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, Result<Vec<Vec<Row>>>> {
        let rows = reads.iter().map(|read| self.rows(read)).collect();
        self.reads.lock().unwrap().extend(reads);
        async move { Ok(rows) }.boxed()
    }
}

impl FakeStore {
    fn rows(&self, read: &Read) -> Vec<Row> {
        let select = match read {
            Read::Samples(_) => {
                let texts = [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#].into_iter();
                return texts.zip(1..).map(|(text, at)| sample(text, at)).collect();
            }
            Read::Select(select) => select,
        };
        let text = select.render(Dialect::Postgres);
        if text.contains("interval_seconds <= ") {
            // Differences of a window's ends.
            return vec![difference(select.columns().len())];
        }
        if text.contains("t.query_text") {
            let text = self.text.lock().unwrap().clone();
            return vec![Row::new(vec![Value::Int(0), Value::Text(text)])];
        }
        if text.contains("sent_timestamp") {
            let documents = self.documents.lock().unwrap();
            let is_asked = |kind: &str| {
                let mut given = select.parameters().iter();
                given.any(|one| matches!(one, Value::Text(text) if text == kind))
            };
            let found = documents.iter().filter(|(kind, _)| is_asked(kind));
            return found.map(|(_, text)| document(text)).collect();
        }
        Vec::new()
    }
}

/// Whole, in the columns of a page of documents.
fn document(text: &str) -> Row {
    let mut values = sample(text, 1).into_values();
    values.extend([Value::Null, Value::Null, Value::Null]);
    Row::new(values)
}

fn sample(text: &str, at: i64) -> Row {
    Row::new(vec![
        Value::Time(Timestamp::from_micros(at)),
        Value::Int(5),
        Value::Int(0),
        Value::Text(text.to_owned()),
    ])
}

/// Of statement -5: one call in the minute that ends now.
fn difference(columns: usize) -> Row {
    let mut values = vec![Value::Null; columns];
    values[0] = Value::Time(Timestamp::now());
    values[1] = Value::Float(60.0);
    values[4] = Value::Int(-5);
    values[12] = Value::Int(1);
    values[13] = Value::Float(2.0);
    Row::new(values)
}
