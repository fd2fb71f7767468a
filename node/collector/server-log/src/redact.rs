//! Takes values out of records, before anything keeps them.
//!
//! # What is taken
//! Literals in `STATEMENT`, `QUERY`, `CONTEXT`, the statements of durations and of deadlocks become
//! `$n`, comments go; what does not lex is dropped whole. Values of parameters, keys and failing
//! rows, rows of `COPY`, values that were invalid, "Query Parameters" and literals of plans go. The
//! names of columns, parameters and tables stay.
//! # What is not
//! Texts that an application raises itself (`RAISE`, `P0001`) have no shape: they stay. In other
//! languages than English what has no fixed shape is dropped rather than understood.

mod context;
mod detail;
mod lexer;
mod message;
mod plan;
mod sql;

#[cfg(test)]
mod tests;

pub use self::plan::plan_without_values;
pub use self::sql::{is_one_statement, statement_without_values};

use crate::Record;

/// What happens to values; `collect.log.values`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// They are taken out.
    #[default]
    Removed,
    /// They stay.
    Kept,
}

/// A record without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The record.
    pub record: Record,
    /// How many texts were dropped whole.
    pub dropped: u32,
}

/// Takes the values out of a record, unless they are to be kept. The position of an error moves
/// with its token.
///
/// ```
/// use pga_server_log::{Record, Values, redact};
///
/// let statement = Some("SELECT * FROM t WHERE name = 'Ada'".to_owned());
/// let redacted = redact(Record { statement, ..Record::default() }, Values::Removed);
/// assert_eq!(redacted.record.statement.unwrap(), "SELECT * FROM t WHERE name = $1");
/// ```
#[must_use]
pub fn redact(mut record: Record, values: Values) -> Redacted {
    let mut removed = Removed { count: 0 };
    if values == Values::Removed {
        record.detail = record
            .detail
            .take()
            .and_then(|detail| detail::redact(&record, &detail, &mut removed));
        message::redact(&mut record, &mut removed);
        record.context = record
            .context
            .map(|context| context::redact(&context, &mut removed));
        (record.statement, record.position) = removed.query(record.statement, record.position);
        (record.internal_query, record.internal_position) =
            removed.query(record.internal_query, record.internal_position);
    }
    Redacted {
        record,
        dropped: removed.count,
    }
}

/// Counts what was dropped whole.
#[derive(Debug)]
struct Removed {
    count: u32,
}

impl Removed {
    fn dropped(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    fn query(
        &mut self,
        text: Option<String>,
        position: Option<u32>,
    ) -> (Option<String>, Option<u32>) {
        let Some(text) = text else {
            return (None, position);
        };
        match sql::with_position(&text, position) {
            Some((text, position)) => (Some(text), position),
            None => {
                self.dropped();
                (None, None)
            }
        }
    }
}
