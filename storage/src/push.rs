//! What a collector pushes: elements, their content keys, and the record that travels through Raft.
//!
//! A [`PushRecord`] is split into a small head (who, when, one [`ContentKey`] per element) and the
//! encoded elements. Apply needs the head alone; the elements stay compressed until a store takes
//! them.

mod content_key;
mod element;
mod record;

pub use self::{
    content_key::ContentKey,
    element::{Document, Element, Sample, SampleForm},
    record::{DecodeError, Idempotency, PushRecord},
};
