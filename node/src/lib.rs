//! Skeleton.

pub mod client;
pub mod collect;
pub mod load;
