//! Sums of charted tables over hours and days.
//!
//! A charted table has one row for a server, or one for each of its databases, at a time. When an
//! hour of it is over, the flush that stores the first row after it *seals* it: for each database
//! and column it keeps how many values there were, their sum, and the least and the greatest. Days
//! are made of their hours. A row that comes later for a sealed hour has it sealed anew in the same
//! transaction, so nothing is stale. Both stores run the same statements, but for their dialects.
//!
//! A mark for each collector and table says which hours are sealed: from `since`, where sealing
//! began, to `sealed`. Hours before `frozen` may have lost rows to retention, and stay as they are.

mod plan;
mod sql;

pub(crate) use self::plan::{Mark, Plan, Touched, hour_of, touched};
pub(crate) use self::sql::{Dialect, Statements};
use super::catalogue::{ColumnType, Table, TableId, tables};

/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;
/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// The column that stands for whole rows.
pub(crate) const ROWS: &str = "";

/// Columns that make a table one of parts: a mean over statements or relations says nothing.
const OF_PARTS: [&str; 7] = [
    "table_name",
    "index_name",
    "query_hash",
    "pid",
    "device",
    "slot_name",
    "message",
];
/// Numbers that measure nothing.
const IDENTITIES: [&str; 7] = [
    "log_index",
    "ordinal",
    "missing_counters",
    "interval_seconds",
    "system_identifier",
    "timeline",
    "server_version_num",
];

impl Table {
    /// Whether it has one row for a server, or one for each database, at a time.
    pub fn is_charted(&self) -> bool {
        self.rate_key.iter().all(|name| *name == "database_name")
            && OF_PARTS.iter().all(|name| self.position(name).is_none())
    }

    /// The columns that a chart draws: differences, and numbers that are no counters.
    pub fn charted_columns(&self) -> impl Iterator<Item = &'static str> {
        let is_number = |ty| {
            matches!(
                ty,
                ColumnType::Bigint | ColumnType::Int | ColumnType::Float8
            )
        };
        let columns = self.own.iter().filter(move |column| {
            is_number(column.ty)
                && !IDENTITIES.contains(&column.name)
                && self.position(&format!("{}_delta", column.name)).is_none()
                && !column.name.ends_with("_oid")
                && !column.name.ends_with("pid")
        });
        columns.map(|column| column.name)
    }
}

/// All charted tables.
pub(crate) fn charted() -> impl Iterator<Item = TableId> {
    tables().filter(|id| id.table().is_charted())
}
