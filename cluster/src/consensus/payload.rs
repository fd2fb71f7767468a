//! A command as consensus carries it: bytes.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// First byte of a leader's blank entry.
pub(super) const BLANK: u8 = 0;
/// First byte of a membership.
pub(super) const MEMBERSHIP: u8 = 255;

/// An encoded command; decoded when it is applied.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Payload(pub(crate) Bytes);

impl Payload {
    /// Whether `bytes` can stand in the log as a command.
    pub(crate) fn is_command(bytes: &[u8]) -> bool {
        !matches!(bytes.first(), None | Some(&(BLANK | MEMBERSHIP)))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes", self.0.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
