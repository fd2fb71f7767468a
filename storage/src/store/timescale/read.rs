//! Reading, all at once, in one state of the database.

use futures::future::{try_join, try_join_all};
use tokio_postgres::Client;

use super::{failure, read_samples, select};
use crate::query::{Read, Row};
use crate::{Error, Result};

/// A transaction of this kind sees the database as it was at its first statement.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The rows of each read.
///
/// All statements are under way at once: each is a round trip. A single one needs no transaction to
/// see one state.
pub(super) async fn all(client: &Client, reads: &[Read]) -> Result<Vec<Vec<Row>>> {
    if let [Read::Select(wanted)] = reads {
        return Ok(vec![select::rows(client, wanted).await?]);
    }
    let begin = async { client.batch_execute(BEGIN).await.map_err(failed) };
    let rows = try_join_all(reads.iter().map(|read| one(client, read)));
    // The server gets them in the order in which they are polled first: BEGIN is ahead.
    let ((), found) = try_join(begin, rows).await?;
    client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(found)
}

async fn one(client: &Client, read: &Read) -> Result<Vec<Row>> {
    match read {
        Read::Select(wanted) => select::rows(client, wanted).await,
        Read::Samples(range) => read_samples::rows(client, range).await,
    }
}

fn failed(error: tokio_postgres::Error) -> Error {
    failure::unavailable("read from", error)
}
