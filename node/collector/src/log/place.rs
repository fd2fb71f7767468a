//! Where a server logs, and how: by its own settings.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pga_server_log::tail::{FileKind, LogFiles};
use pga_server_log::{Format, Prefix, PrefixIssue, Zones};

use super::KIND;
use crate::connection::{Connection, ReadError};
use crate::gap::Gap;

/// The settings, of which a role may see some or all.
const SETTINGS: &str = "SELECT name::text, setting::text FROM pg_settings WHERE name IN \
    ('log_destination', 'logging_collector', 'log_directory', 'log_line_prefix', 'data_directory')";
/// Whether client and server are one machine, and how far the log's times are east of Greenwich.
const MACHINE: &str = "SELECT inet_server_addr() IS NULL OR inet_client_addr() IS NULL \
    OR host(inet_server_addr()) = host(inet_client_addr()), \
    extract(epoch FROM (now() AT TIME ZONE current_setting('log_timezone')) \
        - (now() AT TIME ZONE 'UTC'))::int4";

/// Where the log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In files on this machine.
    Here(Found),
    /// Where it cannot be read, and why.
    Elsewhere(Gap),
}

/// A log on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its files.
    pub(super) files: LogFiles,
    /// How they are written.
    pub(super) format: Format,
    /// What the abbreviations of its times mean.
    pub(super) zones: Zones,
}

impl Place {
    /// Asks the server. A directory that somebody named wins over the server's.
    pub(crate) async fn ask(main: &Connection, named: Option<&Path>) -> Result<Self, ReadError> {
        let mut settings = HashMap::new();
        for row in main.rows(KIND, SETTINGS).await? {
            let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            settings.insert(name, value);
        }
        let rows = main.rows(KIND, MACHINE).await?;
        let row = rows
            .first()
            .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
        let (is_here, offset): (bool, i32) = (row.try_get(0)?, row.try_get(1)?);
        Ok(place(&settings, is_here, offset, named))
    }
}

impl Found {
    /// Where it is, for a person.
    pub(crate) fn describe(&self) -> String {
        let format = match &self.format {
            Format::Json => "jsonlog",
            Format::Csv => "csvlog",
            Format::Stderr(_) => "stderr",
        };
        format!("{format} in {}", self.files.directory.display())
    }

    /// What its prefix leaves out; `None` if nothing that matters.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        let Format::Stderr(prefix) = &self.format else {
            return None;
        };
        prefix.issues().first().map(|issue| match issue {
            PrefixIssue::Ambiguous { .. } => "two names stand side by side in log_line_prefix",
            PrefixIssue::NoTime => "log_line_prefix has no time",
            PrefixIssue::NoProcess => "log_line_prefix has no process",
            PrefixIssue::NoIdentity => "log_line_prefix has no %c and %l",
            PrefixIssue::NoSqlstate => "log_line_prefix has no %e",
        })
    }
}

fn place(
    settings: &HashMap<String, String>,
    is_here: bool,
    offset_seconds: i32,
    named: Option<&Path>,
) -> Place {
    let gap = |reason: &str, help: &str| Place::Elsewhere(Gap::told(KIND, reason, help));
    let get = |name: &str| settings.get(name).map(String::as_str);
    let directory = match named {
        Some(named) => named.to_owned(),
        None if get("logging_collector") == Some("off") => {
            return gap(
                "logging_collector is off: the log goes where the service manager sends it",
                "ALTER SYSTEM SET logging_collector = on (restart), or --log-dir",
            );
        }
        None if !is_here => {
            return gap(
                "the server is another machine: its log is not on this one",
                "run a collector there, or mount the files here and name them with --log-dir",
            );
        }
        None => match (get("log_directory"), get("data_directory")) {
            (Some(log), _) if Path::new(log).is_absolute() => PathBuf::from(log),
            (Some(log), Some(data)) => Path::new(data).join(log),
            _ => {
                return gap(
                    "the role does not see where the log is",
                    "GRANT pg_monitor TO the collector's role, or --log-dir",
                );
            }
        },
    };
    let destination = get("log_destination").unwrap_or("stderr");
    let goes_to = |name: &str| destination.split(',').any(|one| one.trim() == name);
    let (kind, format) = if goes_to("jsonlog") {
        (FileKind::Json, Format::Json)
    } else if goes_to("csvlog") {
        (FileKind::Csv, Format::Csv)
    } else if goes_to("stderr") {
        let prefix = Prefix::compile(get("log_line_prefix").unwrap_or("%m [%p] "));
        (FileKind::Stderr, Format::Stderr(prefix))
    } else {
        return gap(
            "the log goes to syslog or the event log only",
            "ALTER SYSTEM SET log_destination = 'jsonlog' (15 and later; csvlog before; reload)",
        );
    };
    Place::Here(Found {
        files: LogFiles { directory, kind },
        format,
        zones: Zones {
            fallback_seconds: offset_seconds,
            ..Zones::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(destination: &str, collector: &str, directory: &str) -> HashMap<String, String> {
        [
            ("log_destination", destination),
            ("logging_collector", collector),
            ("log_directory", directory),
            ("data_directory", "/data"),
            ("log_line_prefix", "%m "),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn a_log_on_this_machine_is_where_the_settings_say() {
        let named = Path::new("/mnt");
        for (name, settings, is_here, named, directory, kind) in [
            (
                "relative",
                settings("stderr, jsonlog", "on", "log"),
                true,
                None,
                "/data/log",
                FileKind::Json,
            ),
            (
                "absolute",
                settings("csvlog", "on", "/log"),
                true,
                None,
                "/log",
                FileKind::Csv,
            ),
            (
                "named",
                settings("stderr", "off", "log"),
                false,
                Some(named),
                "/mnt",
                FileKind::Stderr,
            ),
        ] {
            let Place::Here(found) = place(&settings, is_here, 3_600, named) else {
                panic!("{name}");
            };
            assert_eq!(found.files.directory, Path::new(directory), "{name}");
            assert_eq!(found.files.kind, kind, "{name}");
            assert_eq!(found.zones.fallback_seconds, 3_600, "{name}");
        }
    }

    #[test]
    fn a_log_that_is_not_here_is_a_gap_that_says_why() {
        let mut blind = settings("stderr", "on", "log");
        blind.remove("data_directory");
        for (name, settings, is_here, want) in [
            (
                "no collector",
                settings("stderr", "off", "log"),
                true,
                "logging_collector is off",
            ),
            (
                "another machine",
                settings("csvlog", "on", "log"),
                false,
                "another machine",
            ),
            ("few rights", blind, true, "does not see"),
            ("syslog", settings("syslog", "on", "log"), true, "syslog"),
        ] {
            let Place::Elsewhere(gap) = place(&settings, is_here, 0, None) else {
                panic!("{name}");
            };
            assert!(gap.reason.contains(want), "{name}: {gap:?}");
        }
    }
}
