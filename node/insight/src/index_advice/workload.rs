//! What a database is asked to do.

use std::collections::BTreeMap;

use crate::plan::Plan;

/// The statements of one database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// Families of statements.
    pub statements: Vec<Statement>,
}

/// A family of statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// Its fingerprint.
    pub hash: i64,
    /// Its text, normalised (`$n`). A literal that is left in it counts as the same in every call,
    /// and can prove the predicate of a partial index: so no text of a single call belongs here.
    pub text: String,
    /// Literals that stood at `$n` in every sample seen, by n. A value that clients send as a
    /// parameter does not belong here: it never proves the predicate of a partial index.
    pub constants: BTreeMap<i32, String>,
    /// Calls a day.
    pub calls_per_day: f64,
    /// Seconds of execution a day.
    pub seconds_per_day: f64,
    /// Rows a call, returned or written.
    pub rows_per_call: Option<f64>,
    /// Days on which it was seen.
    pub observed_days: f64,
    /// Its newest plan.
    pub plan: Option<Plan>,
}

impl Statement {
    /// Milliseconds a call.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        let is_called = self.calls_per_day > 0.0 && self.seconds_per_day > 0.0;
        is_called.then(|| self.seconds_per_day * 1_000.0 / self.calls_per_day)
    }
}
