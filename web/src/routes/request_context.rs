//! A request, as its handler sees it.

use std::sync::Arc;

use http::HeaderMap;
use pga_runtime::Instant;

use crate::Principal;
use crate::context::Context;
use crate::peer::Peer;
use crate::request_id::RequestId;

/// What every handler gets.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) context: Arc<Context>,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: Peer,
    pub(crate) id: RequestId,
    pub(crate) query: String,
    pub(crate) started: Instant,
    /// Who asks, as far as the route wants to know.
    pub(crate) caller: Principal,
    /// The segments that the braces of the route's path stand for, as they came.
    pub(super) segments: Vec<String>,
}

impl RequestContext {
    /// The first segment that a brace stands for.
    pub(super) fn segment(&self) -> &str {
        self.segment_at(0)
    }

    /// The segment that a brace stands for, counted from 0.
    pub(super) fn segment_at(&self, place: usize) -> &str {
        self.segments.get(place).map_or("", String::as_str)
    }
}
