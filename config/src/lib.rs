//! Typed, validated settings of a pgAnalytics node, and the identities every crate shares.

mod collector_id;
mod node_id;

pub use self::{collector_id::CollectorId, node_id::NodeId};
