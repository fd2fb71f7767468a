//! Tests of the program as its users meet it.

mod exit_codes;
mod metrics;
mod program;
