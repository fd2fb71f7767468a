//! Adapters between openraft and this crate's log, state, buffer and transport. No type of openraft
//! leaves this crate.

pub(crate) mod address_book;
pub(crate) mod entry_codec;
pub(crate) mod log_store;
pub(crate) mod network;
pub(crate) mod payload;
pub(crate) mod peer_watermarks;
pub(crate) mod replay;
pub(crate) mod snapshot;
pub(crate) mod state_machine;
pub(crate) mod type_config;

#[cfg(test)]
mod fuzz_tests;
