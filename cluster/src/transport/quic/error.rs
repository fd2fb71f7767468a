//! Why the transport cannot start.

use std::io;
use std::path::PathBuf;

/// Why the transport could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuicError {
    /// The socket could not be bound.
    #[error("cannot open the peer port")]
    Socket(#[source] io::Error),
    /// The directory for arriving snapshots is not usable.
    #[error("cannot prepare {}", path.display())]
    Spool {
        /// Which directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate, key or trusted authorities are not usable.
    #[error("unusable certificates")]
    Tls(#[from] rustls::Error),
    /// The same, found out elsewhere.
    #[error("unusable certificates: {0}")]
    Crypto(String),
    /// The metrics could not be made.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}
