//! What a cluster is made with.

use std::ffi::OsString;

/// What a cluster is made with.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Number of nodes.
    pub nodes: u16,
    /// URL of the database; `None` is the embedded store.
    pub timescale: Option<String>,
    /// Gives each node a disk of its own, whose power can be cut and which can be made to fail.
    pub disks: bool,
    /// Serves HTTPS.
    pub tls: bool,
    /// Settings other than the demo's, such as `("buffer.max-size", "8MiB")`.
    pub settings: Vec<(&'static str, String)>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            nodes: 3,
            timescale: None,
            disks: false,
            tls: false,
            // Scenarios push samples with fixed times.
            settings: vec![("store.retention", "3650d".to_owned())],
        }
    }
}

impl ClusterOptions {
    /// Adds a setting.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self.settings.push((key, value.to_owned()));
        self
    }

    /// The settings as environment variables, which win over configuration files.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        let name = |key: &str| {
            let name = key.replace('.', "__").replace('-', "_").to_uppercase();
            format!("PGANALYTICS_{name}").into()
        };
        self.settings
            .iter()
            .map(|(key, value)| (name(key), value.into()))
            .collect()
    }
}
