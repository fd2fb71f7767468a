//! What the statements of a server did in spans of time, from the sums that a flush keeps.

use pga_config::CollectorId;

use super::questions::rows;
use super::{Question, Row, Select};
use crate::store::ReadStore;
use crate::store::catalogue::ColumnType;
use crate::store::mapper::Value;
use crate::store::query_rollup::Columns;
use crate::{Result, Timestamp};

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

/// One span, packed: many take little room until they are looked at.
#[derive(Clone, Debug)]
pub struct StatementSpan {
    /// When it begins.
    pub begin: Timestamp,
    content: Vec<u8>,
}

impl StatementSpan {
    /// What happened in it. It takes processor time.
    ///
    /// # Errors
    /// `Damaged` if the store does not hold what it wrote.
    pub fn columns(&self) -> Result<Columns> {
        Columns::decode(&self.content)
    }
}

impl Question for StatementSpans {
    /// By their begin; spans in which nothing happened are left out.
    type Answer = Vec<StatementSpan>;

    async fn ask(&self, store: &dyn ReadStore) -> Result<Self::Answer> {
        let rows = rows(store, self.select()).await?;
        Ok(rows.into_iter().map(span).collect())
    }
}

impl StatementSpans {
    fn select(&self) -> Select {
        let types = vec![ColumnType::Bigint, ColumnType::Bytea];
        let mut select = Select::new("", types);
        let collector = select.bind(Value::Uuid(self.collector.get()));
        let second = |time: Timestamp| Value::Int(time.micros().div_euclid(1_000_000));
        let seconds = select.bind(Value::Int(self.seconds));
        let from = select.bind(second(self.from));
        let to = select.bind(second(self.to));
        select.push(&format!(
            "SELECT CAST(start AS bigint), content FROM [query_rollups] \
             WHERE [rollup collector] = {collector} AND seconds = {seconds} AND start >= {from} \
             AND start < {to} ORDER BY start",
        ));
        select
    }
}

fn span(row: Row) -> StatementSpan {
    let begin = row.int(0).unwrap_or_default().saturating_mul(1_000_000);
    let content = match row.into_values().pop() {
        Some(Value::Bytes(content)) => content,
        _ => Vec::new(),
    };
    StatementSpan {
        begin: Timestamp::from_micros(begin),
        content,
    }
}
