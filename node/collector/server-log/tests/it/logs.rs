//! The fixtures.

use std::fs;
use std::path::Path;

use pga_server_log::{Counts, Format, Prefix, Reader, Record, Zones};

/// The majors whose logs are kept.
pub(crate) const MAJORS: [u8; 4] = [13, 15, 16, 18];

/// The formats that a major writes, by the extension of their files.
pub(crate) fn formats(major: u8) -> Vec<(&'static str, Format)> {
    let query_id = if major >= 14 { "%Q" } else { "" };
    let prefix = Prefix::compile(&format!("%m|%p|%c|%l|%e|%b|%u|%d|%a|%r|{query_id}| "));
    let mut formats = vec![("csv", Format::Csv), ("log", Format::Stderr(prefix))];
    if major >= 15 {
        formats.push(("json", Format::Json));
    }
    formats
}

/// The bytes of a fixture, of a lone server (`pg`) or a `standby`.
pub(crate) fn bytes(server: &str, major: u8, extension: &str) -> Vec<u8> {
    let name = format!("tests/data/{server}{major}.{extension}");
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Reads a fixture in pieces of a size.
pub(crate) fn read(
    server: &str,
    major: u8,
    extension: &str,
    format: Format,
    piece: usize,
) -> (Vec<Record>, Counts) {
    let bytes = bytes(server, major, extension);
    let mut reader = Reader::new(format, Zones::default());
    let mut records: Vec<Record> = bytes
        .chunks(piece)
        .flat_map(|piece| reader.feed(piece))
        .collect();
    records.extend(reader.finish());
    (records, reader.counts())
}

/// The records of a major's `csvlog`.
pub(crate) fn records(major: u8) -> Vec<Record> {
    read("pg", major, "csv", Format::Csv, 4_096).0
}
