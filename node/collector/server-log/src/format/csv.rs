//! `csvlog`: 24 columns in 13, 26 from 14; quoted fields hold newlines.

use super::lines::Line;
use super::record::{Record, some};
use super::severity::Severity;
use super::{Counts, MAX_RECORD_BYTES, label, moment, text};
use crate::Zones;

/// Columns of 13, the fewest there are.
const COLUMNS: usize = 24;

/// The record that is being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Csv {
    bytes: Vec<u8>,
    length: u64,
    quotes: u64,
    is_cut: bool,
}

impl Csv {
    /// Takes a line, and gives the record that ended with it.
    ///
    /// A record starts with a time. Other lines outside of one are counted and left out: that is
    /// how a reader that starts within a quoted field, or behind damage, finds its place. A line
    /// with a time also ends an open record that has reached its cap.
    pub(super) fn line(
        &mut self,
        line: &Line,
        zones: &Zones,
        counts: &mut Counts,
        out: &mut Vec<Record>,
    ) {
        let starts = moment::starts_with_time(&line.bytes);
        if starts && self.is_cut {
            out.extend(self.finish(zones, counts));
        }
        if self.length == 0 && !starts {
            counts.unparsed_lines += u64::from(!line.bytes.is_empty());
            return;
        }
        self.append(line);
        if self.quotes.is_multiple_of(2) {
            out.extend(self.finish(zones, counts));
        }
    }

    /// Ends the open record.
    pub(super) fn finish(&mut self, zones: &Zones, counts: &mut Counts) -> Option<Record> {
        let whole = std::mem::take(self);
        if whole.length == 0 {
            return None;
        }
        let text = text::decode(&whole.bytes, &mut counts.replaced_characters);
        let fields = fields(&text);
        let is_whole = fields.len() >= COLUMNS || whole.is_cut;
        let Some(record) = from_fields(&fields, zones).filter(|_| is_whole) else {
            counts.unparsed_lines += 1;
            return None;
        };
        counts.cut_records += u64::from(whole.is_cut);
        Some(Record {
            is_cut: whole.is_cut,
            ..record
        })
    }

    /// Bytes of the file that the open record took.
    pub(super) fn pending(&self) -> u64 {
        self.length
    }

    fn append(&mut self, line: &Line) {
        if self.length > 0 {
            self.bytes.push(b'\n');
        }
        let room = MAX_RECORD_BYTES.saturating_sub(self.bytes.len());
        let kept = line
            .bytes
            .get(..room.min(line.bytes.len()))
            .unwrap_or_default();
        self.bytes.extend_from_slice(kept);
        self.is_cut |= line.is_cut || kept.len() < line.bytes.len();
        self.length += line.length;
        self.quotes += line.quotes;
    }
}

/// The fields of a record. A quoted field that is not closed reaches to the end.
fn fields(text: &str) -> Vec<String> {
    let mut fields = Vec::with_capacity(COLUMNS + 2);
    let mut field = String::new();
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

/// # Source
/// `write_csvlog` of PostgreSQL's `csvlog.c`, and the table `postgres_log` of its manual.
fn from_fields(fields: &[String], zones: &Zones) -> Option<Record> {
    let field = |at: usize| fields.get(at).map_or("", String::as_str);
    let (time, _) = moment::take(field(0), zones)?;
    let sqlstate = some(field(12)).unwrap_or_else(|| "00000".to_owned());
    let host = match field(4).rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => field(4),
    };
    let mut record = Record {
        time: Some(time),
        severity: label::severity(field(11)).unwrap_or_else(|| Severity::of_sqlstate(&sqlstate)),
        sqlstate: Some(sqlstate),
        pid: field(3).parse().ok(),
        session_id: some(field(5)),
        line_num: field(6).parse().ok(),
        user: some(field(1)),
        database: some(field(2)),
        application: some(field(22)),
        host: some(host),
        backend_type: some(field(23)),
        query_id: field(25).parse().ok().filter(|id| *id != 0),
        message: field(13).to_owned(),
        detail: some(field(14)),
        hint: some(field(15)),
        context: some(field(18)),
        statement: some(field(19)),
        position: field(20).parse().ok(),
        internal_query: some(field(16)),
        internal_position: field(17).parse().ok(),
        ..Record::default()
    };
    record.set_location(field(21));
    Some(record)
}
