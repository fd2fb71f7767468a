//! The actors of a node, one file each; the tree is drawn in [`crate::supervision`].

pub(crate) mod alerter;
pub(crate) mod analyst;
pub(crate) mod cluster_watcher;
pub(crate) mod collector_session;
pub(crate) mod flusher;
pub(crate) mod joiner;
pub(crate) mod maintenance;
pub(crate) mod sessions;
pub(crate) mod web;

#[cfg(test)]
mod tests;
