//! What the answer to a push holds.

use pga_storage::Position;
use serde::Serialize;

use super::route::Content;
use super::shape::{Shape, always, maybe};
use crate::decode::Rejected;

/// The shape of [`PushAnswer`].
pub(super) const ANSWER: Content = Content::Json(Shape::Object(&[
    always("status", Shape::Text),
    always("collector_id", Shape::Text),
    always("metrics_inserted", Shape::Integer),
    always("metrics_repeated", Shape::Integer),
    maybe("rejected", REJECTED),
    always("bytes_received", Shape::Integer),
    always("processing_time_ms", Shape::Integer),
    always("next_config_version", Shape::Integer),
    always("next_check_in_seconds", Shape::Integer),
    always("position", POSITION),
]));

const REJECTED: Shape = Shape::Object(&[
    always("count", Shape::Integer),
    always("by_reason", Shape::Map(&Shape::Integer)),
    always("first", Shape::List(&REJECTED_ELEMENT)),
]);

const REJECTED_ELEMENT: Shape = Shape::Object(&[
    always("index", Shape::Integer),
    always("type", Shape::Text),
    always("reason", Shape::Text),
]);

const POSITION: Shape = Shape::Object(&[
    always("group", Shape::Integer),
    always("term", Shape::Integer),
    always("index", Shape::Integer),
]);

/// The answer to a push that was stored.
#[derive(Debug, Serialize)]
pub(super) struct PushAnswer<'a> {
    pub(super) status: &'static str,
    pub(super) collector_id: &'a str,
    pub(super) metrics_inserted: u64,
    pub(super) metrics_repeated: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rejected: Option<Rejected>,
    pub(super) bytes_received: u64,
    pub(super) processing_time_ms: u64,
    pub(super) next_config_version: u64,
    pub(super) next_check_in_seconds: u64,
    pub(super) position: PositionAnswer,
}

/// A position, as the contract's JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct PositionAnswer {
    pub(super) group: u32,
    pub(super) term: u64,
    pub(super) index: u64,
}

impl From<Position> for PositionAnswer {
    fn from(position: Position) -> Self {
        Self {
            group: position.group.get(),
            term: position.term,
            index: position.index,
        }
    }
}
