//! A store that has three plain samples and one statement, and remembers what was read.

use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;
use pga_storage::query::{Dialect, Read, Row};
use pga_storage::store::mapper::Value;
use pga_storage::{ReadStore, Result, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    pub(crate) reads: Mutex<Vec<Read>>,
}

impl ReadStore for FakeStore {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, Result<Vec<Vec<Row>>>> {
        let rows = reads.iter().map(rows).collect();
        self.reads.lock().unwrap().extend(reads);
        async move { Ok(rows) }.boxed()
    }
}

fn rows(read: &Read) -> Vec<Row> {
    match read {
        Read::Samples(_) => [r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]
            .into_iter()
            .zip(1..)
            .map(|(text, at)| sample(text, at))
            .collect(),
        Read::Select(select) => {
            // Differences of a window's ends.
            let text = select.render(Dialect::Postgres);
            if text.contains("interval_seconds <= ") {
                vec![difference(select.columns().len())]
            } else {
                vec![]
            }
        }
    }
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
