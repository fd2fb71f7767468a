//! What is wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// One rule that a setting breaks, with the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The key as the operator wrote it: `raft.heartbeat`, `PGANALYTICS_RAFT__HEARTBEAT`, or a
    /// file's path.
    pub key: String,
    /// The value, unless it is a secret or there is none.
    pub value: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}", self.problem)?;
        if !self.fix.is_empty() {
            write!(f, "; fix: {}", self.fix)?;
        }
        Ok(())
    }
}

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("configuration file {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Every violation that was found.
    #[error("{}", list(.0))]
    Invalid(Vec<Violation>),
}

fn list(violations: &[Violation]) -> String {
    let mut text = format!("{} setting(s) are not valid", violations.len());
    for violation in violations {
        text.push_str("\n  ");
        text.push_str(&violation.to_string());
    }
    text
}
