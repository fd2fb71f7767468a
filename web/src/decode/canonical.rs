//! Canonical JSON: compact, keys ordered bytewise, each key once, numbers in one form.

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::{Cursor, Number};
use super::fault::DecodeError;

/// Deepest nesting of arrays and objects, the envelope included.
const MAX_DEPTH: usize = 128;
/// Fields that only ever count up from zero.
const COUNTERS: &[&str] = &[
    "calls",
    "rows",
    "shared_blks_dirtied",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_written",
    "transactions_committed",
    "transactions_rolledback",
    "tuples_deleted",
    "tuples_fetched",
    "tuples_inserted",
    "tuples_returned",
    "tuples_updated",
];

/// One member of an object that was written.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) key: Cow<'a, str>,
    /// The member in the output, from its key's quote on.
    whole: Range<usize>,
    /// Its value in the output.
    value: Range<usize>,
}

/// Rewrites values into canonical form.
#[derive(Debug, Default)]
pub(super) struct Canonical<'a> {
    out: Vec<u8>,
    /// Members of the objects that are open, and of the one that was written last by
    /// [`Canonical::object`].
    members: Vec<Member<'a>>,
    sorted: Vec<u8>,
    /// A field of [`COUNTERS`] was negative.
    pub(super) negative_counter: bool,
    /// Members of the object in the member `labels` or `tags` at the top, if it was one.
    pub(super) labels: usize,
    /// Longest string in there, in bytes.
    pub(super) longest_label: usize,
    longest: usize,
}

impl<'a> Canonical<'a> {
    /// Rewrites the object at `cursor`, which stands in `depth` others; its members can be asked
    /// for with [`Canonical::member`] until the next one.
    pub(super) fn object(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
    ) -> Result<Vec<u8>, DecodeError> {
        self.clear();
        self.write_object(cursor, depth, true)?;
        Ok(self.out.as_slice().to_vec())
    }

    /// Reads over a value that nobody wants, with all checks.
    pub(super) fn skip(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
    ) -> Result<(), DecodeError> {
        self.clear();
        self.value(cursor, depth)
    }

    /// The canonical text of the value at `cursor`.
    pub(super) fn value_text(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
    ) -> Result<Vec<u8>, DecodeError> {
        self.skip(cursor, depth)?;
        Ok(self.out.as_slice().to_vec())
    }

    /// The canonical text of a member of the last object.
    pub(super) fn member(&self, key: &str) -> Option<&[u8]> {
        let found = self
            .members
            .binary_search_by(|member| member.key.as_ref().cmp(key))
            .ok()?;
        self.out.get(self.members.get(found)?.value.clone())
    }

    fn clear(&mut self) {
        self.out.clear();
        self.members.clear();
        self.negative_counter = false;
        self.labels = 0;
        self.longest_label = 0;
    }

    fn value(&mut self, cursor: &mut Cursor<'a>, depth: usize) -> Result<(), DecodeError> {
        match cursor.next_token() {
            Some(b'{') => {
                let base = self.members.len();
                self.write_object(cursor, depth, false)?;
                self.members.truncate(base);
                Ok(())
            }
            Some(b'[') => self.array(cursor, depth),
            Some(b'"') => {
                let text = cursor.string()?;
                self.longest = self.longest.max(text.raw.len());
                if text.escaped {
                    let text = text.get()?;
                    write_text(&mut self.out, &text);
                } else {
                    self.out.push(b'"');
                    self.out.extend_from_slice(text.raw.as_bytes());
                    self.out.push(b'"');
                }
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = cursor.number()?;
                write_number(&mut self.out, number)
            }
            _ => {
                let word = cursor.word()?;
                self.out.extend_from_slice(word.as_bytes());
                Ok(())
            }
        }
    }

    fn array(&mut self, cursor: &mut Cursor<'a>, depth: usize) -> Result<(), DecodeError> {
        check_depth(depth)?;
        cursor.expect(b'[')?;
        self.out.push(b'[');
        let mut first = true;
        let mut start = true;
        while cursor.next_item(&mut first, b']')? {
            if !std::mem::take(&mut start) {
                self.out.push(b',');
            }
            self.value(cursor, depth + 1)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn write_object(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
        top: bool,
    ) -> Result<(), DecodeError> {
        check_depth(depth)?;
        let base = self.members.len();
        let start = self.out.len();
        cursor.expect(b'{')?;
        self.out.push(b'{');
        let (mut first, mut ordered) = (true, true);
        while let Some(key) = cursor.next_key(&mut first)? {
            let key = key.get()?;
            if self.members.len() > base {
                self.out.push(b',');
                ordered &= self.members.last().is_some_and(|last| last.key < key);
            }
            let from = self.out.len();
            write_text(&mut self.out, &key);
            self.out.push(b':');
            let value = self.out.len();
            self.member_value(cursor, depth, top, &key)?;
            let to = self.out.len();
            self.members.push(Member {
                key,
                whole: from..to,
                value: value..to,
            });
        }
        if !ordered {
            self.sort(base, start + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn member_value(
        &mut self,
        cursor: &mut Cursor<'a>,
        depth: usize,
        top: bool,
        key: &str,
    ) -> Result<(), DecodeError> {
        if cursor.peek() == Some(b'-') && COUNTERS.contains(&key) {
            self.negative_counter = true;
        }
        if !(top && (key == "labels" || key == "tags") && cursor.peek() == Some(b'{')) {
            return self.value(cursor, depth + 1);
        }
        let base = self.members.len();
        self.longest = 0;
        self.write_object(cursor, depth + 1, false)?;
        let labels = self.members.len() - base;
        let longest_key = self
            .members
            .iter()
            .skip(base)
            .map(|member| member.key.len())
            .max()
            .unwrap_or(0);
        self.labels = self.labels.max(labels);
        self.longest_label = self.longest_label.max(self.longest).max(longest_key);
        self.members.truncate(base);
        Ok(())
    }

    /// Orders the members from `base` on, whose text starts at `start` in the output.
    fn sort(&mut self, base: usize, start: usize) -> Result<(), DecodeError> {
        let Some(members) = self.members.get_mut(base..) else {
            return Ok(());
        };
        members.sort_by(|a, b| a.key.cmp(&b.key));
        self.sorted.clear();
        let mut before: Option<&str> = None;
        for member in members.iter_mut() {
            if before == Some(member.key.as_ref()) {
                let text = format!(
                    "the key {:?} stands twice in one object",
                    shorten(&member.key)
                );
                return Err(DecodeError::bad("duplicate_key", text));
            }
            if before.is_some() {
                self.sorted.push(b',');
            }
            let at = start + self.sorted.len();
            let head = member.value.start - member.whole.start;
            self.sorted
                .extend_from_slice(self.out.get(member.whole.clone()).unwrap_or_default());
            member.whole = at..start + self.sorted.len();
            member.value = at + head..member.whole.end;
            before = Some(member.key.as_ref());
        }
        self.out.truncate(start);
        self.out.extend_from_slice(&self.sorted);
        Ok(())
    }
}

fn check_depth(depth: usize) -> Result<(), DecodeError> {
    if depth >= MAX_DEPTH {
        return Err(DecodeError::bad(
            "depth",
            format!("nested deeper than {MAX_DEPTH}"),
        ));
    }
    Ok(())
}

fn shorten(key: &str) -> String {
    key.chars().take(64).collect()
}

/// A JSON string with no more escapes than it needs.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    let needs_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    if text.as_bytes().iter().any(needs_escape) {
        // INVARIANT: a string always encodes into a vector.
        out.extend_from_slice(&serde_json::to_vec(text).unwrap_or_default());
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Integers as they are, others as the shortest text of their f64.
fn write_number(out: &mut Vec<u8>, number: Number<'_>) -> Result<(), DecodeError> {
    let token = number.token;
    if number.integer && token != "-0" {
        let fits = token.len() < 19 || token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok();
        if !fits {
            let text = format!("the integer {} needs more than 64 bits", shorten(token));
            return Err(DecodeError::invalid("integer_range", text));
        }
        out.extend_from_slice(token.as_bytes());
        return Ok(());
    }
    let value = float(token)?;
    // INVARIANT: a finite number always encodes into a vector.
    out.extend_from_slice(&serde_json::to_vec(&value).unwrap_or_default());
    Ok(())
}

/// The finite f64 nearest to `token`.
pub(super) fn float(token: &str) -> Result<f64, DecodeError> {
    match token.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(DecodeError::bad(
            "number",
            format!("the number {} is too large", shorten(token)),
        )),
    }
}
