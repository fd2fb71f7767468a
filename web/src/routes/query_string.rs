//! Arguments in the query string.

use std::borrow::Cow;

use pga_storage::{Position, Timestamp};

use super::bounded::Bounded;
use crate::refusal::Refusal;
use crate::timestamps;

/// The decoded pairs of a query string; of repeated names the first counts.
#[derive(Debug)]
pub(super) struct QueryString(Vec<(String, String)>);

impl QueryString {
    pub(super) fn parse(raw: &str) -> Result<Self, Refusal> {
        let pairs: Vec<_> = form_urlencoded::parse(raw.as_bytes())
            .map(|(name, value)| (name.into_owned(), with_zone(value)))
            .collect();
        // Bytes that are no UTF-8 become this character.
        let is_text = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
        if !is_escaped(raw)
            || !pairs
                .iter()
                .all(|(name, value)| is_text(name) && is_text(value))
        {
            let text = "The query string is not properly escaped";
            return Err(Refusal::bad("argument", text));
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

    /// A number, as its bounds have it.
    pub(super) fn number(&self, number: Bounded) -> u32 {
        number.of(self.text(number.name))
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

/// Whether each percent sign begins an escaped byte; the decoder would keep one that does not.
fn is_escaped(raw: &str) -> bool {
    raw.split('%').skip(1).all(|rest| {
        let mut bytes = rest.bytes();
        let mut is_digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        is_digit() && is_digit()
    })
}

/// Puts the plus of a zone offset back, as clients forget to escape it.
fn with_zone(text: Cow<'_, str>) -> String {
    let is_zone = |at: usize| text.get(10..11).is_some_and(|t| t == "T") && at >= 19;
    match text.rfind(' ') {
        Some(at) if is_zone(at) => text.replacen(' ', "+", 1),
        _ => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_bounded() {
        let query =
            QueryString::parse("a=x%20y+z&n=7&big=999&bad=x&t=2026-01-01T00:00:00+02:00").unwrap();
        assert_eq!(query.text("a"), Some("x y z"));
        for (name, want) in [("n", 7), ("big", 10), ("bad", 3), ("none", 3)] {
            assert_eq!(query.number(Bounded::new(name, 1, 10, 3)), want, "{name}");
        }
        let time = query.time("t").unwrap().map(|time| time.to_string());
        assert_eq!(time.as_deref(), Some("2025-12-31T22:00:00Z"));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(QueryString::parse(bad).is_err(), "{bad}");
        }
    }
}
