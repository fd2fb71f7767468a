//! What is known beside the text of a statement.

use super::schema::Schema;
use crate::plan::Plan;

/// What is known beside the text. Nothing is assumed of what is not told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// A plan of the statement, best with ANALYZE.
    pub plan: Option<&'a Plan>,
    /// The tables that it may read.
    pub schema: Option<&'a Schema>,
    /// How it is called.
    pub calls: Calls,
}

/// How a statement is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calls {
    /// Calls a minute.
    pub per_minute: Option<f64>,
    /// Mean time of a call in milliseconds.
    pub mean_ms: Option<f64>,
    /// Rows that a call gives or writes.
    pub rows_per_call: Option<f64>,
    /// Planning time by planning and execution time, from 0 to 1.
    pub planning_share: Option<f64>,
    /// Families that differ from this one in the length of a list alone, itself included.
    pub families_by_length: Option<u32>,
}
