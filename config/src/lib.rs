//! Typed, validated settings of a pgAnalytics node, and the identities every crate shares.
//!
//! # What it guarantees
//! Nothing runs on settings that were not validated (CFG-1): a [`Config`] is made from [`Values`]
//! only, and making it reports every violation at once.
//! # Map
//! [`Config::load`] is the entry point; [`Violation`] says what is wrong; the sections hold the
//! settings. [`collector_toml`] is about another file: the configuration of a collector.

mod byte_size;
mod collector_id;
mod collector_settings;
pub mod collector_toml;
mod config;
mod duration_text;
mod durations_by_type;
mod member;
mod node_id;
mod reference;
mod secret;
mod section;
mod sections;
mod setting;
mod values;
mod violation;

pub use self::{
    byte_size::ByteSize,
    collector_id::CollectorId,
    collector_settings::collector_settings,
    config::Config,
    duration_text::{format as format_duration, parse as parse_duration},
    durations_by_type::DurationsByType,
    member::{Member, Members},
    node_id::NodeId,
    reference::reference,
    secret::Secret,
    section::{Change, Key},
    sections::{
        Auth, Buffer, Cache, ClientCertificates, Cluster, Http, Limits, Log, LogFormat,
        LogRotation, Logging, Ml, Node, Notify, PushAuthentication, Quic, Raft, ReadsWithoutQuorum,
        Replication, Sessions, Store, StoreKind,
    },
    values::{ENV_PREFIX, Values},
    violation::{Error, Violation},
};
