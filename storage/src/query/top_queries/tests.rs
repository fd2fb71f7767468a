use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::query::{Dialect, Read, Row};
use crate::store::mapper::Value;
use crate::store::query_rollup::{COUNTERS, Difference};

const DAY: i64 = 86_400;

/// Says after each read that it has sealed up to the next of `marks`; all it has is five minutes of
/// each hour, in spans of five minutes.
#[derive(Debug)]
struct Moved {
    marks: Mutex<Vec<i64>>,
    asked: Mutex<Vec<usize>>,
}

fn span() -> Vec<u8> {
    let mut counters = [None; COUNTERS.len()];
    (counters[0], counters[1]) = (Some(30.0), Some(60.0));
    let difference = Difference {
        time: Timestamp::from_micros(360_000_000),
        interval: 60.0,
        names: ["shop".to_owned(), "app".to_owned()],
        hash: 7,
        counters,
        ..Difference::default()
    };
    let mut rollup = Rollup::default();
    rollup.add(&difference, Span::of_seconds(300, 300));
    rollup.encode().unwrap().unwrap()
}

impl ReadStore for Moved {
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, Result<Vec<Vec<Row>>>> {
        self.asked.lock().unwrap().push(reads.len());
        let rows = reads.iter().map(|read| {
            let Read::Select(select) = read else {
                return vec![];
            };
            let text = select.render(Dialect::Postgres);
            if text.contains("query_rollup_marks") {
                let mut marks = self.marks.lock().unwrap();
                let mark = marks.remove(0);
                return vec![Row::new(vec![Value::Int(mark)])];
            }
            let is_of_five_minutes = select.parameters().get(1) == Some(&Value::Int(300));
            if text.contains("query_rollups") && is_of_five_minutes {
                return vec![Row::new(vec![Value::Int(300), Value::Bytes(span())])];
            }
            if text.contains("query_text") {
                return vec![Row::new(vec![
                    Value::Int(0),
                    Value::Text("select 7".into()),
                ])];
            }
            vec![]
        });
        let rows = rows.collect();
        async move { Ok(rows) }.boxed()
    }
}

async fn ask(marks: &[i64]) -> (Vec<(i64, i64, String)>, Vec<usize>) {
    let store = Moved {
        marks: Mutex::new(marks.to_vec()),
        asked: Mutex::default(),
    };
    let question = TopQueries {
        collector: CollectorId::from_external("c"),
        database: None,
        order: QueryOrder::Total,
        from: Timestamp::from_micros(0),
        to: Timestamp::from_micros(DAY * 1_000_000),
        limit: 10,
        has_texts: true,
    };
    let top = question.ask(&store).await.unwrap();
    let top = top
        .into_iter()
        .map(|one| (one.query_hash, one.calls, one.query_text));
    (top.collect(), store.asked.into_inner().unwrap())
}

#[tokio::test]
async fn a_store_that_was_replaced_by_one_with_less_sealed_is_asked_again() {
    let found = vec![(7, 30, "select 7".to_owned())];
    // Mark, rows at one end, long rows, hours, five minutes.
    assert_eq!(ask(&[3_900, 3_900]).await, (found.clone(), vec![1, 5, 1]));
    // More is sealed meanwhile: what was sealed before still is.
    assert_eq!(ask(&[3_900, 7_500]).await, (found.clone(), vec![1, 5, 1]));
    // A day was sealed, and its span is not there any more.
    assert_eq!(ask(&[DAY, 3_900, 3_900]).await, (found, vec![1, 3, 5, 1]));
}
