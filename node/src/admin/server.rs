//! Answering the local operator.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pga_cluster::pki::{JoinBundle, Validity};
use pga_cluster::{ClusterNode, Command, ControlCommand, ProposeError};
use pga_runtime::Instant;
use pga_storage::{StoreWriter, Timestamp};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{AdminAnswer, AdminRequest};
use crate::data_dir::file_error;
use crate::faults::Faults;
use crate::key_rotation::rotate;
use crate::reload::Reloader;
use crate::secrets::{Secrets, pki};
use crate::status;
use crate::tasks::{self, TaskKind};
use crate::{Error, Result};

/// Longest request, in bytes.
const MAX_REQUEST: u64 = 64 << 10;
/// How long an operation may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a change of the control plane may take: longer than an election.
pub(super) const CHANGE_TIMEOUT: Duration = Duration::from_millis(2_200);
/// How long the peers have for their part of the status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);

/// What answers the local operator.
#[derive(Clone)]
pub(crate) struct AdminServer {
    /// This node's part of the cluster.
    pub(crate) cluster: ClusterNode,
    /// For join tokens.
    pub(crate) secrets: Secrets,
    /// Injected panics.
    pub(crate) faults: Faults,
    /// What this node flushes to.
    pub(crate) store: Arc<dyn StoreWriter>,
    /// Held while a backup is made: one at a time.
    pub(crate) backups: Arc<Semaphore>,
    /// Reads the configuration again.
    pub(crate) reloader: Arc<Reloader>,
}

/// Opens the socket at `path`, in place of one that a crash left there.
///
/// # Errors
/// `File` if it cannot be opened, which a path of more than some 100 bytes causes too.
pub(crate) fn serve(path: &Path, server: AdminServer) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(file_error("replace", path, error));
        }
        _ => {}
    }
    let listener =
        UnixListener::bind(path).map_err(|error| file_error("listen on", path, error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|error| file_error("protect", path, error))?;
    let server = Arc::new(server);
    tasks::spawn(TaskKind::Admin, async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = Arc::clone(&server);
                    tasks::spawn(TaskKind::Admin, async move {
                        if let Err(error) = converse(stream, &server).await {
                            tracing::debug!(%error, "local operator went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "local operator not heard");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(())
}

async fn converse(stream: UnixStream, server: &AdminServer) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(MAX_REQUEST));
    reader.read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(AdminRequest::Backup) => return server.backup(reader, writer).await,
        Ok(request) => server.answer(request).await,
        Err(error) => Err(Error::Refused(format!("not a request: {error}"))),
    };
    let answer = answer.unwrap_or_else(|error| AdminAnswer::Failed {
        message: pga_runtime::error_chain(&error),
    });
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    writer.write_all(&text).await
}

impl AdminServer {
    async fn answer(&self, request: AdminRequest) -> Result<AdminAnswer> {
        let deadline = pga_runtime::now() + TIMEOUT;
        match request {
            AdminRequest::Status => Ok(AdminAnswer::Status {
                status: status::told(&self.cluster, &self.reloader.config().now(), STATUS_TIMEOUT)
                    .await,
            }),
            AdminRequest::Token { ttl_seconds } => {
                let deadline = pga_runtime::now() + CHANGE_TIMEOUT;
                self.token(ttl_seconds, deadline).await
            }
            AdminRequest::TransferLeader { to } => {
                tracing::info!(to = %to, "operator hands the leadership over");
                done(self.cluster.transfer_leader(to, deadline).await)
            }
            AdminRequest::Remove { node } => {
                tracing::info!(node_id = %node, "operator removes a node");
                done(self.cluster.remove_node(node, deadline).await)
            }
            AdminRequest::Snapshot => Ok(AdminAnswer::Position {
                position: self.cluster.snapshot().await?.to_string(),
            }),
            AdminRequest::Reload => Ok(AdminAnswer::Reloaded {
                reloaded: self.reloader.reload_and_tell().await?,
            }),
            AdminRequest::RotateKey => {
                tracing::info!("operator changes the cluster key");
                Ok(AdminAnswer::KeyRotated {
                    rotated: rotate(&self.secrets.key, &self.cluster).await?,
                })
            }
            // It has an answer of its own kind.
            AdminRequest::Backup => Err(Error::Internal("not answered here".to_owned())),
            AdminRequest::Users { change } => self.users(change).await,
            AdminRequest::InjectPanic { actor } => self.inject(&actor),
        }
    }

    async fn token(&self, ttl_seconds: u64, deadline: Instant) -> Result<AdminAnswer> {
        let authority = self.secrets.authority(&self.cluster)?;
        let validity = Validity::for_next(Duration::from_secs(ttl_seconds));
        let token = pga_runtime::random();
        let identity = authority.issue_join(token, validity).map_err(pki)?;
        let command = Command::Control(ControlCommand::AddJoinToken {
            certificate_sha256: identity.thumbprint(),
            expires_at: validity.not_after,
            at: Timestamp::now(),
        });
        let proposed = self.cluster.propose(command, deadline).await;
        proposed.map_err(|error| Error::Refused(error.to_string()))?;
        let bundle = JoinBundle {
            cluster: self.secrets.cluster,
            authority: self.secrets.authority.clone(),
            identity,
            token,
            members: self.cluster.members(),
            expires_at: validity.not_after,
        };
        let token = bundle.to_text().map_err(pki)?;
        Ok(AdminAnswer::Token { token })
    }

    #[cfg(feature = "fault-injection")]
    fn inject(&self, actor: &str) -> Result<AdminAnswer> {
        self.faults.arm(actor);
        Ok(AdminAnswer::Done)
    }

    #[cfg(not(feature = "fault-injection"))]
    fn inject(&self, actor: &str) -> Result<AdminAnswer> {
        let _absent = &self.faults;
        Err(Error::Refused(format!(
            "this build injects no faults, so none into {actor}"
        )))
    }
}

fn done(outcome: std::result::Result<(), ProposeError>) -> Result<AdminAnswer> {
    match outcome {
        Ok(()) => Ok(AdminAnswer::Done),
        Err(error) => Err(Error::Refused(error.to_string())),
    }
}
