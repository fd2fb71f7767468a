//! Durations by type of elements.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Value;

use crate::duration_text;
use crate::setting::Setting;

/// A duration for each of some types of elements: a table (`{ pg_log = "7d" }`), or text with
/// commas (`pg_log=7d,sysstat=90d`) where only text may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationsByType(BTreeMap<String, Duration>);

impl DurationsByType {
    /// Types and their durations, in the order of the types.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.0
            .iter()
            .map(|(kind, duration)| (kind.as_str(), *duration))
    }
}

impl Setting for DurationsByType {
    const KIND: &'static str = "durations by type";

    fn read(value: &Value) -> Result<Self, String> {
        let pairs: Vec<(String, String)> = match value {
            Value::Table(table) => table
                .iter()
                .map(|(kind, value)| Ok((kind.clone(), value.as_str().ok_or_else(fix)?.to_owned())))
                .collect::<Result<_, String>>()?,
            Value::String(text) => text
                .split(',')
                .filter(|pair| !pair.trim().is_empty())
                .map(|pair| pair.split_once('=').ok_or_else(fix))
                .map(|pair| pair.map(|(kind, text)| (kind.trim().into(), text.trim().into())))
                .collect::<Result<_, String>>()?,
            _ => return Err(fix()),
        };
        let mut read = BTreeMap::new();
        for (kind, text) in pairs {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if kind.is_empty() || !kind.chars().all(is_name) {
                return Err(format!("{kind:?} is no type of elements: {}", fix()));
            }
            let duration = duration_text::parse(&text).map_err(|fix| format!("{kind}: {fix}"))?;
            if duration.is_zero() {
                return Err(format!("{kind}: write more than zero"));
            }
            if read.insert(kind.clone(), duration).is_some() {
                return Err(format!("{kind} is there twice: keep one"));
            }
        }
        Ok(Self(read))
    }
}

fn fix() -> String {
    "write durations by type, such as { pg_log = \"7d\" } or \"pg_log=7d,sysstat=90d\"".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_texts_are_read_alike() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let table: toml::Table = "x = { pg_log = \"7d\", sysstat = \"90d\" }"
            .parse()
            .unwrap();
        for value in [
            table["x"].clone(),
            Value::String("sysstat=90d, pg_log = 7d,".to_owned()),
        ] {
            let read = DurationsByType::read(&value).unwrap();
            let want = [("pg_log", days(7)), ("sysstat", days(90))];
            assert_eq!(read.iter().collect::<Vec<_>>(), want);
        }
        let none = DurationsByType::read(&Value::String(String::new()));
        assert_eq!(none, Ok(DurationsByType::default()));
    }

    #[test]
    fn what_cannot_be_read_says_what_to_write() {
        for (text, want) in [
            ("pg_log", "pg_log=7d"),
            ("pg_log=7", "unit"),
            ("pg_log=0d", "more than zero"),
            ("pg log=7d", "no type"),
            ("a=1d,a=2d", "twice"),
        ] {
            let fix = DurationsByType::read(&Value::String(text.to_owned())).unwrap_err();
            assert!(fix.contains(want), "{text}: {fix}");
        }
    }
}
