//! Patterns with named holes: `process {pid:i} acquired {mode} on {object} after {ms:f} ms`.
//!
//! A hole takes the shortest text up to what follows it; the last one takes the
//! rest of the line, or the digits of its number.
//! `{name}` is text, `{name:i}` an integer, `{name:f}` a number, `{_}` is not kept.

use serde_json::{Map, Number, Value};

/// Looks for a pattern anywhere in a text, and adds its holes to the fields. Answers whether it was
/// there; if not, the fields are as before.
pub(super) fn extract(pattern: &str, text: &str, fields: &mut Map<String, Value>) -> bool {
    let Some((start, first)) = pattern.split_once('{') else {
        return text.contains(pattern);
    };
    let Some(at) = text.find(start) else {
        return false;
    };
    let mut rest = text.get(at + start.len()..).unwrap_or_default();
    let mut pattern = first;
    let mut found = Vec::new();
    while let Some((hole, behind)) = pattern.split_once('}') {
        let (literal, next) = match behind.split_once('{') {
            Some((literal, next)) => (literal, next),
            None => (behind, ""),
        };
        let (end, length) = match literal {
            "" => (open_end(hole, rest), 0),
            literal => match rest.find(literal) {
                Some(end) => (end, literal.len()),
                None => return false,
            },
        };
        let Some(value) = typed(hole, rest.get(..end).unwrap_or_default()) else {
            return false;
        };
        found.push((hole, value));
        rest = rest.get(end + length..).unwrap_or_default();
        pattern = next;
    }
    let kept = found.into_iter().filter(|(hole, _)| *hole != "_");
    fields.extend(kept.map(|(hole, value)| (name(hole).to_owned(), value)));
    true
}

/// A number as JSON; integers stay integers.
pub(super) fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Value::from(integer));
    }
    Number::from_f64(text.parse().ok()?).map(Value::Number)
}

/// Where the last hole ends: a number at its last digit, a text at the end of the line.
fn open_end(hole: &str, rest: &str) -> usize {
    let is_number = hole.contains(':');
    let ends = |c: char| match is_number {
        true => !(c.is_ascii_digit() || matches!(c, '.' | '-')),
        false => c == '\n',
    };
    rest.find(ends).unwrap_or(rest.len())
}

fn name(hole: &str) -> &str {
    hole.split_once(':').map_or(hole, |(name, _)| name)
}

fn typed(hole: &str, text: &str) -> Option<Value> {
    match hole.split_once(':') {
        Some((_, "i")) => Some(Value::from(text.trim().parse::<i64>().ok()?)),
        Some((_, "f")) => {
            let number: f64 = text.trim().parse().ok()?;
            Number::from_f64(number).map(Value::Number)
        }
        _ => Some(Value::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn holes_are_named_and_typed() {
        for (pattern, text, want) in [
            (
                "process {pid:i} got {mode} after {ms:f} ms",
                "LOG process 7 got X Y after 1.50 ms.",
                Some(json!({"pid": 7, "mode": "X Y", "ms": 1.5})),
            ),
            (
                "{a}, {_}; {b}",
                "one, two; three\nfour",
                Some(json!({"a": "one", "b": "three"})),
            ),
            ("size {bytes:i}", "size 12\nx", Some(json!({"bytes": 12}))),
            (
                "signal {signal:i}",
                "signal 9: Killed",
                Some(json!({"signal": 9})),
            ),
            ("size {bytes:i}", "size x", None),
            ("size {bytes:i} kB", "size 12", None),
            ("plain", "is plain", Some(json!({}))),
            ("plain", "is not", None),
            ("n={n:f}", "n=NaN", None),
        ] {
            let mut fields = Map::new();
            let is_found = extract(pattern, text, &mut fields);
            let got = is_found.then_some(Value::Object(fields));
            assert_eq!(got, want, "{pattern}");
        }
    }
}
