//! What pgAnalytics keeps: the Raft log's segments, the flush buffer, and the two stores.
//!
//! # What it guarantees
//! A log append that was reported durable survives a power cut (ACK-1, LOG-1); a store holds the
//! elements of every entry up to its watermark exactly once (FLUSH-1).
//! # Map
//! [`PushRecord`] is what travels, [`log::Log`] keeps it, [`buffer::Buffer`] holds what is applied
//! until it is stored, [`Store`] is the port to the database, [`Error`] what can go wrong.

pub mod buffer;
mod error;
pub mod log;
pub mod metrics;
mod msgpack;
mod position;
mod push;
pub mod query;
pub mod store;
mod timestamp;
mod varint;
mod zstd_frames;

pub use self::{
    error::{Error, ErrorClass, Result},
    msgpack::{from_msgpack, from_whole_msgpack},
    position::{GroupId, ParsePositionError, Position},
    push::{
        ContentKey, DecodeError, Document, Element, Idempotency, PushRecord, Sample, SampleForm,
    },
    store::{ReadStore, Store, StoreWriter},
    timestamp::Timestamp,
};
