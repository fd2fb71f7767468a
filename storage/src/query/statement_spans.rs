//! What the statements of a server did in spans of time, from the sums that a flush keeps.

use pga_config::CollectorId;

use super::{Question, Row, Select};
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::query_rollup::Columns;
use crate::{Error, Result, Timestamp};

/// The sealed spans of one collector. What is not over for some minutes is in none, nor what is
/// sampled more seldom than every six minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementSpans {
    /// Whose.
    pub collector: CollectorId,
    /// Length of a span in seconds: 300, 3,600 or 86,400.
    pub seconds: i64,
    /// Spans that begin at this time or later.
    pub from: Timestamp,
    /// Spans that begin before this time.
    pub to: Timestamp,
}

/// One span.
#[derive(Clone, Debug)]
pub struct StatementSpan {
    /// When it begins.
    pub begin: Timestamp,
    /// What happened in it.
    pub columns: Columns,
}

impl Question for StatementSpans {
    /// By their begin; spans in which nothing happened are left out.
    type Answer = Vec<StatementSpan>;

    fn select(&self) -> Select {
        let types = vec![ColumnType::Bigint, ColumnType::Text];
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let second = |time: Timestamp| Value::Int(time.micros().div_euclid(1_000_000));
        let seconds = select.bind(Value::Int(self.seconds));
        let from = select.bind(second(self.from));
        let to = select.bind(second(self.to));
        select.push(&format!(
            "SELECT CAST(start AS bigint), [hex content] FROM [query_rollups] \
             WHERE [rollup collector] = {collector} AND seconds = {seconds} AND start >= {from} \
             AND start < {to} ORDER BY start",
        ));
        select
    }

    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer> {
        let span = |row: &Row| {
            let begin = row.int(0).unwrap_or_default().saturating_mul(1_000_000);
            let content = row.text(1).and_then(unhex).ok_or_else(|| Error::Damaged {
                path: "query_rollups".into(),
                what: "a rollup of statements".to_owned(),
            })?;
            Ok(StatementSpan {
                begin: Timestamp::from_micros(begin),
                columns: Columns::decode(&content)?,
            })
        };
        rows.iter().map(span).collect()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}
