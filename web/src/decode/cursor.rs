//! A place in JSON text, and the tokens from there on (RFC 8259).

use std::borrow::Cow;

use super::fault::DecodeError;
use super::skip::{self, Skipped};

/// Longest string, in bytes.
pub(super) const MAX_STRING: usize = 1 << 20;

/// What [`marked`] puts in the place of a byte that is no UTF-8: no string may hold it.
const MARK: u8 = 1;

/// `bytes` with each byte that is no UTF-8 replaced, so that what stands around them can be read.
pub(super) fn marked(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::from(MARK)));
    }
    text
}

/// A place in JSON text; copies are bookmarks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// [`MARK`] stands for bytes that are no UTF-8.
    broken: bool,
}

/// A string between its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a str,
    pub(super) escaped: bool,
}

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    pub(super) token: &'a str,
    pub(super) integer: bool,
}

impl<'a> Cursor<'a> {
    /// At the start of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            at: 0,
            broken: false,
        }
    }

    /// The same for a text that [`marked`] made.
    pub(super) fn of_marked(text: &'a str) -> Self {
        Self {
            broken: true,
            ..Self::new(text)
        }
    }

    /// Reads over the value here as far as strings and brackets delimit it, whatever else is wrong
    /// in it. `None` if nothing does, or if it is nested too deep.
    pub(super) fn skip_value(&mut self) -> Option<Skipped<'a>> {
        self.skip_space();
        let rest = self.text.get(self.at..)?;
        let skipped = skip::value(rest)?;
        self.at += skipped.length;
        Some(skipped)
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The first byte of the next token.
    #[inline]
    pub(super) fn next_token(&mut self) -> Option<u8> {
        self.skip_space();
        self.peek()
    }

    #[cold]
    pub(super) fn wrong(&self, what: &str) -> DecodeError {
        if self.broken && self.peek() == Some(MARK) {
            return DecodeError::bad("utf8", format!("no UTF-8 at byte {}", self.at));
        }
        if self.at >= self.text.len() {
            return DecodeError::bad("json", "the JSON text ends too early");
        }
        DecodeError::bad("json", format!("{what} at byte {}", self.at))
    }

    #[cold]
    fn control(&self) -> DecodeError {
        if self.broken && self.peek() == Some(MARK) {
            return self.wrong("");
        }
        let text = format!("a control character in a string at byte {}", self.at);
        DecodeError::bad("control_character", text)
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.next_token() != Some(byte) {
            return Err(self.wrong("an unexpected character"));
        }
        self.at += 1;
        Ok(())
    }

    /// Goes to the next value of an array or the next key of an object; `false` at its end.
    #[inline]
    pub(super) fn next_item(&mut self, first: &mut bool, end: u8) -> Result<bool, DecodeError> {
        match self.next_token() {
            Some(byte) if byte == end && *first => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if *first => {
                *first = false;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.wrong("an unexpected character")),
        }
    }

    /// The next key of an object, its colon behind us; `None` at the end.
    #[inline]
    pub(super) fn next_key(&mut self, first: &mut bool) -> Result<Option<Text<'a>>, DecodeError> {
        if !self.next_item(first, b'}')? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':')?;
        self.skip_space();
        Ok(Some(key))
    }

    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'a>, DecodeError> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a string was expected"));
        }
        let start = self.at + 1;
        let mut escaped = false;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let mut bytes = rest.iter().enumerate();
        while let Some((n, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.at = start + n + 1;
                    if n > MAX_STRING {
                        let text = format!("a string is longer than {MAX_STRING} bytes");
                        return Err(DecodeError::invalid("string_bytes", text));
                    }
                    let raw = self.text.get(start..start + n).unwrap_or_default();
                    return Ok(Text { raw, escaped });
                }
                b'\\' => {
                    escaped = true;
                    bytes.next();
                }
                0..0x20 => {
                    self.at = start + n;
                    return Err(self.control());
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        Err(self.wrong("an open string"))
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<Number<'a>, DecodeError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.digits()?;
        if first == Some(b'0') && whole > 1 {
            return Err(self.wrong("a number with a leading zero"));
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let token = self.text.get(start..self.at).unwrap_or_default();
        Ok(Number { token, integer })
    }

    #[inline]
    fn digits(&mut self) -> Result<usize, DecodeError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.wrong("a value or digit was expected"));
        }
        Ok(self.at - start)
    }

    /// One of `true`, `false`, `null`.
    pub(super) fn word(&mut self) -> Result<&'static str, DecodeError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for word in ["true", "false", "null"] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(word);
            }
        }
        Err(self.wrong("an unexpected character"))
    }
}

impl<'a> Text<'a> {
    /// The string itself.
    #[inline]
    pub(super) fn get(self) -> Result<Cow<'a, str>, DecodeError> {
        if self.escaped {
            self.unescape().map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(self.raw))
        }
    }

    fn unescape(self) -> Result<String, DecodeError> {
        let mut out = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some((plain, tail)) = rest.split_once('\\') {
            out.push_str(plain);
            let mut chars = tail.chars();
            out.push(match chars.next() {
                Some(byte @ ('"' | '\\' | '/')) => byte,
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let (char, tail) = unicode(chars.as_str())?;
                    chars = tail.chars();
                    char
                }
                _ => return Err(DecodeError::bad("escape", "an unknown escape in a string")),
            });
            rest = chars.as_str();
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The character after `\u`, and what follows it.
fn unicode(text: &str) -> Result<(char, &str), DecodeError> {
    let lone = || DecodeError::bad("surrogate", "a lone surrogate in a string");
    let (first, tail) = hex(text)?;
    match first {
        0 => Err(DecodeError::invalid("nul", "a NUL character in a string")),
        0xd800..0xdc00 => {
            let (second, tail) = hex(tail.strip_prefix("\\u").ok_or_else(lone)?)?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(lone());
            }
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Ok((char::from_u32(code).ok_or_else(lone)?, tail))
        }
        code => Ok((char::from_u32(code).ok_or_else(lone)?, tail)),
    }
}

fn hex(text: &str) -> Result<(u32, &str), DecodeError> {
    let wrong = || DecodeError::bad("escape", "an unknown escape in a string");
    let (digits, tail) = text.split_at_checked(4).ok_or_else(wrong)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    Ok((u32::from_str_radix(digits, 16).map_err(|_| wrong())?, tail))
}
