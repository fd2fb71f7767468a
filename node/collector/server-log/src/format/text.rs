//! Text from bytes: a log mixes the encodings of all databases.

use std::borrow::Cow;

/// The bytes as text: valid UTF-8 as it is; each byte sequence that is none as one U+FFFD, counted.
pub(super) fn decode<'a>(bytes: &'a [u8], replaced: &mut u64) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
            *replaced += 1;
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf8_is_replaced_and_counted() {
        let mut replaced = 0;
        assert_eq!(decode("Größe".as_bytes(), &mut replaced), "Größe");
        assert_eq!(replaced, 0);
        assert_eq!(
            decode(b"caf\xe9 \xff!", &mut replaced),
            "caf\u{fffd} \u{fffd}!"
        );
        assert_eq!(replaced, 2);
    }
}
