//! What a question is.

use std::future::Future;

use super::{Read, Row, Select};
use crate::store::ReadStore;
use crate::{Error, Result};

/// A question to a store, with its parameters as fields.
///
/// One that a single statement answers is an [`OneSelect`]. One that needs more says what it reads
/// by what it asks of the store: reads that it asks for together see one state of the store.
pub trait Question: Sync {
    /// What it answers.
    type Answer;

    /// Asks a store.
    ///
    /// # Errors
    /// If the store cannot be read, or a parameter is none that a store can be asked with.
    fn ask(&self, store: &dyn ReadStore) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// A question that one statement answers.
pub trait OneSelect: Sync {
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

impl<Q: OneSelect> Question for Q {
    type Answer = Q::Answer;

    async fn ask(&self, store: &dyn ReadStore) -> Result<Self::Answer> {
        self.answer(rows(store, self.select()).await?)
    }
}

/// The rows of one statement.
pub(super) async fn rows(store: &dyn ReadStore, select: Select) -> Result<Vec<Row>> {
    let found = store.read(vec![Read::Select(select)]).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Runs what takes long on a thread that may: unpacking sums is the work of milliseconds.
pub(super) async fn on_a_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = pga_runtime::spawn_blocking(work).await;
    done.map_err(|_| Error::Closed)?
}
