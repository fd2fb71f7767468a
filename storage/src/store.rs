//! The port to the database, and its two implementations.
//!
//! A [`Store`] holds the elements of every log entry up to its watermark, each exactly once
//! (FLUSH-1). One flusher writes it in log order ([`StoreWriter`]), everyone reads it
//! ([`ReadStore`], through the questions of [`crate::query`]). The same contract suite runs against
//! each.

mod batch;
pub mod catalogue;
pub mod counter_deltas;
mod disk_use;
mod embedded;
pub mod inventory;
pub mod mapper;
pub mod query_rollup;
mod read;
pub mod relation_sums;
mod retention;
pub mod series;
pub(crate) mod series_rollup;
mod timescale;
mod writer;

pub use self::{
    batch::{FlushBatch, FlushElement, FlushReport, Watermark},
    disk_use::{Day, TableUse},
    embedded::{CopySummary, EmbeddedOptions, EmbeddedStore, hand_copy_over, inspect_copy},
    read::ReadStore,
    retention::Retention,
    timescale::{Holding, StoreOwner, TimescaleOptions, TimescaleStore},
    writer::StoreWriter,
};

/// A store with both of its halves. Users take the half that they need.
pub trait Store: StoreWriter + ReadStore {}

impl<T: StoreWriter + ReadStore> Store for T {}
