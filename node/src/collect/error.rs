//! Why a collector cannot run.

use std::net::SocketAddr;
use std::path::PathBuf;

use pga_client::ClientError;

/// Why the collector cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// An option makes no sense.
    #[error("{0}")]
    Options(String),
    /// TLS cannot be set up, or the registration got no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster does not take this collector.
    #[error("cannot register: {0}")]
    Registration(String),
    /// A connection string cannot be read.
    #[error("cannot use the connection string of --dsn")]
    Dsn(#[from] pga_collector::CollectError),
    /// The server of `collect once` takes no connection.
    #[error("cannot read the server of --dsn: {0}")]
    NoServer(String),
    /// No collector has run with that state directory.
    #[error("no collector has run with the state directory {}", .0.display())]
    NoState(PathBuf),
    /// The address of the metrics cannot be had.
    #[error("cannot listen on {address} (--metrics-listen)")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The metrics cannot be made.
    #[error("cannot make the metrics")]
    Metrics(#[from] prometheus::Error),
    /// The state directory cannot be used.
    #[error("cannot use the state directory {} (--state-dir names another)", .0.display())]
    State(PathBuf, #[source] std::io::Error),
    /// Another process collects with the state directory.
    #[error(
        "another process has the state directory {}: name all servers with --dsn in one process, \
         or write another directory with --state-dir",
        .0.display()
    )]
    InUse(PathBuf),
}
