//! What a question is.

use super::{Row, Select};
use crate::{Result, Store};

/// A question to a store, with its parameters as fields.
pub trait Question {
    /// What it answers.
    type Answer;

    /// The statement.
    fn select(&self) -> Select;

    /// What its rows say.
    ///
    /// # Errors
    /// If they are not what the statement asked for.
    fn answer(&self, rows: Vec<Row>) -> Result<Self::Answer>;
}

/// Asks a store.
///
/// # Errors
/// If the store cannot be read.
pub async fn ask<Q: Question + Sync>(store: &dyn Store, question: &Q) -> Result<Q::Answer> {
    let rows = store.select(question.select()).await?;
    question.answer(rows)
}
