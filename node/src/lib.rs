//! The pganalytics program: actors, wiring and the command line.
//!
//! # What it guarantees
//! A crash of any actor loses nothing that was acknowledged (SESS-1): what counts is in the
//! replicated log before the client hears of it. Refusals happen before anything is proposed
//! (ACK-2). # Map
//! [`cli`] is the entry point, [`Error`] what can go wrong and with which exit code.

mod actors;
mod admin;
mod admitted_push;
mod alerting;
mod api;
mod backup;
mod bootstrap;
mod breaker;
pub mod cli;
mod cluster_files;
mod cluster_replica;
pub mod collect;
mod collector_limit;
mod context;
mod data_dir;
mod demo;
mod error;
mod exit;
mod failed_attempts;
mod faults;
mod flush_plan;
mod flush_read;
mod https_files;
mod https_renewal;
mod join_service;
mod key_rotation;
mod keyring;
mod log_files;
mod logging;
mod metrics;
mod ml_service;
mod node_certificate;
mod output;
mod peer_message;
mod process;
mod reload;
mod renewal_failures;
mod replica;
mod replicator;
mod restart_policy;
mod secrets;
mod serve;
mod status;
mod superseding;
mod supervision;
mod tasks;

pub use self::{
    backup::ArchiveError,
    data_dir::{DataDir, admin_socket},
    error::{Error, Result},
    exit::Exit,
    logging::{LogGuard, start as start_logging},
    metrics::{Metrics, VERSION},
    reload::ConfigSource,
    serve::serve,
};
