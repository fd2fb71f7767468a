//! What may stand in the configuration of a collector.
//!
//! The original's reader takes a subset of TOML (contract 2.6) and skips what it does not
//! understand, silently. So a configuration is checked before it is stored: that it is TOML, that
//! it stays inside that subset, and that every key is one that a collector reads. Our collector
//! checks it again before it applies it: its version may differ from the node's.

use std::fmt;

use toml::Value;

/// Largest configuration, in bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// What kind of value a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    /// Items in one text, with commas between them.
    List,
}

/// Sections and keys (contract 6.2), and what they are.
const KEYS: &[(&str, &[(&str, Kind)])] = &[
    (
        "collector",
        &[
            ("id", Kind::Text),
            ("hostname", Kind::Text),
            ("interval", Kind::Number),
            ("push_interval", Kind::Number),
            ("config_pull_interval", Kind::Number),
            ("max_relations", Kind::Number),
        ],
    ),
    ("backend", &[("url", Kind::Text)]),
    (
        "postgres",
        &[
            ("host", Kind::Text),
            ("port", Kind::Number),
            ("user", Kind::Text),
            ("password", Kind::Text),
            ("database", Kind::Text),
            ("databases", Kind::List),
            ("exclude_databases", Kind::List),
        ],
    ),
    (
        "tls",
        &[
            ("verify", Kind::Flag),
            ("cert_file", Kind::Text),
            ("key_file", Kind::Text),
            ("ca_file", Kind::Text),
        ],
    ),
];

/// The types of elements of the v3 protocol, each a section of its own: `enabled`, `interval`.
pub const V3_TYPES: [&str; 12] = [
    "pg_stats",
    "sysstat",
    "disk_usage",
    "pg_log",
    "pg_query_stats",
    "pg_replication",
    "pg_schema",
    "pg_locks",
    "pg_bloat",
    "pg_cache",
    "pg_connections",
    "pg_extensions",
];

/// The further types that our collector reads, each a section as those of the v3 protocol.
pub const TYPES: [&str; 34] = [
    "pg_activity_sample",
    "pg_archiver",
    "pg_autovacuum",
    "pg_bgwriter",
    "pg_bloat_estimate",
    "pg_blocking",
    "pg_checkpointer",
    "pg_column",
    "pg_connection",
    "pg_database",
    "pg_extension",
    "pg_freeze",
    "pg_identity",
    "pg_index",
    "pg_io",
    "pg_long_transaction",
    "pg_plan",
    "pg_prepared_xact",
    "pg_progress",
    "pg_receiver",
    "pg_recovery_conflict",
    "pg_schema_object",
    "pg_sender",
    "pg_sequence",
    "pg_setting",
    "pg_slot",
    "pg_slru",
    "pg_statement",
    "pg_statement_health",
    "pg_subscription",
    "pg_table",
    "pg_table_size",
    "pg_tablespace",
    "pg_wal",
];

const TYPE_KEYS: &[(&str, Kind)] = &[("enabled", Kind::Flag), ("interval", Kind::Number)];

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    line: Option<usize>,
    text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// Everything that is wrong with a configuration; nothing if collectors understand all of it.
pub fn check(text: &str) -> Vec<Fault> {
    if text.len() > MAX_BYTES {
        let text = format!("it has more than {MAX_BYTES} bytes");
        return vec![Fault { line: None, text }];
    }
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map(|span| line_at(text, span.start));
            let text = error.message().to_owned();
            return vec![Fault { line, text }];
        }
    };
    let mut faults = subset(text);
    if text.starts_with('\u{feff}') {
        faults.push(fault(
            Some(1),
            "collectors skip a line that begins with a byte order mark",
        ));
    }
    for (section, value) in &table {
        let line = find_line(text, None, section);
        match (value, keys_of(section)) {
            (Value::Table(values), Some(keys)) => {
                faults.extend(check_section(text, section, values, keys));
            }
            (Value::Table(_), None) => {
                let names = KEYS.iter().map(|(name, _)| *name);
                let names = names.chain(V3_TYPES).chain(TYPES);
                let near = suggestion(section, names);
                faults.push(fault(line, format!("no collector reads [{section}]{near}")));
            }
            (_, _) => {
                let text =
                    format!("{section} stands in no section: begin with one such as [collector]");
                faults.push(fault(line, text));
            }
        }
    }
    faults.sort_by_key(|fault| fault.line);
    faults
}

fn check_section(
    text: &str,
    section: &str,
    values: &toml::Table,
    keys: &[(&str, Kind)],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (key, value) in values {
        let line = find_line(text, Some(section), key);
        let Some((_, kind)) = keys.iter().find(|(name, _)| name == key) else {
            let near = suggestion(key, keys.iter().map(|(name, _)| *name));
            faults.push(fault(
                line,
                format!("no collector reads {section}.{key}{near}"),
            ));
            continue;
        };
        let wanted = match (kind, value) {
            (Kind::Text, Value::String(text)) if key != "url" || is_url(text) => continue,
            (Kind::List, Value::String(_)) | (Kind::Flag, Value::Boolean(_)) => continue,
            (Kind::Number, Value::Integer(number)) if (1..=most(key)).contains(number) => continue,
            (Kind::Text, Value::String(_)) if key == "url" => "a URL such as https://10.0.0.1:8080",
            (Kind::Text, _) => "a text in quotes",
            (Kind::List, _) => {
                "one text with commas, such as \"postgres,app\": quotes around items stay in them"
            }
            (Kind::Flag, _) => "true or false",
            (Kind::Number, _) if key == "port" => "a port, 1 to 65535",
            (Kind::Number, _) => "a whole number above 0, at most 2147483647",
        };
        let is = match key.as_str() {
            "password" => value.type_str().to_owned(),
            _ => value.to_string(),
        };
        let text = format!("{section}.{key} is {is}: write {wanted}");
        faults.push(fault(line, text));
    }
    faults
}

/// The largest number that a key may have: what the original's reader holds (an `int`).
fn most(key: &str) -> i64 {
    match key {
        "port" => i64::from(u16::MAX),
        _ => i64::from(i32::MAX),
    }
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['))
}

/// Which collector a configuration says it is of: its id and its host, as far as it says so.
pub fn identity(text: &str) -> (Option<String>, Option<String>) {
    let table: toml::Table = text.parse().unwrap_or_default();
    let collector = table.get("collector");
    let said = |key| Some(collector?.get(key)?.as_str()?.to_owned());
    (said("id"), said("hostname"))
}

/// What TOML allows and the original's reader does not understand.
fn subset(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let at = Some(number + 1);
        if line.contains("\"\"\"") || line.contains("'''") {
            faults.push(fault(at, "collectors read no texts of several lines"));
        } else if line.starts_with("[[") || (line.starts_with('[') && line.contains('.')) {
            faults.push(fault(at, "collectors read no nested tables"));
        } else if line.starts_with("[ ") || line.starts_with('[') && line.contains(" ]") {
            faults.push(fault(
                at,
                "collectors read no section with blanks in its brackets",
            ));
        } else if !line.starts_with('#') && has_comment(line) {
            let text = "collectors take a comment behind a value for a part of it: give it a line of its own";
            faults.push(fault(at, text));
        } else if line.contains('\\') && !line.starts_with('#') {
            faults.push(fault(at, "collectors read no escapes"));
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with('#')
        {
            if key.contains(['.', '"', '\'']) {
                faults.push(fault(at, "collectors read no keys with quotes or dots"));
            }
            let value = value.trim();
            if value.starts_with(|c: char| c.is_ascii_digit() || c == '+')
                && value.contains(|c: char| "_xobXOB+".contains(c))
            {
                faults.push(fault(at, "collectors read a number up to what is no digit"));
            }
            if value.starts_with('{') {
                faults.push(fault(at, "collectors read no tables in braces"));
            }
        }
    }
    faults
}

/// Whether a comment stands behind something, outside of quotes.
fn has_comment(line: &str) -> bool {
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (None, '#') => return true,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    false
}

fn keys_of(section: &str) -> Option<&'static [(&'static str, Kind)]> {
    if V3_TYPES.contains(&section) || TYPES.contains(&section) {
        return Some(TYPE_KEYS);
    }
    let found = KEYS.iter().find(|(name, _)| *name == section);
    found.map(|(_, keys)| *keys)
}

fn suggestion<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names
        .max_by(|a, b| strsim::jaro_winkler(given, a).total_cmp(&strsim::jaro_winkler(given, b)));
    near.filter(|near| strsim::jaro_winkler(given, near) > 0.8)
        .map_or_else(String::new, |near| format!(": did you mean {near}?"))
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// The line of a section's head, or of a key in a section.
fn find_line(text: &str, section: Option<&str>, name: &str) -> Option<usize> {
    let mut current = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let head = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next());
        if let Some(head) = head {
            current = Some(head.trim());
            let outer = head.split('.').next().unwrap_or_default();
            if section.is_none() && outer.trim() == name {
                return Some(number + 1);
            }
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        if head.is_none() && current == section && key == name {
            return Some(number + 1);
        }
    }
    None
}

fn fault(line: Option<usize>, text: impl Into<String>) -> Fault {
    let text = text.into();
    Fault { line, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_configuration_has_no_fault() {
        let text = "# fleet\n[collector]\npush_interval = 30\n\n[postgres]\n\
                    databases = \"postgres,app\"\nport = 5432\n[tls]\nverify = true\n\
                    [pg_log]\nenabled = false\n[pg_table]\ninterval = 120\n";
        assert_eq!(check(text), []);
        assert_eq!(check(""), []);
    }

    #[test]
    fn each_fault_names_its_line_and_what_to_write() {
        for (text, line, want) in [
            ("[colector]\nid = \"x\"", 1, "did you mean collector?"),
            (
                "[collector]\npush_intervall = 3",
                2,
                "did you mean push_interval?",
            ),
            (
                "[collector]\npush_interval = \"3\"",
                2,
                "a whole number above 0",
            ),
            (
                "[collector]\npush_interval = 0",
                2,
                "a whole number above 0",
            ),
            (
                "[postgres]\ndatabases = [\"a\", \"b\"]",
                2,
                "one text with commas",
            ),
            ("[postgres]\nhost = \"h\" # here", 2, "a line of its own"),
            ("[postgres]\nhost = \"a\\tb\"", 2, "no escapes"),
            ("postgres.password = \"a\"", 1, "quotes or dots"),
            ("[postgres]\n\"password\" = \"a\"", 2, "quotes or dots"),
            ("postgres = { password = \"a\" }", 1, "in braces"),
            ("[postgres]\npassword = [\"a\"]", 2, "password is array"),
            ("a = 1", 1, "stands in no section"),
            ("[collector]\nid = x", 2, ""),
            ("[a.b]\nc = 1", 1, "no nested tables"),
            ("[tls]\nverify = \"yes\"", 2, "true or false"),
            ("[collector]\npush_interval = 1_000", 2, "no digit"),
            ("[collector]\ninterval = 0x10", 2, "no digit"),
            ("[collector]\ninterval = 9223372036854775807", 2, "at most"),
            ("[postgres]\nport = 99999", 2, "1 to 65535"),
            ("[backend]\nurl = \"not a url\"", 2, "a URL such as"),
            ("[ collector ]\ninterval = 1", 1, "blanks"),
            ("\u{feff}[collector]\ninterval = 1", 1, "byte order mark"),
        ] {
            let faults = check(text);
            let fault = faults.first().unwrap_or_else(|| panic!("{text}: no fault"));
            assert_eq!(fault.line, Some(line), "{text}: {fault}");
            assert!(fault.to_string().contains(want), "{text}: {fault}");
        }
    }

    #[test]
    fn a_sign_in_quotes_is_no_comment() {
        assert_eq!(check("[postgres]\npassword = \"a#b\""), []);
    }
}
