//! All settings of a target: the text's, then the service's, then the environment's.

use std::collections::BTreeMap;

use crate::{ConnectError, Environment, conninfo, service_file, url};

/// Keywords with an effect, and the variables that set them.
const KEYWORDS: [(&str, &str); 25] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("service", "PGSERVICE"),
    ("servicefile", ""),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("tcp_user_timeout", ""),
    // The caller names its sessions.
    ("application_name", ""),
    ("fallback_application_name", ""),
];

/// Keywords of libpq that may only say what holds anyway.
const FIXED: [(&str, &[&str]); 6] = [
    (
        "client_encoding",
        &["UTF8", "UTF-8", "utf8", "utf-8", "auto"],
    ),
    ("gssencmode", &["disable", "prefer"]),
    ("load_balance_hosts", &["disable"]),
    ("replication", &["false", "off", "no", "0"]),
    ("sslcompression", &["0"]),
    ("sslsni", &["1"]),
];

/// One value and where it stands.
#[derive(Clone)]
struct Setting {
    key: &'static str,
    value: String,
}

/// What is set. It has no `Debug`: the password is in it.
#[derive(Clone, Default)]
pub(crate) struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Reads `text`, and what it and `environment` refer to.
    pub(crate) fn read(text: &str, environment: &Environment) -> Result<Self, ConnectError> {
        let pairs = match url::after_scheme(text.trim()) {
            Some(rest) => url::pairs(rest)?,
            None => conninfo::pairs(text)?,
        };
        let mut settings = Self::default();
        for (key, value) in pairs {
            settings.set(&key, value)?;
        }
        let service = match settings.get("service") {
            Some(service) => Some(("service", service)),
            None => environment
                .get("PGSERVICE")
                .map(|service| ("PGSERVICE", service)),
        };
        if let Some((key, service)) = service {
            let file = settings.get("servicefile");
            let mut lower = Self::default();
            for (key, value) in service_file::read(key, service, file, environment)? {
                lower.set(&key, value)?;
            }
            settings.add(lower);
        }
        settings.add(Self::of(environment));
        Ok(settings)
    }

    fn of(environment: &Environment) -> Self {
        let set = KEYWORDS.iter().filter_map(|&(name, variable)| {
            let value = environment.get(variable)?.to_owned();
            Some((
                name,
                Setting {
                    key: variable,
                    value,
                },
            ))
        });
        Self(set.collect())
    }

    /// Adds what is not set yet.
    fn add(&mut self, lower: Self) {
        for (name, setting) in lower.0 {
            self.0.entry(name).or_insert(setting);
        }
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), ConnectError> {
        if let Some(&(name, _)) = KEYWORDS.iter().find(|(name, _)| *name == key) {
            self.0.insert(name, Setting { key: name, value });
            return Ok(());
        }
        let fix = match FIXED.iter().find(|(name, _)| *name == key) {
            Some((_, allowed)) if value.is_empty() || allowed.contains(&value.as_str()) => {
                return Ok(());
            }
            Some((_, allowed)) => format!("leave it out, or use {}", allowed.join(" or ")),
            None => "leave it out, or check its spelling".to_owned(),
        };
        // The value may be a secret: `sslpassword`, or a mistyped `password`.
        Err(ConnectError::setting(
            key,
            "***",
            "this is not supported",
            fix,
        ))
    }

    /// The value of a keyword; an empty one counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let setting = self.0.get(name)?;
        Some(setting.value.as_str()).filter(|value| !value.is_empty())
    }

    /// The error for a value of `name` that cannot be used.
    pub(crate) fn bad(&self, name: &str, problem: &str, fix: impl Into<String>) -> ConnectError {
        let (key, value) = match self.0.get(name) {
            Some(setting) => (setting.key, setting.value.as_str()),
            None => (name, ""),
        };
        ConnectError::setting(key, value, problem, fix)
    }

    /// One of the words of `table`.
    pub(crate) fn word<T: Copy>(
        &self,
        name: &str,
        table: &[(&str, T)],
    ) -> Result<Option<T>, ConnectError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match table.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
                Err(self.bad(
                    name,
                    "unknown value",
                    format!("use one of {}", words.join(", ")),
                ))
            }
        }
    }

    /// A whole number; negative ones count as 0, as in libpq.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, ConnectError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.trim().parse::<i32>() {
            Ok(number) => Ok(Some(u32::try_from(number).unwrap_or(0))),
            Err(_) => Err(self.bad(name, "not a number", "use a whole number")),
        }
    }
}
