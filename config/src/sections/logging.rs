//! `[logging]`: what the node writes about itself.

use std::path::PathBuf;

use crate::section::section;
use crate::setting::words;

words! {
    /// Form of a log line.
    LogFormat {
        /// For people.
        Text = "text",
        /// For machines.
        Json = "json",
    }
}

words! {
    /// How often a new log file is begun.
    LogRotation {
        /// Every hour.
        Hourly = "hourly",
        /// Every day.
        Daily = "daily",
        /// Never.
        Never = "never",
    }
}

section! {
    /// What the node writes about itself.
    Logging = "logging" {
        /// Least level: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
        /// `info,pga_cluster=debug`.
        level @ live: String = "info",
        /// `text` or `json`.
        format: LogFormat = "text",
        /// Directory of the log files; without it the log goes to standard error.
        dir: Option<PathBuf>,
        /// `hourly`, `daily` or `never`.
        rotation: LogRotation = "daily",
        /// Log files kept; older ones are deleted.
        max_files: u64 = "7",
    }
}
