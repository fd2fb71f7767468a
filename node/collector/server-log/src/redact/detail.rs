//! Values in `DETAIL`.

use super::Removed;
use super::lexer::{Kind, Quotes, lex};
use super::sql::without_literals;
use crate::Record;

/// Ends of a sentence about a key, behind the values.
const KEY_ENDS: [&str; 5] = [
    ") already exists.",
    ") is not present in table ",
    ") is still referenced from table ",
    ") is duplicated.",
    ") is not present in ",
];

/// Takes the values out of a detail. `None` if nothing can be kept.
pub(super) fn redact(record: &Record, detail: &str, removed: &mut Removed) -> Option<String> {
    let code = record.sqlstate.as_deref().unwrap_or_default();
    if let Some((head, parameters)) = parameters(detail) {
        return Some(format!("{head}{}", names(parameters)));
    }
    if code == "40P01" || record.message.contains("deadlock detected") {
        return Some(deadlock(detail, removed));
    }
    for label in ["Failed process was running: ", "prepare: "] {
        if let Some(sql) = detail.strip_prefix(label) {
            return Some(format!("{label}{}", removed.sql(sql)));
        }
    }
    if detail.starts_with("The failed archive command was: ") {
        return Some("The failed archive command was".to_owned());
    }
    if record.function.as_deref() == Some("LogChildExit") {
        let (label, sql) = detail.split_once(": ")?;
        return Some(format!("{label}: {}", removed.sql(sql)));
    }
    if code.starts_with("22") {
        // The value, or the part of it that is wrong.
        removed.dropped();
        return None;
    }
    if let Some(kept) = key(detail) {
        return Some(kept);
    }
    for start in ["Failing row contains", "The row contains"] {
        if detail.starts_with(start) {
            return Some(start.to_owned());
        }
    }
    if code.starts_with("23") {
        removed.dropped();
        return None;
    }
    Some(detail.to_owned())
}

/// Splits `parameters: $1 = '1'`, in any language.
fn parameters(detail: &str) -> Option<(&str, &str)> {
    let at = detail.find("$1 = ")?;
    let (head, parameters) = detail.split_at_checked(at)?;
    (head.len() < 80 && head.trim_end().ends_with(':')).then_some((head, parameters))
}

/// The names of parameters: each `$n` before an equals sign.
fn names(parameters: &str) -> String {
    let tokens = lex(parameters, Quotes::Names).unwrap_or_default();
    let tokens: Vec<_> = tokens
        .into_iter()
        .filter(|(_, text)| *text != " ")
        .collect();
    let pairs = tokens.iter().zip(tokens.iter().skip(1));
    let names = pairs.filter(|((kind, _), (_, next))| *kind == Kind::Parameter && *next == "=");
    let names: Vec<&str> = names.map(|((_, name), _)| *name).collect();
    names.join(", ")
}

/// `Key (a, b)=(1, 2) already exists.` without what stands between the second parentheses.
fn key(detail: &str) -> Option<String> {
    let (columns, values) = detail
        .split_once(")=(")
        .or_else(|| detail.split_once(") = ("))?;
    if values.contains(") conflicts with ") {
        return Some(format!("{columns}) conflicts with existing key."));
    }
    let ends = KEY_ENDS.iter().filter_map(|end| values.rfind(end));
    let end = ends
        .max()
        .and_then(|at| values.get(at + 1..))
        .unwrap_or_default();
    Some(format!("{columns}){end}"))
}

/// Lines about who waits for whom, then `Process 1: SQL`, of many lines.
fn deadlock(detail: &str, removed: &mut Removed) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut speech: Option<(String, String)> = None;
    let mut end = |speech: Option<(String, String)>, out: &mut Vec<String>| {
        out.extend(speech.map(|(head, sql)| format!("{head}{}", removed.sql(&sql))));
    };
    for line in detail.split('\n') {
        if let Some((head, sql)) = speaker(line) {
            end(speech.take(), &mut out);
            speech = Some((head.to_owned(), sql.to_owned()));
        } else if let Some((_, sql)) = &mut speech {
            sql.push('\n');
            sql.push_str(line);
        } else {
            out.push(line.to_owned());
        }
    }
    end(speech, &mut out);
    out.join("\n")
}

/// Splits `Process 1: SQL`, in any language: a word, a number, a colon.
fn speaker(line: &str) -> Option<(&str, &str)> {
    let (head, _) = line.split_once(": ")?;
    let (word, number) = head.trim_end().split_once(' ')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = !word.is_empty() && word.chars().all(char::is_alphabetic);
    if is_word && is_number {
        line.split_at_checked(head.len() + 2)
    } else {
        None
    }
}

/// As for [`super::sql`], in the place of one value.
impl Removed {
    pub(super) fn sql(&mut self, sql: &str) -> String {
        // What the server writes instead of a text that it does not have.
        if sql.starts_with('<') && sql.ends_with('>') && sql.len() < 60 {
            return sql.to_owned();
        }
        without_literals(sql, Quotes::Names).unwrap_or_else(|| {
            self.dropped();
            String::new()
        })
    }
}
