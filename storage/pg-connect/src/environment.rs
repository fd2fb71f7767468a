//! The environment variables that libpq reads, as a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables a [`crate::Target`] may read: `PG*`, `HOME`, `USER`, `SSL_CERT_FILE`.
///
/// It has no `Debug` of its values: `PGPASSWORD` is one of them.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    pub fn process() -> Self {
        let known = |name: &str| {
            name.starts_with("PG") || ["HOME", "USER", "SSL_CERT_FILE"].contains(&name)
        };
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| known(name))
            .collect()
    }

    /// The same, with `value` for `name` where the environment says nothing.
    #[must_use]
    pub fn or(mut self, name: &str, value: &str) -> Self {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
        self
    }

    /// The value of `name`; an empty one counts as none, as in libpq.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A path below the home directory.
    pub(crate) fn at_home(&self, path: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(path))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let pairs = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(pairs.collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
