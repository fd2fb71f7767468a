//! Explains what a PostgreSQL server did: facts in, findings out.
//!
//! # What it guarantees
//! Every function is pure: no clock, no I/O, no state between calls. Equal input gives equal
//! output.
//! # Map
//! [`fingerprint()`] answers which statements are the same one. [`plan`] reads plans, finds what is
//! wrong with them and what changed between two of them. [`rewrites`] offers statements that give
//! the same rows with less work, [`index_advice`] indexes, [`parameters`] settings. [`anomalies`]
//! finds what is not usual, [`patterns`] what comes back, [`comparison`] what changed between two
//! windows of time, and [`results`] whether what was done has helped; [`prediction`] says what a
//! statement will take, [`growth`] when something reaches its limit, and [`health`] grades all that
//! is known of a server. [`words`] writes numbers into sentences.

pub mod anomalies;
pub mod comparison;
mod fingerprint;
pub mod growth;
pub mod health;
pub mod index_advice;
mod large_stack;
pub mod parameters;
pub mod patterns;
pub mod plan;
pub mod prediction;
pub mod results;
pub mod rewrites;
pub mod why;
pub mod words;

pub(crate) use self::fingerprint::without_constants;
pub use self::fingerprint::{
    Fingerprint, FingerprintKind, Labels, absorbs, fingerprint, fingerprint_activity,
    fingerprint_all, fingerprint_statements, labels, token_text,
};
