//! A configuration of the cluster, as far as this collector follows it.
//!
//! It is checked as the node checks it before it stores it (`pga_config::collector_toml`): a
//! version with a fault is refused as a whole. Of its keys those count that say what is read and
//! how often; the others name the machine, the server and the nodes, which this collector's own
//! options do.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pga_collector::{IndexCandidate, LogOptions, Options};
use pga_config::collector_toml;
use toml::Value;

use super::options::CollectArgs;

/// Types of the v3 protocol that this collector reads as types of its own.
const V3: [(&str, &[&str]); 7] = [
    (
        "pg_replication",
        &["pg_sender", "pg_receiver", "pg_slot", "pg_subscription"],
    ),
    ("pg_schema", &["pg_schema_object"]),
    ("pg_locks", &["pg_blocking", "pg_long_transaction"]),
    ("pg_bloat", &["pg_bloat_estimate"]),
    ("pg_connections", &["pg_connection"]),
    ("pg_extensions", &["pg_extension"]),
    // Its figures are part of other types.
    ("pg_cache", &[]),
];
/// Types that are switched on and off, and read as they come.
const AS_THEY_COME: [&str; 2] = ["pg_log", "pg_plan"];
/// The configuration is asked for at least and at most so often, in seconds.
const PULLS: (u64, u64) = (10, 86_400);

/// What a configuration says; the default one says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    version: Option<u64>,
    used: BTreeMap<(String, String), Value>,
    unused: Vec<String>,
    /// Advised indexes to try: the cluster says them beside its configuration.
    pub(super) index_candidates: Vec<IndexCandidate>,
}

impl Settings {
    /// Reads one version.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines.
    pub(super) fn parse(version: u64, text: &str) -> Result<Self, String> {
        let faults = collector_toml::check(text);
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Err(faults.join("; "));
        }
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // A configuration that was checked is TOML.
            error.message().to_owned()
        })?;
        let mut settings = Self {
            version: Some(version),
            ..Self::default()
        };
        for (section, values) in table {
            let Value::Table(values) = values else {
                continue;
            };
            for (key, value) in values {
                if is_used(&section, &key) {
                    settings.used.insert((section.clone(), key), value);
                } else {
                    settings.unused.push(format!("{section}.{key}"));
                }
            }
        }
        Ok(settings)
    }

    /// Its version; `None` if it is of no configuration.
    pub(super) const fn version(&self) -> Option<u64> {
        self.version
    }

    /// Keys that this collector does not follow.
    pub(super) fn unused(&self) -> &[String] {
        &self.unused
    }

    /// What is other than before, for the log: `pg_table.interval 60 → 300`.
    pub(super) fn changes(&self, before: &Self) -> Vec<String> {
        let keys = self.used.keys().chain(before.used.keys());
        let keys: std::collections::BTreeSet<_> = keys.collect();
        let show = |settings: &Self, key| match settings.used.get(key) {
            Some(value) => value.to_string(),
            None => "default".to_owned(),
        };
        let changed = keys.into_iter().filter_map(|key| {
            let (old, new) = (show(before, key), show(self, key));
            (old != new).then(|| format!("{}.{} {old} → {new}", key.0, key.1))
        });
        changed.collect()
    }

    /// Time between two cycles: how often the original pushes, else how often it collects.
    pub(super) fn interval(&self) -> Option<Duration> {
        let push = self.seconds("collector", "push_interval");
        push.or_else(|| self.seconds("collector", "interval"))
    }

    /// How often the configuration is asked for.
    pub(super) fn pull_every(&self) -> Option<Duration> {
        let every = self.seconds("collector", "config_pull_interval")?;
        let (least, most) = PULLS;
        Some(every.clamp(Duration::from_secs(least), Duration::from_secs(most)))
    }

    /// What is read of the server whose log is in `log_dir`. Options of the command line win.
    pub(super) fn options(&self, args: &CollectArgs, log_dir: Option<&Path>) -> Options {
        let mut options = Options {
            include: args.include_database.clone(),
            exclude: args.exclude_database.clone(),
            max_cadence: args.max_cadence,
            max_relations: self
                .number("collector", "max_relations")
                .and_then(|most| usize::try_from(most).ok()),
            index_candidates: self.index_candidates.clone(),
            ..Options::default()
        };
        if options.include.is_empty() {
            options.include = self.list("postgres", "databases");
        }
        if options.exclude.is_empty() {
            options.exclude = self.list("postgres", "exclude_databases");
        }
        // A section of a type itself counts more than that of a v3 type which stands for it.
        let (v3, own): (Vec<_>, Vec<_>) = self.used.keys().partition(|(section, _)| is_v3(section));
        for (section, key) in v3.into_iter().chain(own) {
            for kind in kinds(section) {
                match key.as_str() {
                    "enabled" if self.is_off(section) => options.off.insert(kind.to_owned()),
                    "enabled" => options.off.remove(kind),
                    _ => self.seconds(section, key).is_some_and(|every| {
                        options.cadences.insert(kind.to_owned(), every).is_none()
                    }),
                };
            }
        }
        options.explains = !args.no_explain && !options.off.contains("pg_plan");
        options.log = (!args.no_log && !options.off.contains("pg_log")).then(|| LogOptions {
            directory: log_dir.map(Path::to_owned),
            keeps_values: args.log_values,
        });
        options
    }

    fn get(&self, section: &str, key: &str) -> Option<&Value> {
        self.used.get(&(section.to_owned(), key.to_owned()))
    }

    fn is_off(&self, section: &str) -> bool {
        self.get(section, "enabled").and_then(Value::as_bool) == Some(false)
    }

    fn number(&self, section: &str, key: &str) -> Option<u64> {
        let number = self.get(section, key)?.as_integer()?;
        u64::try_from(number).ok()
    }

    fn seconds(&self, section: &str, key: &str) -> Option<Duration> {
        self.number(section, key).map(Duration::from_secs)
    }

    fn list(&self, section: &str, key: &str) -> Vec<String> {
        let text = self.get(section, key).and_then(Value::as_str);
        let items = text.unwrap_or_default().split(',').map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }
}

/// Whether this collector follows a key.
fn is_used(section: &str, key: &str) -> bool {
    match (section, key) {
        ("collector", key) => [
            "interval",
            "push_interval",
            "config_pull_interval",
            "max_relations",
        ]
        .contains(&key),
        ("postgres", key) => ["databases", "exclude_databases"].contains(&key),
        ("backend" | "tls", _) => false,
        (section, "interval") if AS_THEY_COME.contains(&section) => false,
        (section, _) => !kinds(section).is_empty(),
    }
}

fn is_v3(section: &str) -> bool {
    V3.iter().any(|(name, _)| *name == section)
}

/// The types of elements that a section is about.
fn kinds(section: &str) -> Vec<&str> {
    if ["collector", "postgres"].contains(&section) {
        return Vec::new();
    }
    let found = V3.iter().find(|(name, _)| *name == section);
    found.map_or_else(|| vec![section], |(_, kinds)| kinds.to_vec())
}

#[cfg(test)]
mod tests;
