//! What a rule says about one server now.

use std::collections::BTreeMap;

use minijinja::Value;
use pga_storage::Timestamp;

use crate::expression::{Context, Scope};
use crate::fact_row::FactRow;
use crate::facts::ServerFacts;
use crate::rule::Rule;

/// Bytes of an annotation: a statement in it may have any length.
const MAX_ANNOTATION: usize = 4_000;

/// The begin of a text, of at most so many bytes, and whole characters.
pub fn brief(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// What a rule says about one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it is about, `server`, `rule` and `level` included.
    pub labels: BTreeMap<String, String>,
    /// What the rule looks at.
    pub value: f64,
    /// Whether it is over the threshold.
    pub fire: bool,
    /// Whether it is under that of the end.
    pub resolve: bool,
    /// When the collector read it.
    pub at: Timestamp,
    /// What is to be read about it.
    pub annotations: BTreeMap<String, String>,
}

/// What a rule says about one server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// About the rows that have data.
    pub readings: Vec<Reading>,
    /// Whether what it looks at is older than three of its intervals, or has never come.
    pub is_stale: bool,
    /// Rows that the rule passed over because it had no data about them.
    pub without_data: usize,
    /// What is wrong with the rule itself.
    pub error: Option<String>,
}

/// Evaluates a rule over the newest values of a server, or over `rows` in place of them.
pub fn evaluate(
    rule: &Rule,
    server: Option<&ServerFacts>,
    name: &str,
    rows: Option<&[Value]>,
    now: Timestamp,
) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let (at, rows) = match rows {
        Some(rows) => {
            let row = |(n, value): (usize, &Value)| FactRow {
                identity: n.to_string(),
                value: value.clone(),
            };
            (now, rows.iter().enumerate().map(row).collect())
        }
        None => match server.and_then(|server| server.freshness(&rule.from, now)) {
            Some((at, true)) => (
                at,
                server
                    .map(|server| server.rows(&rule.from))
                    .unwrap_or_default(),
            ),
            Some((_, false)) | None => {
                evaluation.is_stale = true;
                return evaluation;
            }
        },
    };
    let keep = rule.keeps();
    let with: Vec<String> = rule.with().into_iter().collect();
    for row in rows {
        let scope = Scope {
            server,
            kind: &rule.from,
            identity: &row.identity,
            row: &row.value,
            now,
            keep: &keep,
            with: &with,
        };
        match read(rule, Context::new(scope), name, at) {
            Ok(Some(Some(reading))) => evaluation.readings.push(reading),
            Ok(Some(None)) => evaluation.without_data += 1,
            Ok(None) => {}
            Err(error) => evaluation.error = Some(error),
        }
    }
    evaluation
}

/// `None` for a row that the rule does not look at, `Some(None)` for one without data.
fn read(
    rule: &Rule,
    mut context: Context,
    server: &str,
    at: Timestamp,
) -> Result<Option<Option<Reading>>, String> {
    if !rule.filter.is_empty() {
        match context.eval(&rule.filter)? {
            None => return Ok(Some(None)),
            Some(holds) if !holds.is_true() => return Ok(None),
            Some(_) => {}
        }
    }
    let value = context.eval(&rule.value)?;
    let value = value.and_then(|value| f64::try_from(value).ok());
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return Ok(Some(None));
    };
    context.set("value", Value::from(value));
    let Some(fire) = context.eval(&rule.fire)? else {
        return Ok(Some(None));
    };
    let fire = fire.is_true();
    let resolve = match rule.resolve.as_str() {
        "" => !fire,
        resolve => context.eval(resolve)?.is_some_and(|holds| holds.is_true()),
    };
    let mut labels = BTreeMap::from([("rule".to_owned(), rule.id.clone())]);
    if !server.is_empty() {
        labels.insert("server".to_owned(), server.to_owned());
    }
    if !rule.level.is_empty() {
        labels.insert("level".to_owned(), rule.level.clone());
    }
    for (label, text) in &rule.labels {
        if let Some(value) = context.eval(text)? {
            labels.insert(label.clone(), value.to_string());
        }
    }
    let mut annotations = BTreeMap::new();
    if fire {
        let texts = [
            ("summary", &rule.summary),
            ("first_step", &rule.first_step),
            ("why", &rule.why),
        ];
        for (key, text) in texts {
            if key == "summary" || !text.is_empty() {
                let text = brief(&context.render(text), MAX_ANNOTATION);
                annotations.insert(key.to_owned(), text);
            }
        }
    }
    Ok(Some(Some(Reading {
        labels,
        value,
        fire,
        resolve,
        at,
        annotations,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, most, want) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "…"),
            ("abcdefg", 6, "abc…"),
            ("äöü", 6, "äöü"),
            ("äöüä", 7, "äö…"),
            ("äöüä", 6, "ä…"),
            ("🐘🐘🐘", 10, "🐘…"),
            ("🐘🐘", 3, "…"),
        ] {
            let cut = brief(text, most);
            assert_eq!(cut, want, "{text} {most}");
            assert!(cut.len() <= most, "{text} {most}");
        }
    }
}
