//! `jsonlog` (15 and later): one object a line.

use serde_json::{Map, Value};

use super::lines::Line;
use super::record::{Record, some};
use super::severity::Severity;
use super::{Counts, label, moment, text};
use crate::Zones;

/// The record of a line; a line that is none is counted.
pub(super) fn record(line: &Line, zones: &Zones, counts: &mut Counts) -> Option<Record> {
    let line_text = text::decode(&line.bytes, &mut counts.replaced_characters);
    if line_text.trim().is_empty() {
        return None;
    }
    let object = if line.is_cut {
        salvage(&line_text)
    } else {
        parse(&line_text)
    };
    let Some(record) = object.and_then(|object| from_object(&object, zones)) else {
        counts.unparsed_lines += 1;
        return None;
    };
    counts.cut_records += u64::from(line.is_cut);
    Some(Record {
        is_cut: line.is_cut,
        ..record
    })
}

fn parse(line: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(line).ok()
}

/// Reads an object that lost its end: closes what may be open, else drops the last key.
fn salvage(line: &str) -> Option<Map<String, Value>> {
    let mut end = line.len();
    // An escape that was cut in two is at most `\uD83D\uDE0` long.
    for _ in 0..12 {
        let head = line.get(..end).unwrap_or_default();
        if let Some(object) = parse(&format!("{head}\"}}")).or_else(|| parse(&format!("{head}}}")))
        {
            return Some(object);
        }
        end = head.char_indices().next_back()?.0;
    }
    let (head, _) = line.rsplit_once(",\"")?;
    parse(&format!("{head}}}"))
}

fn from_object(object: &Map<String, Value>, zones: &Zones) -> Option<Record> {
    let string = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    let small = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
    let (time, _) = moment::take(string("timestamp"), zones)?;
    let sqlstate = some(string("state_code")).unwrap_or_else(|| "00000".to_owned());
    let word = label::severity(string("error_severity"));
    let location = match (string("file_name"), number("file_line_num")) {
        ("", _) => None,
        (file, line) => Some(format!("{file}:{}", line.unwrap_or_default())),
    };
    Some(Record {
        time: Some(time),
        severity: word.unwrap_or_else(|| Severity::of_sqlstate(&sqlstate)),
        sqlstate: Some(sqlstate),
        pid: small("pid"),
        session_id: some(string("session_id")),
        line_num: number("line_num"),
        user: some(string("user")),
        database: some(string("dbname")),
        application: some(string("application_name")),
        host: some(string("remote_host")),
        backend_type: some(string("backend_type")),
        query_id: object
            .get("query_id")
            .and_then(Value::as_i64)
            .filter(|id| *id != 0),
        message: string("message").to_owned(),
        detail: some(string("detail")),
        hint: some(string("hint")),
        context: some(string("context")),
        statement: some(string("statement")),
        position: small("cursor_position").filter(|position| *position != 0),
        internal_query: some(string("internal_query")),
        internal_position: small("internal_position").filter(|position| *position != 0),
        function: some(string("func_name")),
        location,
        is_cut: false,
    })
}
