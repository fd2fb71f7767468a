//! Handing a database over to another cluster: after a restore, once.

use super::TimescaleStore;
use super::failure;
use super::holding::Holding;
use super::session::{Purpose, within};
use super::watermark;
use crate::{Error, Position, Result};

impl TimescaleStore {
    /// Whose the database is; `None` if it is nobody's, since it has no tables of this program.
    ///
    /// # Errors
    /// `Unavailable`, or `Schema` if the tables have another form.
    pub async fn holding(&self) -> Result<Option<Holding>> {
        let session = self.connector.open(Purpose::Read).await?;
        let read = async {
            let exists = session
                .client
                .query_one(
                    "SELECT to_regclass('pganalytics.watermark') IS NOT NULL",
                    &[],
                )
                .await
                .and_then(|row| row.try_get::<_, bool>(0))
                .map_err(failed)?;
            if !exists {
                return Ok(None);
            }
            watermark::holding(&session.client).await
        };
        within("read the watermark of", self.limit(), read).await
    }

    /// Makes the database, which is as `found` says, one of this store's cluster that holds
    /// everything up to `at`. The old cluster's nodes can write to it no more. In one statement.
    ///
    /// # Errors
    /// `Schema` if it is no longer as found, `Unavailable`: then the outcome is unknown.
    pub async fn take_from(&self, found: &Holding, at: Position) -> Result<()> {
        let session = self.connector.open(Purpose::Read).await?;
        let owner = self.connector.options().owner;
        let take = watermark::hand_over(&session.client, found, owner, at);
        within("hand over", self.limit(), take).await
    }

    fn limit(&self) -> std::time::Duration {
        self.connector.options().flush_timeout
    }
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::schema_or_unavailable("read the watermark of", error)
}
