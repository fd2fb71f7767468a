//! What a record is about, and what it says.

mod fields;
mod kind;
mod pattern;
mod plan;
mod rules;
mod special;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::kind::{Class, Level};
pub(crate) use self::plan::split as split_plan;

use crate::Record;

/// The class of a record, its weight and its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// What it is about.
    pub class: Class,
    /// How much it matters.
    pub level: Level,
    /// What the record says, by the names that each [`Class`] documents. A field that the record
    /// does not have, or has in another language than English, is left out. `ms` are milliseconds,
    /// other units are in the names; pids, oids and counts are integers.
    pub fields: Map<String, Value>,
}

/// Classifies a record: by its SQLSTATE, then by its source function, then by its English text.
///
/// A redacted record has the class of the record itself, and its fields have no values either:
/// redact first.
///
/// ```
/// use pga_server_log::{Class, Record, classify};
///
/// let message = "temporary file: path \"base/pgsql_tmp/pgsql_tmp7.0\", size 28000".to_owned();
/// let event = classify(&Record { message, ..Record::default() });
/// assert_eq!(event.class, Class::TempFile);
/// assert_eq!(event.fields["bytes"], 28_000);
/// ```
#[must_use]
pub fn classify(record: &Record) -> Classified {
    let class = rules::class(record);
    let mut fields = fields::fields(class, record);
    special::add(class, record, &mut fields);
    let level = match class {
        Class::Other => Level::of_severity(record.severity),
        Class::ProcessCrashed if fields.contains_key("is_consequence") => Level::Warning,
        // A standby, too, says where its replay starts and ends.
        Class::CrashRecovery if record.message.starts_with("redo ") => Level::Notice,
        class => class.level(),
    };
    Classified {
        class,
        level,
        fields,
    }
}

impl Classified {
    /// Takes into account that the kernel's count of kills for lack of memory (`oom_kill` in the
    /// cgroup's `memory.events`) rose since the last record: a process that signal 9 ended was
    /// killed by the kernel.
    #[must_use]
    pub fn with_oom_kill(self) -> Self {
        let is_killed = self.class == Class::ProcessCrashed
            && self.fields.get("signal") == Some(&Value::from(9));
        let class = if is_killed {
            Class::OomKilled
        } else {
            self.class
        };
        Self { class, ..self }
    }
}
