//! The sections of the configuration, one file each.

mod auth;
mod buffer;
mod cache;
mod cluster;
mod http;
mod limits;
mod log;
mod logging;
mod ml;
mod node;
mod notify;
mod quic;
mod raft;
mod replication;
mod sessions;
mod store;

pub use self::{
    auth::{Auth, PushAuthentication, ReadsWithoutQuorum},
    buffer::Buffer,
    cache::Cache,
    cluster::Cluster,
    http::{ClientCertificates, Http},
    limits::Limits,
    log::Log,
    logging::{LogFormat, LogRotation, Logging},
    ml::Ml,
    node::Node,
    notify::Notify,
    quic::Quic,
    raft::Raft,
    replication::Replication,
    sessions::Sessions,
    store::{Store, StoreKind},
};
