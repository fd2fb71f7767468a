//! Labels that an application writes into comments of its statements.
//!
//! # Source
//! The sqlcommenter specification: the last comment holds `key='value'` pairs, comma separated,
//! both URL-encoded.

use std::collections::BTreeMap;

use super::lexer::{TokenKind, lex};

/// Most bytes of a label's value; longer ones are cut.
const MAX_VALUE_BYTES: usize = 64;
/// Keys that may become labels. Others have too many values.
const KEYS: [&str; 7] = [
    "application",
    "controller",
    "action",
    "route",
    "framework",
    "db_driver",
    "job",
];

/// What the comment of a statement tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Labels {
    /// Labels of few values each, by key.
    pub labels: BTreeMap<String, String>,
    /// The trace that the statement belongs to; for samples, never a label.
    pub traceparent: Option<String>,
}

/// Reads the labels of a statement's last comment; empty if it has none of that form.
///
/// ```
/// let found = pga_insight::labels("SELECT 1 /*controller='shop',route='%2Fcart'*/");
/// assert_eq!(found.labels["route"], "/cart");
/// ```
#[must_use]
pub fn labels(sql: &str) -> Labels {
    let tokens = lex(sql);
    let comment = tokens
        .iter()
        .rev()
        .find(|token| token.kind == TokenKind::Comment);
    let body = comment.and_then(|token| token.text.strip_prefix("/*")?.strip_suffix("*/"));
    let mut found = Labels::default();
    for pair in body.unwrap_or_default().split(',') {
        let Some((key, quoted)) = pair.split_once('=') else {
            continue;
        };
        let value = quoted
            .trim()
            .strip_prefix('\'')
            .and_then(|value| value.strip_suffix('\''));
        let Some(value) = value.map(decoded) else {
            continue;
        };
        let key = decoded(key.trim());
        if key == "traceparent" {
            found.traceparent = Some(value);
        } else if KEYS.contains(&key.as_str()) {
            found.labels.insert(key, cut(value));
        }
    }
    found
}

fn cut(mut value: String) -> String {
    value.truncate(value.floor_char_boundary(MAX_VALUE_BYTES));
    value
}

/// Undoes URL encoding; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|_| *first == b'%');
        let byte = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_keys_of_the_last_comment_become_labels() {
        let sql = "/*job='old'*/ SELECT 1 /*action='a%20b',user_id='7',traceparent='00-ab-01'*/;";
        let found = labels(sql);
        assert_eq!(
            found.labels.into_iter().collect::<Vec<_>>(),
            [("action".into(), "a b".into())]
        );
        assert_eq!(found.traceparent.as_deref(), Some("00-ab-01"));
    }

    #[test]
    fn other_comments_are_no_labels() {
        for sql in [
            "SELECT 1",
            "SELECT 1 -- job='x'",
            "/* job=x */ SELECT 1",
            "SELECT '/*job='",
        ] {
            assert_eq!(labels(sql), Labels::default(), "{sql}");
        }
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let sql = format!("SELECT 1 /*job='{}'*/", "%C3%A9".repeat(40));
        assert_eq!(labels(&sql).labels["job"], "é".repeat(32));
    }
}
