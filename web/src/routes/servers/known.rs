//! What is known of a server, to be put together.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde_json::Value;

use super::told::Told;

/// What is known of a server.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// Its number.
    pub(super) id: i64,
    /// Its host.
    pub(super) host: &'a str,
    /// When it was first heard of.
    pub(super) created_at: Timestamp,
    /// The newest rows of `pg_stats`, one for each database.
    pub(super) stats: &'a [Value],
    /// Those of tables; `None` if there are more than were read.
    pub(super) tables: Option<&'a [Value]>,
    /// The newest rows of `pg_extensions`.
    pub(super) extensions: &'a [Value],
    /// The settings of its collector's configuration, if the cluster holds one.
    pub(super) configuration: BTreeMap<String, String>,
    /// What a collector of ours told.
    pub(super) told: &'a Told,
    /// As of when.
    pub(super) now: Timestamp,
}

impl Known<'_> {
    /// A setting of the collector's configuration.
    pub(super) fn configured(&self, key: &str) -> Option<String> {
        let value = self.configuration.get(key);
        value.filter(|value| !value.is_empty()).cloned()
    }
}
