//! What a new version of a configuration changes, for the audit log: bounded, without passwords.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::collector_settings;
use serde_json::{Value, json};

use super::masked::{is_secret, without_userinfo};

/// Settings that an entry tells; the others are counted.
const MOST: usize = 40;
/// Characters of a value.
const MOST_CHARS: usize = 200;

/// The settings that differ between two configurations, as they were and as they are.
pub(super) fn changes(before: &str, after: &str) -> (Value, Value) {
    let (before, after) = (collector_settings(before), collector_settings(after));
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<&String> = all
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    let told = changed.get(..MOST).unwrap_or(&changed);
    let left_out = changed.len() - told.len();
    let show = |settings: &BTreeMap<String, String>| {
        let mut shown = json!({});
        for key in told {
            if let Some(value) = settings.get(*key) {
                shown[key.as_str()] = json!(visible(key, value));
            }
        }
        if left_out > 0 {
            shown["settings_left_out"] = json!(left_out);
        }
        shown
    };
    (show(&before), show(&after))
}

fn visible(key: &str, value: &str) -> String {
    if is_secret(key) {
        return "***".to_owned();
    }
    without_userinfo(value).chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_without_passwords() {
        let old = "[collector]\ninterval = 60\n[postgres]\npassword = \"a\"\nhost = \"h\"\n";
        let new = "# new\n[collector]\ninterval = 30\n[postgres]\npassword = \"b\"\nhost = \"h\"\n\
                   [backend]\nurl = \"https://u:p@x/\"\n";
        let (before, after) = changes(old, new);
        let was = json!({ "collector.interval": "60", "postgres.password": "***" });
        let is = json!({
            "backend.url": "https://u:***@x/", "collector.interval": "30",
            "postgres.password": "***",
        });
        assert_eq!((before, after), (was, is));
        assert_eq!(changes(new, new), (json!({}), json!({})));
    }

    #[test]
    fn an_entry_is_bounded() {
        let keys = (0..60).map(|n| format!("k{n:02} = \"{}\"\n", "x".repeat(300)));
        let text = format!("[many]\n{}", keys.collect::<String>());
        let (before, after) = changes("", &text);
        assert_eq!(before, json!({ "settings_left_out": 20 }));
        assert_eq!(after.as_object().unwrap().len(), MOST + 1);
        assert_eq!(after["many.k00"].as_str().unwrap().len(), MOST_CHARS);
    }
}
