//! Why a load fails.

/// Why no load could be made, or nothing read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// An option makes no sense.
    #[error("{0}")]
    Options(String),
    /// A node gave no answer.
    #[error(transparent)]
    Client(#[from] pga_client::ClientError),
    /// The database cannot be reached.
    #[error("cannot read back from the database")]
    Connect(#[from] pga_pg_connect::ConnectError),
    /// The database gave no answer.
    #[error("cannot read back from the database")]
    Sql(#[from] tokio_postgres::Error),
    /// What was read is not what the contract promises.
    #[error("answer of {node} cannot be read: {what}")]
    Answer {
        /// Which node.
        node: String,
        /// What is wrong.
        what: String,
    },
    /// A task of this program ended early.
    #[error("a worker failed")]
    Worker(#[from] tokio::task::JoinError),
}
