//! Load generator and verifier (`pganalytics load`).
//!
//! Simulated collectors push to a list of nodes, each with its own connection, and fail over
//! between them: the same body goes to the next node until one acknowledges it. Every element says
//! which collector sent it and as which number, so that reading back tells what was lost, stored
//! twice, or never sent (ACK-1, DEDUP-1).
//!
//! [`run()`] makes the load and gives back what it did as [`Run`]; [`verify()`] reads everything
//! back through each node; [`Report`] tells both.

mod api;
mod check;
mod content;
mod cost;
mod error;
mod history;
mod options;
mod report;
mod run;
mod sql;
mod tally;
mod verify;
mod worker;

pub use self::{
    api::Credentials,
    check::{Counts, Verdict},
    content::Kind,
    error::LoadError,
    history::{History, PushState},
    options::{LoadArgs, Rate},
    report::{Elements, Latency, Pushes, Rates, Report, View},
    run::{Run, run},
    tally::Tally,
    verify::{may_verify, verify},
};

#[cfg(test)]
mod tests;
