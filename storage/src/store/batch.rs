//! What a flush carries.

use pga_config::CollectorId;

use super::catalogue::TableId;
use crate::{Element, Position, Timestamp};

/// Position up to which a store holds everything, and who wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Everything up to here is in the store. Index 0: nothing yet.
    pub position: Position,
    /// Term of the flusher that owns the store; older terms cannot commit.
    pub owner_term: u64,
}

/// One accepted (not repeated) element and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct FlushElement {
    /// Who pushed it.
    pub collector: CollectorId,
    /// Index of the log entry it was committed with; with `ordinal`, unique in the store.
    pub index: u64,
    /// Place among the elements committed with that entry, repeats counted, from 0.
    pub ordinal: u32,
    /// When the node received the push.
    pub received_at: Timestamp,
    /// The element.
    pub element: Element,
}

/// A gap-free range of the log, for one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct FlushBatch {
    /// The watermark before: the store refuses the batch if it is elsewhere.
    pub after: Position,
    /// The watermark after.
    pub upto: Position,
    /// Term of the flusher.
    pub term: u64,
    /// The elements of the entries `after < index <= upto`, in log order.
    pub elements: Vec<FlushElement>,
}

/// What a committed flush did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// Elements stored.
    pub elements: u64,
    /// Rows written to all tables.
    pub rows: u64,
    /// Elements that no typed table could take (wrong shape): kept whole, and counted here.
    pub untyped: u64,
    /// Elements that the database refuses: kept apart, whole, with the reason; not among
    /// `elements`.
    pub dead_lettered: u64,
    /// Counters that fell although counting had not begun anew, by table; their difference is 0.
    pub counter_anomalies: Vec<(TableId, u64)>,
}
