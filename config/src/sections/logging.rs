//! `[logging]`: what the node writes about itself.

use std::path::PathBuf;

use crate::ByteSize;
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
    /// How often a new log file is begun, however small the last one is.
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
        /// Directory of the log files, of which `pganalytics.log` is written; without it the log
        /// goes to standard error. `SIGHUP` opens the file anew, for external rotation.
        dir: Option<PathBuf>,
        /// `hourly`, `daily` or `never`.
        rotation: LogRotation = "daily",
        /// Size of one log file; the next line begins a new one.
        max_size: ByteSize = "64MiB",
        /// Log files kept, the current one among them; older ones are deleted.
        max_files: u64 = "7",
    }
}
