//! Reading, all at once, in one state of the file.

use rusqlite::Connection;

use super::values::failed;
use super::{read_samples, select};
use crate::Result;
use crate::query::{Read, Row};

/// The rows of each read.
pub(super) fn all(db: &Connection, reads: &[Read]) -> Result<Vec<Vec<Row>>> {
    // A transaction sees the file as it was at its first statement.
    let db = db.unchecked_transaction().map_err(failed("read"))?;
    let one = |read: &Read| match read {
        Read::Select(wanted) => select::rows(&db, wanted),
        Read::Samples(range) => read_samples::rows(&db, range),
    };
    reads.iter().map(one).collect()
}
