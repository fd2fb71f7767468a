//! Letters and words of severities.

use super::invalid::invalid;
use crate::refusal::Refusal;

/// The word for a severity's letter.
pub(super) fn severity_word(letter: &str) -> &'static str {
    match letter {
        "c" => "critical",
        "w" => "warning",
        _ => "info",
    }
}

/// The letter of a severity, from its letter or its word.
pub(super) fn severity_letter(key: &str, text: &str) -> Result<&'static str, Refusal> {
    match text {
        "c" | "critical" => Ok("c"),
        "w" | "warning" => Ok("w"),
        "i" | "info" => Ok("i"),
        other => Err(invalid(format!(
            "{key} is {other:?}: use critical, warning or info"
        ))),
    }
}
