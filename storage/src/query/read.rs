//! What a store can be asked to read.

use super::{ElementRange, Select};

/// One thing to read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// The rows of a statement.
    Select(Select),
    /// Plain samples, each a row of time, log index, ordinal and JSON text.
    ///
    /// They are no statement: the embedded store packs up to 512 of them into one value, and
    /// TimescaleDB, which has a row for each, is quick only if it reads a few of every series.
    Samples(ElementRange),
}
