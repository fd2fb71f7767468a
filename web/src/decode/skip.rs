//! Over a value that is not read: strings and brackets tell where it ends.

/// Most brackets that are open at once.
const MAX_OPEN: usize = 100_000;
/// Longest name of a type that is told.
const MAX_KIND: usize = 64;

/// A value that was not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped<'a> {
    /// Bytes of the value.
    pub(super) length: usize,
    /// The member `type` of an object, if it is a short plain string.
    pub(super) kind: Option<&'a str>,
    /// Whether it is an object.
    pub(super) is_object: bool,
}

/// The value at the start of `text`; `None` if it does not end, or is nested too deep.
pub(super) fn value(text: &str) -> Option<Skipped<'_>> {
    let bytes = text.as_bytes();
    let is_object = *bytes.first()? == b'{';
    let mut skipped = Skipped {
        is_object,
        ..Skipped::default()
    };
    if !matches!(bytes.first()?, b'{' | b'[') {
        skipped.length = scalar(text)?;
        return Some(skipped);
    }
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = at + string(text.get(at..)?)?;
                if is_object && open.len() == 1 && text.get(at..end) == Some("\"type\"") {
                    skipped.kind = skipped.kind.or_else(|| kind(text.get(end..)?));
                }
                at = end;
                continue;
            }
            b'{' | b'[' if open.len() == MAX_OPEN => return None,
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(*byte) {
                    return None;
                }
                if open.is_empty() {
                    skipped.length = at + 1;
                    return Some(skipped);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Bytes of the string at the start of `text`, quotes included.
fn string(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    None
}

fn scalar(text: &str) -> Option<usize> {
    if text.starts_with('"') {
        return string(text);
    }
    let ends = |byte: u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
    text.bytes().position(ends)
}

/// The string after a key's colon.
fn kind(text: &str) -> Option<&str> {
    let value = text
        .trim_ascii_start()
        .strip_prefix(':')?
        .trim_ascii_start();
    let end = string(value.starts_with('"').then_some(value)?)?;
    let kind = value.get(1..end - 1)?;
    (kind.len() <= MAX_KIND && !kind.contains('\\')).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_brackets_and_strings_do() {
        for (text, length, kind) in [
            (r#"{"a":[1,"]}",{}]},{"#, Some(17), None),
            (r#"{"type":"pg_log","x":"a\"b"} "#, Some(28), Some("pg_log")),
            (
                r#"{"x":{"type":"inner"},"type" : "outer"}"#,
                Some(39),
                Some("outer"),
            ),
            (r#"{"type":7}"#, Some(10), None),
            (r#""a\\",1"#, Some(5), None),
            ("12345]", Some(5), None),
            (r#"{"a":]"#, None, None),
            (r#"{"a":"b}"#, None, None),
            ("[[1]", None, None),
            ("", None, None),
        ] {
            let found = value(text);
            assert_eq!(found.map(|found| found.length), length, "{text}");
            assert_eq!(found.and_then(|found| found.kind), kind, "{text}");
        }
        assert_eq!(value(&"[".repeat(1 << 20)), None);
    }
}
