//! Rules: what is wrong, for how long, and what to do first. Each is a table of TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::{expression, lock_tree, log_events, replicas};

/// The rules that come with the program, a file for each family.
pub const DEFAULT_RULES: &[(&str, &str)] = &[
    ("availability", include_str!("../rules/availability.toml")),
    ("connections", include_str!("../rules/connections.toml")),
    ("locks", include_str!("../rules/locks.toml")),
    ("vacuum", include_str!("../rules/vacuum.toml")),
    ("replication", include_str!("../rules/replication.toml")),
    ("wal", include_str!("../rules/wal.toml")),
    ("statements", include_str!("../rules/statements.toml")),
    ("schema", include_str!("../rules/schema.toml")),
    ("host", include_str!("../rules/host.toml")),
    ("settings", include_str!("../rules/settings.toml")),
    ("cluster", include_str!("../rules/cluster.toml")),
];

/// Longest text of a key, in bytes.
const MAX_TEXT: usize = 4_000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// To be seen on the page.
    #[serde(rename = "i", alias = "info")]
    Info,
    /// For this working day.
    #[serde(rename = "w", alias = "warning")]
    Warning,
    /// Somebody gets up.
    #[serde(rename = "c", alias = "critical")]
    Critical,
}

impl Severity {
    /// Its letter.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Info => "i",
            Self::Warning => "w",
            Self::Critical => "c",
        }
    }
}

/// What becomes of an alert whose rule has no data any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoData {
    /// It stays as it is for an hour, then it ends.
    Hold,
    /// It ends.
    #[default]
    Drop,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id, such as `C1`.
    pub id: String,
    /// Which of the rules of this id; a more severe one hides the others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub level: String,
    /// Its name, such as `connections_used`.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is evaluated.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// The type of elements whose rows it looks at, or the name of a plain sample.
    pub from: String,
    /// Which rows.
    #[serde(rename = "where", default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// What is looked at.
    pub value: String,
    /// When it fires; true or false.
    pub fire: String,
    /// When it is over; else as soon as `fire` is false.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resolve: String,
    /// How long `fire` must hold, such as `5m`.
    #[serde(rename = "for", default = "zero", skip_serializing_if = "is_zero")]
    pub hold: String,
    /// How long `resolve` must hold.
    #[serde(default = "five_minutes")]
    pub keep_firing_for: String,
    /// Without data.
    #[serde(default)]
    pub no_data: NoData,
    /// What it is about: a name and an expression each.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Ids of rules that say nothing about the same server while this one fires; `*` is all
    /// others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hides: Vec<String>,
    /// What happened, as a template.
    pub summary: String,
    /// Why it matters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What to do first, as a template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_step: String,
}

const fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
const fn is_true(value: &bool) -> bool {
    *value
}

fn zero() -> String {
    "0s".to_owned()
}

fn is_zero(text: &str) -> bool {
    seconds(text) == Some(0)
}

fn five_minutes() -> String {
    "5m".to_owned()
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}{key}: {what}")]
pub struct RuleError {
    /// Which rule.
    pub rule: String,
    /// Which key, after a dot; may be empty.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
}

/// Some rules, by key.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: BTreeMap<String, Rule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Rule>,
}

impl Rule {
    /// Id and level: the rule's name in a cluster, such as `C1.reserve`.
    pub fn key(&self) -> String {
        match self.level.as_str() {
            "" => self.id.clone(),
            level => format!("{}.{level}", self.id),
        }
    }

    /// How long `fire` must hold, in microseconds.
    pub fn hold_micros(&self) -> i64 {
        seconds(&self.hold).unwrap_or(0).saturating_mul(1_000_000)
    }

    /// How long `resolve` must hold, in microseconds.
    pub fn keep_micros(&self) -> i64 {
        let seconds = seconds(&self.keep_firing_for).unwrap_or(300);
        seconds.saturating_mul(1_000_000)
    }

    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let fixed = [
            ("value", &self.value),
            ("fire", &self.fire),
            ("resolve", &self.resolve),
            ("where", &self.filter),
            ("summary", &self.summary),
            ("first_step", &self.first_step),
        ];
        let labels = self
            .labels
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        fixed
            .into_iter()
            .map(|(key, text)| (key, text.as_str()))
            .chain(labels)
    }

    /// The fields whose history or usual level it asks for.
    pub fn keeps(&self) -> Fields {
        let functions = ["delta", "rate", "slope", "eta", "lowest", "highest", "seen"];
        Fields {
            histories: self.asked(&functions),
            values: self.asked(&["usual", "spread"]),
            growths: self.asked(&["usual_rate", "spread_rate"]),
        }
    }

    /// The types of elements that it asks for beside its own.
    pub fn with(&self) -> BTreeSet<String> {
        let mut with = self.asked(&["rows", "first"]);
        if self.texts().any(|(_, text)| text.contains("setting(")) {
            with.insert("pg_setting".to_owned());
        }
        with
    }

    /// The first arguments of some functions in its texts.
    fn asked(&self, functions: &[&str]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (_, text) in self.texts() {
            for function in functions {
                for quote in ['"', '\''] {
                    let call = format!("{function}({quote}");
                    let is_start = |at: &usize| {
                        let before = text.get(..*at).unwrap_or_default().chars().next_back();
                        before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
                    };
                    let calls = text.match_indices(&call).map(|(at, _)| at).filter(is_start);
                    for (_, tail) in calls.map(|at| text.split_at(at)) {
                        let argument = tail.get(call.len()..).unwrap_or_default();
                        let end = argument.find(quote).unwrap_or(0);
                        found.extend(argument.get(..end).map(str::to_owned));
                    }
                }
            }
        }
        found
    }

    fn check(&self) -> Result<(), RuleError> {
        let wrong = |key: &str, what: String| RuleError {
            rule: self.key(),
            key: format!(".{key}"),
            what,
        };
        let is_name = |text: &str| {
            !text.is_empty()
                && text.len() <= 60
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        };
        for (key, text) in [("id", &self.id), ("name", &self.name)] {
            if !is_name(text) {
                let what = format!("{text:?} is no name: use letters, digits, _ and -");
                return Err(wrong(key, what));
            }
        }
        if !self.level.is_empty() && !is_name(&self.level) {
            return Err(wrong("level", format!("{:?} is no name", self.level)));
        }
        for (key, text) in [
            ("for", &self.hold),
            ("keep_firing_for", &self.keep_firing_for),
        ] {
            if seconds(text).is_none() {
                let what = format!("{text:?} is no duration: write 30s, 5m, 2h or 1d");
                return Err(wrong(key, what));
            }
        }
        for (key, text) in self.texts() {
            if text.len() > MAX_TEXT {
                return Err(wrong(key, format!("it is longer than {MAX_TEXT} bytes")));
            }
            let outcome = match key {
                "summary" | "first_step" => expression::check_template(text),
                "where" | "resolve" if text.is_empty() => Ok(()),
                _ => expression::check(text),
            };
            outcome.map_err(|what| wrong(key, what))?;
        }
        Ok(())
    }
}

impl RuleSet {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// None: a test reads all of them.
    pub fn defaults() -> Result<Self, RuleError> {
        static PARSED: LazyLock<Result<RuleSet, RuleError>> = LazyLock::new(|| {
            let mut all = RuleSet::default();
            for (_, text) in DEFAULT_RULES {
                all.rules.extend(RuleSet::parse(text)?.rules);
            }
            Ok(all)
        });
        PARSED.clone()
    }

    /// The rules in a file.
    ///
    /// # Errors
    /// [`RuleError`] names the rule, the key and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let file: File = toml::from_str(text).map_err(|error| RuleError {
            rule: "the file".to_owned(),
            key: String::new(),
            what: error.to_string(),
        })?;
        let mut all = Self::default();
        for rule in file.rule {
            rule.check()?;
            let key = rule.key();
            if all.rules.insert(key.clone(), rule).is_some() {
                return Err(RuleError {
                    rule: key,
                    key: String::new(),
                    what: "it stands there twice".to_owned(),
                });
            }
        }
        Ok(all)
    }

    /// As a file.
    pub fn to_toml(&self) -> String {
        let rule = self.rules.values().cloned().collect();
        toml::to_string(&File { rule }).unwrap_or_default()
    }

    /// One rule as a file.
    pub fn one(rule: &Rule) -> String {
        let rule = vec![rule.clone()];
        toml::to_string(&File { rule }).unwrap_or_default()
    }

    /// These rules, and `other`'s in place of those of the same key.
    pub fn with(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self
    }

    /// A rule.
    pub fn get(&self, key: &str) -> Option<&Rule> {
        self.rules.get(key)
    }

    /// All rules, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// The types of elements that they look at, and the fields whose history they ask for.
    pub fn keeps(&self) -> BTreeMap<String, Fields> {
        let mut keeps: BTreeMap<String, Fields> = BTreeMap::new();
        for rule in self.rules.values().filter(|rule| rule.enabled) {
            let from = source(&rule.from).to_owned();
            keeps.entry(from).or_default().add(rule.keeps());
            for kind in rule.with() {
                keeps.entry(source(&kind).to_owned()).or_default();
            }
        }
        keeps
    }
}

/// The type of elements that the rows of a type are made of.
pub fn source(kind: &str) -> &str {
    match kind {
        lock_tree::KIND => lock_tree::OF,
        log_events::KIND => log_events::OF,
        replicas::STANDBY => replicas::OF,
        other => other,
    }
}

/// Seconds of a text such as `90s`, `5m`, `2h` or `1d`.
pub fn seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some(i64::from(number) * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"
        [[rule]]
        id = "T1"
        name = "test"
        severity = "w"
        from = "pg_wal"
        value = 'rate("wal_bytes", 600) / setting("max_wal_size")'
        fire = "value > 1"
        summary = "{{ value }} of {{ rows('pg_slot')|length }}"
    "#;

    #[test]
    fn the_default_rules_are_right() {
        let rules = RuleSet::defaults().unwrap();
        let again = RuleSet::parse(&rules.to_toml()).unwrap();
        assert_eq!(again.rules, rules.rules);
        assert!(rules.iter().all(|rule| !rule.first_step.is_empty()));
    }

    #[test]
    fn a_rule_says_what_it_needs() {
        let rules = RuleSet::parse(RULE).unwrap();
        let keeps = rules.keeps();
        assert_eq!(
            keeps["pg_wal"].histories,
            BTreeSet::from(["wal_bytes".to_owned()])
        );
        let kinds: Vec<_> = keeps.into_keys().collect();
        assert_eq!(kinds, ["pg_setting", "pg_slot", "pg_wal"]);
    }

    #[test]
    fn a_wrong_rule_is_named_with_its_key() {
        for (from, to, want) in [
            ("value > 1", "value >", "T1.fire: "),
            ("severity = \"w\"", "severity = \"x\"", "the file: "),
            (
                "name = \"test\"",
                "name = \"a b\"",
                "T1.name: \"a b\" is no name",
            ),
            (
                "severity = \"w\"",
                "severity = \"w\"\nfor = \"5\"",
                "T1.for: \"5\" is no duration",
            ),
            ("{{ value }}", "{{ value", "T1.summary: "),
            (
                "severity = \"w\"",
                "severity = \"w\"\nfires = \"5\"",
                "unknown field `fires`",
            ),
        ] {
            let error = RuleSet::parse(&RULE.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(want), "{to}: {error}");
        }
    }
}
