//! Asking a node on this machine.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{AdminAnswer, AdminRequest};
use crate::{Error, Result, admin_socket};

/// Longest wait for an answer; a node that has to catch up takes its time.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Asks the node whose data directory is `data_dir`. Blocks.
///
/// # Errors
/// `Unavailable` if no node listens there, `Refused` with the node's reason.
pub(crate) fn call(data_dir: &Path, request: &AdminRequest) -> Result<AdminAnswer> {
    let path = admin_socket(data_dir);
    let unavailable = |error: std::io::Error| {
        let told = format!("no node answers at {}: {error}", path.display());
        match error.kind() {
            ErrorKind::PermissionDenied => Error::Denied(format!(
                "{told}; run this as the user of the node, or as root"
            )),
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Error::Unavailable(format!(
                "{told}; start the node (pganalytics serve), or name the file of one that runs"
            )),
            _ => Error::Unavailable(told),
        }
    };
    let mut line =
        serde_json::to_vec(request).map_err(|error| Error::Internal(error.to_string()))?;
    line.push(b'\n');
    let exchange = || {
        let mut stream = UnixStream::connect(&path)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(&line)?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(unavailable)?;
    let answer: AdminAnswer = serde_json::from_str(&answer)
        .map_err(|error| Error::Unavailable(format!("the node's answer is cut off: {error}")))?;
    match answer {
        AdminAnswer::Failed { message } => Err(Error::Refused(message)),
        answer => Ok(answer),
    }
}
