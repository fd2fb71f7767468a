//! Arguments in the query string.

use std::borrow::Cow;
use std::str::FromStr;

use pga_storage::{Position, Timestamp};

use crate::refusal::Refusal;
use crate::timestamps;

/// The decoded pairs of a query string; of repeated names the first counts.
#[derive(Debug)]
pub(super) struct QueryString(Vec<(String, String)>);

impl QueryString {
    pub(super) fn parse(raw: &str) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((unescape(name)?, unescape(value)?));
        }
        Ok(Self(pairs))
    }

    /// The value of `name`; an empty one counts as none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A number between `least` and `most`, else `default`: never an error (contract 1.1).
    pub(super) fn number(&self, name: &str, least: u32, most: u32, default: u32) -> u32 {
        let number = self.text(name).and_then(|text| u32::from_str(text).ok());
        number
            .filter(|number| (least..=most).contains(number))
            .unwrap_or(default)
    }

    /// A flag: `true`, `false`, or not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => {
                let text = format!("{name} is {other:?}: use true or false");
                Err(Refusal::bad("argument", text))
            }
        }
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let wrong = |_| Refusal::bad("argument", format!("{name} is not a time"));
        timestamps::parse_text(text).map(Some).map_err(wrong)
    }

    pub(super) fn position(&self, name: &str) -> Result<Option<Position>, Refusal> {
        let wrong = |error| Refusal::bad("argument", format!("{name} is {error}"));
        self.text(name)
            .map(|text| text.parse().map_err(wrong))
            .transpose()
    }
}

/// Undoes percent encoding; a plus is kept if it starts a zone offset, as clients forget to escape
/// it.
fn unescape(text: &str) -> Result<String, Refusal> {
    let wrong = || Refusal::bad("argument", "The query string is not properly escaped");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = bytes
                        .next()
                        .map(char::from)
                        .and_then(|byte| byte.to_digit(16));
                    digit.ok_or_else(wrong)
                };
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(out).map_err(|_| wrong())?;
    let is_zone = |at: usize| text.get(10..11).is_some_and(|t| t == "T") && at >= 19;
    let text = match text.rfind(' ') {
        Some(at) if is_zone(at) => Cow::Owned(text.replacen(' ', "+", 1)),
        _ => Cow::Borrowed(&text),
    };
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_bounded() {
        let query =
            QueryString::parse("a=x%20y+z&n=7&big=999&bad=x&t=2026-01-01T00:00:00+02:00").unwrap();
        assert_eq!(query.text("a"), Some("x y z"));
        assert_eq!(query.number("n", 1, 10, 3), 7);
        assert_eq!(query.number("big", 1, 10, 3), 3);
        assert_eq!(query.number("bad", 1, 10, 3), 3);
        let time = query.time("t").unwrap().map(|time| time.to_string());
        assert_eq!(time.as_deref(), Some("2025-12-31T22:00:00Z"));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(QueryString::parse(bad).is_err(), "{bad}");
        }
    }
}
