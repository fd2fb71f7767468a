//! Which node is asked over HTTP, and as whom.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pga_client::{ClientOptions, Endpoint, Identity, ReadError, Reader};

use crate::{Error, Result};

/// How long a command that asks once waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take to open.
const CONNECTING: Duration = Duration::from_secs(2);

/// A node, and the identity that it is asked with.
#[derive(Debug, Args)]
pub(super) struct RemoteArgs {
    /// A node to ask; any of them will do
    #[arg(
        long,
        value_name = "URL",
        env = "PGANALYTICS_NODE",
        default_value = "http://127.0.0.1:8080"
    )]
    node: Endpoint,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// As whom a node is asked.
#[derive(Debug, Args)]
pub(super) struct IdentityArgs {
    /// An API token (POST /api/v1/api-tokens)
    #[arg(
        long,
        env = "PGANALYTICS_TOKEN",
        hide_env_values = true,
        allow_hyphen_values = true,
        conflicts_with = "username"
    )]
    token: Option<String>,
    /// Logs in as this user in place of a token; the password is in PGANALYTICS_PASSWORD
    #[arg(long, env = "PGANALYTICS_USERNAME", requires = "password")]
    username: Option<String>,
    /// Password of --username
    #[arg(
        long,
        env = "PGANALYTICS_PASSWORD",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    password: Option<String>,
    /// CA certificates (PEM) to believe, for https
    #[arg(long, alias = "ca", value_name = "FILE", env = "PGANALYTICS_CA_FILE")]
    ca_file: Option<PathBuf>,
}

impl RemoteArgs {
    /// Who reads from that node, and waits for an answer no longer than `patience`.
    ///
    /// # Errors
    /// `Refused` if the file of CA certificates cannot be used.
    pub(super) fn reader(&self, patience: Duration) -> Result<Reader> {
        self.identity.reader(&self.node, patience)
    }
}

impl IdentityArgs {
    /// Who reads from `node`, and waits for an answer no longer than `patience`.
    ///
    /// # Errors
    /// As [`RemoteArgs::reader`].
    pub(super) fn reader(&self, node: &Endpoint, patience: Duration) -> Result<Reader> {
        let mut options = ClientOptions::new(CONNECTING, patience);
        if let Some(path) = &self.ca_file {
            let believing = options.with_ca_file(path);
            options =
                believing.map_err(|error| Error::Refused(pga_runtime::error_chain(&error)))?;
        } else if node.is_tls() {
            return Err(Error::Refused(format!(
                "{node} speaks TLS: name the certificates that it is checked by with --ca-file \
                 (ca.pem of `cluster init`), or PGANALYTICS_CA_FILE"
            )));
        }
        let identity = match (&self.token, &self.username, &self.password) {
            (Some(token), _, _) => Identity::Token(token.clone()),
            (None, Some(username), Some(password)) => Identity::User {
                username: username.clone(),
                password: password.clone(),
            },
            (None, _, _) => Identity::Nobody,
        };
        Ok(Reader::new(std::slice::from_ref(node), options, identity))
    }
}

/// Why nothing could be read, with its exit code.
pub(super) fn read_failed(error: ReadError) -> Error {
    let text = pga_runtime::error_chain(&error);
    match error {
        ReadError::Away(_) => Error::Unavailable(format!(
            "{text}: is the node running, and is --node (PGANALYTICS_NODE) its address?"
        )),
        ReadError::Denied { .. } => Error::Denied(text),
        _ => Error::Refused(text),
    }
}
