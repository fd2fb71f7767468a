//! Why a file is not taken for a backup.

use std::path::PathBuf;

use pga_cluster::Outdated;

use crate::Exit;

/// Why a file is not taken for a backup. Nothing was touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is something else.
    #[error("{} is no backup of pgAnalytics", .0.display())]
    Foreign(PathBuf),
    /// A later version of the program wrote it.
    #[error(
        "{} is a backup of format {found}, and this program knows up to {known}: install a later version", path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// It is of a cluster that this program is too old for.
    #[error("{} is of a cluster that this program is too old for", path.display())]
    Outdated {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Outdated,
    },
    /// It is not as it was written.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where the part begins that is not as it was.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// It is encrypted, and does not open.
    #[error("{}: {what}", path.display())]
    Closed {
        /// Which file.
        path: PathBuf,
        /// Why.
        what: &'static str,
    },
}

impl ArchiveError {
    /// The exit code.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Foreign(_) | Self::Newer { .. } | Self::Damaged { .. } => Exit::Data,
            Self::Outdated { .. } => Exit::Outdated,
            Self::Closed { .. } => Exit::Failed,
        }
    }
}
