//! The half of a store that answers.

use std::fmt::Debug;

use futures::future::BoxFuture;

use crate::Result;
use crate::query::{Read, Row};

/// What all analysis reads from (design D5).
///
/// A store knows no question: [`crate::query`] makes reads of questions and answers of rows.
pub trait ReadStore: Debug + Send + Sync + 'static {
    /// The rows of each read, in the order of the reads. All of them see one state of the store:
    /// the one after some flush.
    ///
    /// # Errors
    /// `Unavailable` or `Embedded` if the database does not answer.
    fn read(&self, reads: Vec<Read>) -> BoxFuture<'_, Result<Vec<Vec<Row>>>>;
}
