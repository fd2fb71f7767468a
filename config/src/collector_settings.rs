//! The settings that the configuration of a collector makes.

use std::collections::BTreeMap;

use toml::Value;

/// Every key with its value, as `section.key`, texts without their quotes; comments and layout are
/// none. What is no TOML makes none.
pub fn collector_settings(text: &str) -> BTreeMap<String, String> {
    let sections: toml::Table = text.parse().unwrap_or_default();
    let mut settings = BTreeMap::new();
    for (section, content) in sections {
        match content {
            Value::Table(keys) => settings.extend(
                keys.into_iter()
                    .map(|(key, value)| (format!("{section}.{key}"), plain(&value))),
            ),
            value => {
                settings.insert(section, plain(&value));
            }
        }
    }
    settings
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_their_section_and_comments_make_none() {
        let text = "# x\n[collector]\ninterval = 60 # s\n\n[postgres]\nhost=\"db\"\n";
        let found: Vec<_> = collector_settings(text).into_iter().collect();
        let want = [("collector.interval", "60"), ("postgres.host", "db")];
        assert_eq!(found, want.map(|(key, value)| (key.into(), value.into())));
        assert!(collector_settings("[").is_empty());
    }
}
