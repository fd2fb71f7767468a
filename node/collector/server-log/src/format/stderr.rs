//! `stderr`: a prefix before each line, parts with labels, continuation lines with a tab.

use super::label::{self, Label, Part};
use super::lines::Line;
use super::prefix::Prefix;
use super::record::Record;
use super::severity::Severity;
use super::{Counts, MAX_RECORD_BYTES, text};
use crate::Zones;

/// The record that is being put together.
#[derive(Clone, Debug)]
struct Open {
    record: Record,
    part: Part,
    location: String,
    /// Bytes of text that it holds.
    size: usize,
    /// Bytes of the file since it started.
    length: u64,
    is_unknown: bool,
}

/// Puts records together from lines.
#[derive(Clone, Debug)]
pub(super) struct Stderr {
    prefix: Prefix,
    open: Option<Open>,
}

impl Stderr {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self { prefix, open: None }
    }

    /// Takes a line, and gives the record that ended before it.
    pub(super) fn line(
        &mut self,
        line: &Line,
        zones: &Zones,
        counts: &mut Counts,
        out: &mut Vec<Record>,
    ) {
        let line_text = text::decode(&line.bytes, &mut counts.replaced_characters);
        let found = match line_text.strip_prefix('\t') {
            Some(continued) => Err(continued),
            None => self.prefix.parse(&line_text, zones).ok_or(""),
        };
        if let Ok((record, label @ (Label::Severity(_) | Label::Unknown), body)) = found {
            out.extend(self.finish(counts));
            self.open = Some(Open::new(record, label, body, line));
            return;
        }
        let Some(open) = self.open.as_mut() else {
            counts.unparsed_lines += u64::from(!line_text.is_empty());
            return;
        };
        open.length += line.length;
        match found {
            Ok((record, Label::Part(part), body)) if open.is_of(&record) => {
                open.begin(part, body, line.is_cut);
            }
            Err(continued) if line_text.starts_with('\t') => {
                open.append("\n", line.is_cut);
                open.append(continued, line.is_cut);
            }
            _ => counts.unparsed_lines += u64::from(!line_text.is_empty()),
        }
    }

    /// Ends the open record.
    pub(super) fn finish(&mut self, counts: &mut Counts) -> Option<Record> {
        let record = self.open.take()?.close();
        counts.cut_records += u64::from(record.is_cut);
        Some(record)
    }

    /// Bytes of the file since the open record started.
    pub(super) fn pending(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.length)
    }
}

impl Open {
    fn new(record: Record, label: Label, body: &str, line: &Line) -> Self {
        let mut open = Self {
            record,
            part: Part::Message,
            location: String::new(),
            size: 0,
            length: line.length,
            is_unknown: label == Label::Unknown,
        };
        if let Label::Severity(severity) = label {
            open.record.severity = severity;
        }
        let (code, body) = verbose_code(body, open.record.sqlstate.as_deref());
        open.record.sqlstate = code.map(str::to_owned).or(open.record.sqlstate.take());
        open.append(body, line.is_cut);
        open
    }

    /// Whether a part with these fields belongs to this record: its process wrote it.
    fn is_of(&self, part: &Record) -> bool {
        self.record.pid == part.pid && self.record.session_id == part.session_id
    }

    fn begin(&mut self, part: Part, body: &str, is_cut: bool) {
        self.part = part;
        self.append(body, is_cut);
    }

    fn append(&mut self, text: &str, is_cut: bool) {
        let room = MAX_RECORD_BYTES.saturating_sub(self.size);
        let kept = text
            .get(..text.floor_char_boundary(room))
            .unwrap_or_default();
        self.size += kept.len();
        self.record.is_cut |= is_cut || kept.len() < text.len();
        let record = &mut self.record;
        let part = match self.part {
            Part::Message => &mut record.message,
            Part::Detail => record.detail.get_or_insert_default(),
            Part::Hint => record.hint.get_or_insert_default(),
            Part::Query => record.internal_query.get_or_insert_default(),
            Part::Context => record.context.get_or_insert_default(),
            Part::Statement => record.statement.get_or_insert_default(),
            Part::Location => &mut self.location,
            Part::Backtrace => return,
        };
        part.push_str(kept);
    }

    fn close(self) -> Record {
        let mut record = self.record;
        if !self.location.is_empty() {
            record.set_location(&self.location);
        }
        if self.is_unknown {
            record.severity = record
                .sqlstate
                .as_deref()
                .map_or(Severity::Log, Severity::of_sqlstate);
        }
        let position = label::take_position(&mut record.message);
        if record.internal_query.is_some() {
            record.internal_position = position;
        } else {
            record.position = position;
        }
        record
    }
}

/// Takes the code that `log_error_verbosity = verbose` puts before a message. Where the prefix has
/// the code too, only that one is taken; else a code has a digit, as all of PostgreSQL's have.
fn verbose_code<'a>(body: &'a str, known: Option<&str>) -> (Option<&'a str>, &'a str) {
    let Some((code, rest)) = body.split_once(": ") else {
        return (None, body);
    };
    let is_code = match known {
        Some(known) => code == known,
        None => {
            code.len() == 5
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
                && code.bytes().any(|byte| byte.is_ascii_digit())
        }
    };
    if is_code {
        (Some(code), rest)
    } else {
        (None, body)
    }
}
