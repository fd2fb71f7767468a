//! The values an operator gave, from all sources, before they mean anything.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::setting::Setting;
use crate::{Error, Secret, Violation};

/// Prefix of the environment variables: `PGANALYTICS_RAFT__HEARTBEAT` is `raft.heartbeat`.
pub const ENV_PREFIX: &str = "PGANALYTICS_";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    File(PathBuf),
    Environment(String),
    Flag,
}

#[derive(Clone, Debug)]
struct Given {
    value: Value,
    origin: Origin,
}

/// Values by their dotted key (`raft.heartbeat`), later sources over earlier ones, and the
/// violations found so far.
#[derive(Debug, Default)]
pub struct Values {
    given: BTreeMap<String, Given>,
    violations: Vec<Violation>,
}

impl Values {
    /// Adds the file at `path`. A syntax error is a violation that names the line.
    ///
    /// # Errors
    /// `Missing` or `Unreadable`.
    pub fn add_file(&mut self, path: &Path) -> Result<(), Error> {
        let text = fs::read_to_string(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::Missing(path.to_owned()),
            _ => Error::Unreadable {
                path: path.to_owned(),
                source,
            },
        })?;
        self.add_toml(&text, path);
        Ok(())
    }

    /// Adds the text of a file that was read from `path`.
    pub fn add_toml(&mut self, text: &str, path: &Path) {
        let table: toml::Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => return self.syntax_error(text, path, &error),
        };
        for (section, value) in table {
            let Value::Table(keys) = value else {
                self.put(section, value, Origin::File(path.to_owned()));
                continue;
            };
            for (key, value) in keys {
                self.put(
                    format!("{section}.{key}"),
                    value,
                    Origin::File(path.to_owned()),
                );
            }
        }
    }

    fn syntax_error(&mut self, text: &str, path: &Path, error: &toml::de::Error) {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        self.violations.push(Violation {
            key: format!("{}:{line}", path.display()),
            value: None,
            problem: error.message().to_owned(),
            fix: "correct the TOML syntax".to_owned(),
        });
    }

    /// Adds environment variables; those without the prefix or without `__` are not ours.
    pub fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some((section, key)) = name
                .strip_prefix(ENV_PREFIX)
                .and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            let key = format!("{section}.{key}").to_lowercase().replace('_', "-");
            self.put(key, Value::String(value), Origin::Environment(name));
        }
    }

    /// Adds one flag, `key` in dotted form.
    pub fn add_flag(&mut self, key: &str, value: &str) {
        self.put(
            key.to_owned(),
            Value::String(value.to_owned()),
            Origin::Flag,
        );
    }

    fn put(&mut self, key: String, value: Value, origin: Origin) {
        self.given.insert(key, Given { value, origin });
    }

    /// Whether some source gave `key`.
    pub fn has(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Takes the value of `key`, else its default; a bad one is a violation, and answers the
    /// default.
    pub(crate) fn take<T: Setting>(&mut self, key: &str, default: Option<&str>) -> Option<T> {
        if let Some(given) = self.given.remove(key) {
            match T::read(&given.value) {
                Ok(value) => return Some(value),
                Err(fix) => {
                    let value = Some(given.value.to_string());
                    self.violate_given(key, &given.origin, value, "cannot be read", fix);
                }
            }
        }
        // INVARIANT: a test reads every default of the table.
        default.and_then(|text| T::read(&Value::String(text.to_owned())).ok())
    }

    /// Takes a secret: from `key` itself (a private file or the environment) or from the file named
    /// in `<key>-file`.
    pub(crate) fn take_secret(&mut self, key: &str) -> Option<Secret> {
        let file_key = format!("{key}-file");
        let direct = self.given.remove(key);
        let file = self.given.remove(&file_key);
        match (direct, file) {
            (Some(direct), Some(_)) => {
                let fix = format!("keep {file_key} and remove {key}");
                self.violate_given(key, &direct.origin, None, "is given twice", fix);
                None
            }
            (Some(direct), None) => self.direct_secret(key, &direct),
            (None, Some(file)) => self.file_secret(&file_key, &file),
            (None, None) => None,
        }
    }

    fn direct_secret(&mut self, key: &str, given: &Given) -> Option<Secret> {
        if let Origin::File(path) = &given.origin
            && is_readable_by_others(path)
        {
            let problem = format!(
                "a secret stands in {}, which others can read",
                path.display()
            );
            let fix = format!("chmod 600 {}, or use {key}-file", path.display());
            self.violate_given(key, &given.origin, None, &problem, fix);
            return None;
        }
        let Some(text) = given.value.as_str() else {
            let fix = "write a text in quotes".to_owned();
            self.violate_given(key, &given.origin, None, "is no text", fix);
            return None;
        };
        Some(Secret::new(text))
    }

    fn file_secret(&mut self, key: &str, given: &Given) -> Option<Secret> {
        let shown = Some(given.value.to_string());
        let path = match PathBuf::read(&given.value) {
            Ok(path) => path,
            Err(fix) => {
                self.violate_given(key, &given.origin, shown, "cannot be read", fix);
                return None;
            }
        };
        if is_readable_by_others(&path) {
            let fix = format!("chmod 600 {}", path.display());
            self.violate_given(
                key,
                &given.origin,
                shown,
                "others can read this secret",
                fix,
            );
            return None;
        }
        match fs::read_to_string(&path) {
            Ok(text) => Some(Secret::new(text.trim_end_matches(['\n', '\r']))),
            Err(error) => {
                let fix = "make it readable for this user, or remove the key".to_owned();
                self.violate_given(key, &given.origin, shown, &error.to_string(), fix);
                None
            }
        }
    }

    fn violate_given(
        &mut self,
        key: &str,
        origin: &Origin,
        value: Option<String>,
        problem: &str,
        fix: String,
    ) {
        let key = written(key, origin);
        self.violations.push(Violation {
            key,
            value,
            problem: problem.to_owned(),
            fix,
        });
    }

    /// Notes a broken rule.
    pub(crate) fn violate(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// Takes the keys that earlier versions had; nothing depends on them, which is a warning.
    pub(crate) fn take_retired(&mut self, retired: &[&str]) -> Vec<Violation> {
        let given = retired
            .iter()
            .filter_map(|key| Some((*key, self.given.remove(*key)?)));
        let warning = |(key, given): (&str, Given)| Violation {
            key: written(key, &given.origin),
            value: None,
            problem: "the program sees to it itself now, the value has no effect".to_owned(),
            fix: "remove it".to_owned(),
        };
        given.map(warning).collect()
    }

    /// Ends reading: what nobody took is unknown, and named with its nearest known key.
    pub(crate) fn finish(mut self, known: &[String]) -> Vec<Violation> {
        for (key, given) in std::mem::take(&mut self.given) {
            let nearest = known.iter().max_by(|a, b| {
                strsim::jaro_winkler(a, &key).total_cmp(&strsim::jaro_winkler(b, &key))
            });
            let fix = nearest.map_or_else(String::new, |nearest| {
                format!("did you mean `{nearest}`? else remove it")
            });
            self.violate_given(&key, &given.origin, None, "unknown key", fix);
        }
        self.violations
    }
}

/// The key as the operator wrote it.
fn written(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Environment(name) => name.clone(),
        Origin::File(_) | Origin::Flag => key.to_owned(),
    }
}

/// Whether group or others have any right on the file; a missing file is not.
fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}
