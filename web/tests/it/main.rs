//! The HTTP front over real sockets, against a fake node.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "helpers of tests fail by panicking, and tables of cases are long"
)]

mod alerts;
mod auth;
mod bad_input;
mod documents;
mod fake_node;
mod fake_store;
mod limits;
mod ml;
mod openapi;
mod page;
mod parking;
mod people;
mod plans;
mod push;
mod raw_http;
mod reads;
mod registry;
mod roles;
mod server;
mod snapshots;
