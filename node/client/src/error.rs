//! Why a request has no answer.

use std::time::Duration;

/// Why a request has no answer. Whatever it was, the request may have taken effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The node does not take connections.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// Which node.
        endpoint: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke, or its bytes are no HTTP.
    #[error("connection to {endpoint} failed")]
    Exchange {
        /// Which node.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("no answer from {endpoint} within {timeout:?}")]
    Timeout {
        /// Which node.
        endpoint: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The request cannot be written: a header or path has bytes that HTTP does not allow.
    #[error("cannot write the request")]
    Request(#[from] http::Error),
    /// The address is `https://` and no CA was given.
    #[error("{endpoint} speaks TLS, and no CA certificate was given to check it by")]
    NoCa {
        /// Which node.
        endpoint: String,
    },
    /// The file has no CA certificate.
    #[error("cannot read CA certificates from {path}")]
    CaFile {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The client's own certificate and key are no pair.
    #[error("cannot use the client certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer was not the one the contract promises.
    #[error("{endpoint} answered {status}: {body}")]
    Answer {
        /// Which node.
        endpoint: String,
        /// HTTP status.
        status: u16,
        /// Start of the body.
        body: String,
    },
}

/// Why a route could not be read from any node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No node was named.
    #[error("no node is named: give --node http://HOST:PORT")]
    NoNode,
    /// The node has no answer.
    #[error(transparent)]
    Away(ClientError),
    /// The identity is missing, wrong, or not good for this.
    #[error("{node} answers {status}: {told}; {try_this}")]
    Denied {
        /// Which node.
        node: String,
        /// HTTP status, 401 or 403.
        status: u16,
        /// What the node says.
        told: String,
        /// What to do about it.
        try_this: &'static str,
    },
    /// The node refuses, or fails.
    #[error("{node} answers {status} to {path}: {told}")]
    Answer {
        /// Which node.
        node: String,
        /// What was asked.
        path: String,
        /// HTTP status.
        status: u16,
        /// What the node says.
        told: String,
    },
    /// Something else than a node answers there.
    #[error("{node} answers no JSON to {path}: is this the address of a node?")]
    NoJson {
        /// Who answers.
        node: String,
        /// What was asked.
        path: String,
    },
}

impl ReadError {
    /// Whether another node may answer.
    pub fn is_node_away(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Answer { status, .. } => *status >= 500,
            Self::NoNode | Self::Denied { .. } | Self::NoJson { .. } => false,
        }
    }
}
