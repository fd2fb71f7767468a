//! A backup's files: the node makes them, and keeps them until the operator's program has read
//! them.
//!
//! The node answers with a line a second while it makes them, then with where they are; it removes
//! them when the connection ends, whoever ends it. The program reads them in the data directory,
//! which it may, as it may use the socket.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::server::AdminServer;
use super::staged::Staged;
use super::{AdminAnswer, AdminRequest};
use crate::{Error, Result, admin_socket};

/// How long the store may take to hold what was acknowledged before.
const STORE_WAIT: Duration = Duration::from_secs(600);
/// Between two lines that tell the operator's program that the node is at it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// Longest wait for such a line.
const SILENCE: Duration = Duration::from_secs(30);

/// The operator's end of the connection: what the node staged is there as long as this value.
#[derive(Debug)]
pub(crate) struct Staging(BufReader<UnixStream>);

impl Staging {
    /// Asks the node whose data directory is `data_dir`.
    ///
    /// # Errors
    /// `Unavailable` if no node listens there.
    pub(crate) fn begin(data_dir: &Path) -> Result<Self> {
        let path = admin_socket(data_dir);
        let connect = || {
            let mut stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(SILENCE))?;
            let mut line = serde_json::to_vec(&AdminRequest::Backup)?;
            line.push(b'\n');
            stream.write_all(&line)?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: std::io::Error| {
            Error::Unavailable(format!("no node answers at {}: {error}", path.display()))
        })?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Waits until the files are there; `told` hears what the node waits for. Blocks.
    ///
    /// # Errors
    /// `Unavailable` if the node goes away, `Refused` with its reason.
    pub(crate) fn wait(&mut self, mut told: impl FnMut(&str)) -> Result<Staged> {
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line);
            let read = read.map_err(|error| Error::Unavailable(format!("the node: {error}")))?;
            if read == 0 {
                return Err(Error::Unavailable("the node went away".to_owned()));
            }
            let answer = serde_json::from_str(&line);
            let answer = answer.map_err(|error| Error::Unavailable(error.to_string()))?;
            match answer {
                AdminAnswer::Working { what } => told(&what),
                AdminAnswer::Staged { staged } => return Ok(staged),
                AdminAnswer::Failed { message } => return Err(Error::Refused(message)),
                _ => return Err(Error::Internal("unexpected answer of the node".to_owned())),
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // It may have ended it.
        drop(self.0.get_ref().shutdown(Shutdown::Both));
    }
}

impl AdminServer {
    /// Stages a backup, tells where it is, and removes it when `reader` ends.
    pub(super) async fn backup(
        &self,
        mut reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let Ok(_only_one) = self.backups.try_acquire() else {
            let message = "another backup is being made through this node".to_owned();
            return tell(&mut writer, &AdminAnswer::Failed { message }).await;
        };
        tracing::info!("operator makes a backup");
        let deadline = pga_runtime::now() + STORE_WAIT;
        let staging = self.cluster.stage_backup(self.store.as_ref(), deadline);
        tokio::pin!(staging);
        let mut alive = tokio::time::interval(SIGN_OF_LIFE);
        let mut nothing = [0; 16];
        let staged = loop {
            tokio::select! {
                done = &mut staging => break done,
                _ = alive.tick() => {
                    let what = self.doing();
                    tell(&mut writer, &AdminAnswer::Working { what }).await?;
                }
                // Whoever asked went away.
                _ = reader.read(&mut nothing) => return Ok(()),
            }
        };
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) => {
                let message = pga_runtime::error_chain(&error);
                return tell(&mut writer, &AdminAnswer::Failed { message }).await;
            }
        };
        let told = Staged {
            state_file: staged.state_file(),
            store_file: staged.store_file(),
            position: staged.position,
            watermark: staged.watermark,
            cluster: self.secrets.cluster,
            node: self.cluster.id(),
            feature_level: staged.feature_level,
            since: staged.since.clone(),
        };
        tell(&mut writer, &AdminAnswer::Staged { staged: told }).await?;
        while reader.read(&mut nothing).await? > 0 {}
        drop(staged);
        Ok(())
    }
}

impl AdminServer {
    /// What a node does that stages a backup, for people.
    fn doing(&self) -> String {
        let status = self.cluster.own_status();
        format!(
            "the node waits for its store, which is at {} of {}, then copies it",
            status.flushed, status.applied
        )
    }
}

async fn tell(writer: &mut (impl AsyncWrite + Unpin), answer: &AdminAnswer) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(answer)?;
    text.push(b'\n');
    writer.write_all(&text).await
}
