//! Fitting a compiled prefix to a line.

use super::{Field, Piece};
use crate::Zones;
use crate::format::label::{self, Label};
use crate::format::moment;
use crate::format::record::{Record, some};

/// A prefix is looked for in this many bytes of a line: names have at most 63 bytes each, an
/// application name too, and a host's name 253.
const MAX_PREFIX_BYTES: usize = 2_048;

/// A label has fewer bytes.
const MAX_LABEL_BYTES: usize = 128;

/// How many places are tried before a line counts as one without a prefix. It bounds the work on a
/// prefix that starts with free texts.
const MAX_STEPS: usize = 20_000;

/// One attempt to fit.
pub(super) struct Match<'p, 'a> {
    pieces: &'p [Piece],
    whole: &'a str,
    line: &'a str,
    zones: &'p Zones,
    steps: usize,
    record: Record,
}

/// Where a label ends: what it is, and the text behind.
type End<'a> = (Label, &'a str);

impl<'p, 'a> Match<'p, 'a> {
    pub(super) fn new(pieces: &'p [Piece], line: &'a str, zones: &'p Zones) -> Self {
        // Only the first bytes are searched: a line may have a mebibyte.
        let end = line.floor_char_boundary(MAX_PREFIX_BYTES + MAX_LABEL_BYTES);
        Self {
            pieces,
            whole: line,
            line: line.get(..end).unwrap_or(line),
            zones,
            steps: 0,
            record: Record::default(),
        }
    }

    pub(super) fn run(mut self) -> Option<(Record, Label, &'a str)> {
        let (label, rest) = self.fit(self.pieces, self.line)?;
        let consumed = self.line.len() - rest.len();
        Some((self.record, label, self.whole.get(consumed..)?))
    }

    /// Fits pieces to the start of a text. On failure the record may hold fields of the attempt;
    /// a later success overwrites each of them.
    fn fit(&mut self, pieces: &[Piece], text: &'a str) -> Option<End<'a>> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return None;
        }
        let Some((first, others)) = pieces.split_first() else {
            return label::any(text);
        };
        match first {
            Piece::Literal(literal) => self.fit(others, text.strip_prefix(literal.as_str())?),
            Piece::Stop => self.fit_session(others, text),
            Piece::Escape {
                field,
                width,
                is_left,
                ..
            } => {
                let padding = Padding {
                    width: *width,
                    is_left: *is_left,
                };
                if field.is_free() {
                    return self.fit_free(*field, padding, others, text);
                }
                let start = padding.before(text);
                let value = self.take(*field, text.get(start..)?)?;
                let end = padding.after(text, start + value);
                self.fit(others, text.get(end..)?)
            }
        }
    }

    /// Behind `%q`. A session's fields come first only if no label stands here already.
    fn fit_session(&mut self, others: &[Piece], text: &'a str) -> Option<End<'a>> {
        if let Some(end) = label::known(text) {
            return Some(end);
        }
        let before = self.record.clone();
        if let Some(end) = self.fit(others, text) {
            return Some(end);
        }
        self.record = before;
        label::any(text)
    }

    /// A free text ends at the first place from which the rest fits.
    fn fit_free(
        &mut self,
        field: Field,
        padding: Padding,
        others: &[Piece],
        text: &'a str,
    ) -> Option<End<'a>> {
        let consumed = self.line.len() - text.len();
        let room = MAX_PREFIX_BYTES.saturating_sub(consumed);
        let literal = match others.first() {
            Some(Piece::Literal(literal)) => literal.as_str(),
            _ => "",
        };
        let mut end = padding.width;
        while end <= text.len().min(room) {
            let Some(tail) = text.get(end..) else {
                end += 1;
                continue;
            };
            end += tail.find(literal)?;
            let fitted = self.fit(others, text.get(end..)?);
            if fitted.is_some() {
                self.keep_text(field, padding.trim(text.get(..end)?));
                return fitted;
            }
            end += text.get(end..)?.chars().next()?.len_utf8();
        }
        None
    }

    fn keep_text(&mut self, field: Field, value: &str) {
        // What the server prints for a name that it does not have yet.
        let value = some(value).filter(|value| value != "[unknown]");
        match field {
            Field::Application => self.record.application = value,
            Field::User => self.record.user = value,
            Field::Database => self.record.database = value,
            Field::BackendType => self.record.backend_type = value,
            Field::Host => self.record.host = value,
            Field::HostAndPort => {
                let host = value.as_deref().map(|value| value.rsplit_once('('));
                self.record.host = match host {
                    Some(Some((host, _))) => some(host),
                    _ => value,
                };
            }
            _ => {}
        }
    }

    /// Reads a value that is no free text; answers its length.
    fn take(&mut self, field: Field, text: &str) -> Option<usize> {
        let digits = run(text, |c| c.is_ascii_digit());
        match field {
            Field::Pid => self.record.pid = prefix(text, digits)?.parse().ok(),
            Field::LineNumber => self.record.line_num = prefix(text, digits)?.parse().ok(),
            Field::Time => {
                let (time, rest) = moment::take(text, self.zones)?;
                self.record.time = Some(time);
                return Some(text.len() - rest.len());
            }
            Field::Epoch => {
                let (time, rest) = moment::take_epoch(text)?;
                self.record.time = Some(time);
                return Some(text.len() - rest.len());
            }
            Field::IgnoredTime => {
                let (_, rest) = moment::take(text, self.zones)?;
                return Some(text.len() - rest.len());
            }
            Field::Sqlstate => {
                let code = prefix(text, 5)?;
                let is_code = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
                self.record.sqlstate = code.chars().all(is_code).then(|| code.to_owned());
                return self.record.sqlstate.as_ref().map(String::len);
            }
            Field::SessionId => {
                let length = run(text, |c| c.is_ascii_hexdigit() || c == '.');
                self.record.session_id = some(prefix(text, length)?);
                return Some(length);
            }
            Field::QueryId => {
                let length = usize::from(text.starts_with('-'));
                let length = length + run(text.get(length..)?, |c| c.is_ascii_digit());
                let id = prefix(text, length)?.parse().ok();
                self.record.query_id = id.filter(|id| *id != 0);
                return Some(length);
            }
            Field::VirtualTransaction => {
                return Some(run(text, |c| c.is_ascii_digit() || c == '/'));
            }
            _ => {}
        }
        Some(digits)
    }
}

/// The spaces that fill a value up to a width.
#[derive(Clone, Copy)]
struct Padding {
    width: usize,
    is_left: bool,
}

impl Padding {
    /// How many spaces come before the value.
    fn before(self, text: &str) -> usize {
        if self.is_left || self.width == 0 {
            return 0;
        }
        run(text, |c| c == ' ').min(self.width)
    }

    /// Where the spaces behind a value end, which itself ends at `end`.
    fn after(self, text: &str, end: usize) -> usize {
        let has_spaces = text
            .get(end..self.width)
            .is_some_and(|fill| fill.bytes().all(|byte| byte == b' '));
        if self.is_left && has_spaces {
            self.width
        } else {
            end
        }
    }

    /// The value without the spaces.
    fn trim(self, value: &str) -> &str {
        match self {
            Self { width: 0, .. } => value,
            Self { is_left: true, .. } => value.trim_end_matches(' '),
            Self { is_left: false, .. } => value.trim_start_matches(' '),
        }
    }
}

fn prefix(text: &str, length: usize) -> Option<&str> {
    text.get(..length)
}

/// Length in bytes of the longest start whose characters all are `of`.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}
