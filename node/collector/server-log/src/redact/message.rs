//! Values in messages.

use super::Removed;
use super::lexer::Quotes;
use super::plan;
use super::sql::without_literals;
use crate::{Record, Severity};

/// The words before a statement in a message, in the languages that translate them.
///
/// # Source
/// The message catalogues of PostgreSQL 15.
const STATEMENT: [&str; 11] = [
    "statement",
    "Anweisung",
    "sentencia",
    "instruction",
    "istruzione",
    "sats",
    "оператор",
    "文",
    "语句",
    "명령 구문",
    "გამოსახულება",
];

/// Words before a statement that no language translates; a name may follow them.
const NAMED: [&str; 4] = ["execute ", "parse ", "bind ", "execute fetch from "];

/// What stands for a removed value between quotation marks.
const VALUE: &str = "?";

/// Words behind which a name stands between quotation marks, not a value.
const NAMES: [&str; 13] = [
    "column ",
    "relation ",
    "type ",
    "encoding ",
    "constraint ",
    "domain ",
    "table ",
    "parameter ",
    "function ",
    "role ",
    "database ",
    "schema ",
    "enum ",
];

/// Parameters of the server whose values are secrets or hold some.
const SECRETS: [&str; 3] = ["conninfo", "_command", "passphrase"];

/// Takes the values out of a message.
pub(super) fn redact(record: &mut Record, removed: &mut Removed) {
    let message = std::mem::take(&mut record.message);
    record.message = match kind(record, &message) {
        Kind::Plan(head, document) => {
            let plan = plan::redact(document, removed);
            format!("{head}{plan}")
        }
        Kind::Statement(head, sql) => match without_literals(sql, Quotes::Names) {
            Some(sql) => format!("{head}{sql}"),
            None => {
                removed.dropped();
                head.trim_end_matches([' ', ':']).to_owned()
            }
        },
        Kind::Value => without_values(&message, |before, _| {
            !NAMES.iter().any(|name| before.ends_with(name))
        }),
        Kind::Syntax => without_values(&message, |_, quoted| {
            let is_number = quoted.starts_with(|c: char| c.is_ascii_digit() || c == '$');
            is_number || quoted.contains('\'')
        }),
        Kind::Setting => match message.split_once(" to \"") {
            Some((head, _)) => format!("{head} to \"{VALUE}\""),
            None => message,
        },
        Kind::Invalid => without_values(&message, |before, _| !before.ends_with("parameter ")),
        Kind::Plain => message,
    };
}

enum Kind<'a> {
    /// auto_explain's: what comes before the document, and that.
    Plan(&'a str, &'a str),
    /// What comes before a statement, and that.
    Statement(&'a str, &'a str),
    /// Data that is wrong: values between quotation marks.
    Value,
    /// A statement that is wrong: the place at which it is.
    Syntax,
    /// A setting that changed and holds secrets.
    Setting,
    /// A setting whose value is wrong.
    Invalid,
    Plain,
}

fn kind<'a>(record: &Record, message: &'a str) -> Kind<'a> {
    let is_failure = record.severity >= Severity::Warning;
    let code = record.sqlstate.as_deref().unwrap_or_default();
    if !is_failure && let Some((head, document)) = plan_document(record, message) {
        return Kind::Plan(head, document);
    }
    if !is_failure && let Some((head, sql)) = statement(message) {
        return Kind::Statement(head, sql);
    }
    let is_invalid = message.starts_with("invalid value for parameter \"");
    if is_invalid || (code == "22023" && !is_failure) {
        return Kind::Invalid;
    }
    let tells_values = [
        "invalid input",
        "value \"",
        "date/time field",
        "invalid value",
        "invalid byte",
        "malformed",
    ];
    if code.starts_with("22")
        || (code.is_empty() && tells_values.iter().any(|text| message.starts_with(text)))
    {
        return Kind::Value;
    }
    if code.starts_with("42") || (code.is_empty() && message.contains(" at or near \"")) {
        return Kind::Syntax;
    }
    let is_secret = SECRETS.iter().any(|part| message.contains(part));
    if is_secret && message.starts_with("parameter \"") {
        return Kind::Setting;
    }
    Kind::Plain
}

/// Splits `duration: 1.0 ms  plan:\n…`; the word `plan` is not translated, the function tells too.
fn plan_document<'a>(record: &Record, message: &'a str) -> Option<(&'a str, &'a str)> {
    let (line, _) = message.split_once('\n')?;
    let is_plan =
        line.ends_with("plan:") || record.function.as_deref() == Some("explain_ExecutorEnd");
    if is_plan {
        message.split_at_checked(line.len() + 1)
    } else {
        None
    }
}

/// Splits `statement: SQL`, `execute name: SQL`, `duration: 1.0 ms  parse name: SQL`.
fn statement(message: &str) -> Option<(&str, &str)> {
    let word = word_of_statement(message)?;
    let colon = message.get(word..)?.find(": ")?;
    message.split_at_checked(word + colon + 2)
}

/// Where the word before a statement stands: at the start, or behind the figure of a duration.
fn word_of_statement(message: &str) -> Option<usize> {
    let is_word = |text: &str| {
        let of_word = |word: &str| {
            let behind = text.strip_prefix(word).unwrap_or_default();
            behind.starts_with(": ") || behind.starts_with(" : ")
        };
        STATEMENT.iter().any(|word| of_word(word))
            || NAMED.iter().any(|word| text.starts_with(word))
    };
    if is_word(message) {
        return Some(0);
    }
    let (label, rest) = message.split_once(": ")?;
    let figure = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    if figure == 0 {
        return None;
    }
    // " ms  ", " ms, ", " мс, ", " ミリ秒  ": the words begin behind one of the next spaces.
    let start = label.len() + 2 + figure;
    let spaces = message.get(start..)?.match_indices(' ').take(4);
    let mut starts = spaces.map(|(at, _)| start + at + 1);
    starts.find(|at| message.get(*at..).is_some_and(is_word))
}

/// Replaces what stands between double quotation marks (or `»«`, `«»`) where the predicate, given
/// the text before and the quoted one, says that it is a value. What is not closed is a value up to
/// the end; so is a byte sequence behind `: 0x`.
fn without_values(message: &str, is_value: impl Fn(&str, &str) -> bool) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(open) = rest.find(['"', '»', '«']) {
        let (before, quoted) = rest.split_at_checked(open).unwrap_or((rest, ""));
        let mut letters = quoted.chars();
        let mark = letters.next().unwrap_or('"');
        let close = match mark {
            '»' => '«',
            '«' => '»',
            mark => mark,
        };
        let body = letters.as_str();
        out.push_str(before);
        out.push(mark);
        // A value may hold quotation marks itself: the last one of the line ends it.
        let is_last = body.matches(close).count() <= 1 || before.ends_with(": ");
        let end = if is_last {
            body.rfind(close)
        } else {
            body.find(close)
        };
        let text = body.get(..end.unwrap_or(body.len())).unwrap_or_default();
        out.push_str(if is_value(before, text) { VALUE } else { text });
        let Some(end) = end else {
            return out;
        };
        out.push(close);
        rest = body.get(end + close.len_utf8()..).unwrap_or_default();
    }
    out.push_str(rest);
    match out.find(": 0x") {
        Some(at) => out.get(..at).unwrap_or_default().to_owned(),
        None => out,
    }
}
