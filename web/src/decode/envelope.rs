//! The push envelope (contract 1.4).

use std::borrow::Cow;
use std::collections::BTreeSet;

use pga_storage::{Element, Timestamp};

use super::Memory;
use super::canonical::Canonical;
use super::cursor::Cursor;
use super::element;
use super::fault::DecodeError;
use crate::timestamps::TimeError;

/// Longest collector id, host name and version, in bytes.
const MAX_NAME: usize = 1 << 10;
const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;

/// What a push says.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedPush {
    /// The collector id as the client wrote it.
    pub external_id: String,
    /// The envelope's `hostname`.
    pub hostname: String,
    /// The envelope's `version`, or empty.
    pub version: String,
    /// The envelope's `timestamp`.
    pub time: Timestamp,
    /// In the order they were sent; those without a time of their own have the envelope's.
    pub elements: Vec<Element>,
    /// Envelope fields that were ignored.
    pub unknown_fields: u64,
    /// Elements of types that the protocol does not name.
    pub unknown_kinds: u64,
}

/// The push that is the first JSON value in `text`; what follows it is not read (contract 1.1).
pub(super) fn read(
    text: &[u8],
    max_elements: usize,
    now: Timestamp,
    memory: &mut Memory<'_>,
) -> Result<DecodedPush, DecodeError> {
    let mut reader = Reader {
        memory,
        cursor: Cursor::new(text),
        canonical: Canonical::default(),
        max_elements,
        elements: Vec::new(),
        undated: Vec::new(),
        unknown_kinds: 0,
    };
    let fields = reader.envelope()?;
    let time = fields.time(now)?;
    for index in reader.undated {
        match reader.elements.get_mut(index) {
            Some(Element::Sample(sample)) => sample.time = time,
            Some(Element::Document(document)) => document.time = time,
            None => {}
        }
    }
    Ok(DecodedPush {
        external_id: name("collector_id", fields.collector_id)?,
        hostname: name("hostname", fields.hostname)?,
        version: version(fields.version)?,
        time,
        elements: reader.elements,
        unknown_fields: fields.unknown,
        unknown_kinds: reader.unknown_kinds,
    })
}

#[derive(Debug)]
struct Reader<'a, 'm> {
    memory: &'a mut Memory<'m>,
    cursor: Cursor<'a>,
    canonical: Canonical<'a>,
    max_elements: usize,
    elements: Vec<Element>,
    undated: Vec<usize>,
    unknown_kinds: u64,
}

/// The fields as canonical JSON text.
#[derive(Debug, Default)]
struct Fields {
    collector_id: Option<Vec<u8>>,
    hostname: Option<Vec<u8>>,
    version: Option<Vec<u8>>,
    timestamp: Option<Vec<u8>>,
    unknown: u64,
}

impl<'a> Reader<'a, '_> {
    fn envelope(&mut self) -> Result<Fields, DecodeError> {
        match self.cursor.next_token() {
            Some(b'{') => self.cursor.expect(b'{')?,
            None => return Err(self.cursor.wrong("an object was expected")),
            Some(_) => {
                self.canonical.skip(&mut self.cursor, 0)?;
                return Err(DecodeError::bad(
                    "envelope",
                    "the JSON text is not an object",
                ));
            }
        }
        let mut fields = Fields::default();
        let mut seen: BTreeSet<Cow<'a, str>> = BTreeSet::new();
        let mut first = true;
        while let Some(key) = self.cursor.next_key(&mut first)? {
            let key = key.get()?;
            match key.as_ref() {
                "collector_id" => fields.collector_id = Some(self.field()?),
                "hostname" => fields.hostname = Some(self.field()?),
                "version" => fields.version = Some(self.field()?),
                "timestamp" => fields.timestamp = Some(self.field()?),
                "metrics" => self.metrics()?,
                // Advisory: clients count wrongly.
                "metrics_count" => drop(self.field()?),
                _ => {
                    fields.unknown += 1;
                    self.canonical.skip(&mut self.cursor, 1)?;
                }
            }
            if !seen.insert(key) {
                return Err(DecodeError::bad(
                    "duplicate_key",
                    "a key stands twice in the envelope",
                ));
            }
        }
        Ok(fields)
    }

    fn field(&mut self) -> Result<Vec<u8>, DecodeError> {
        self.canonical.value_text(&mut self.cursor, 1)
    }

    fn metrics(&mut self) -> Result<(), DecodeError> {
        match self.cursor.next_token() {
            Some(b'[') => self.cursor.expect(b'[')?,
            Some(b'n') => return self.cursor.word().map(drop),
            _ => {
                self.canonical.skip(&mut self.cursor, 1)?;
                return Err(DecodeError::bad("envelope", "metrics is not an array"));
            }
        }
        let mut first = true;
        while self.cursor.next_item(&mut first, b']')? {
            if self.elements.len() >= self.max_elements {
                let text = format!("more than {} elements", self.max_elements);
                return Err(DecodeError::too_large("elements", text));
            }
            let read = element::read(&mut self.cursor, &mut self.canonical, 2)?;
            if !read.dated {
                self.undated.push(self.elements.len());
            }
            if !element::is_known(read.element.kind()) {
                self.unknown_kinds += 1;
            }
            self.memory.add(&read.element)?;
            self.elements.push(read.element);
        }
        Ok(())
    }
}

impl Fields {
    fn time(&self, now: Timestamp) -> Result<Timestamp, DecodeError> {
        let missing = || DecodeError::bad("timestamp", "timestamp is missing");
        let text = self.timestamp.as_deref().ok_or_else(missing)?;
        let time = match element::read_time(text) {
            Ok(time) => time.ok_or_else(missing)?,
            Err(TimeError::Form) => {
                return Err(DecodeError::bad("timestamp", "timestamp is not a time"));
            }
            Err(TimeError::Impossible) => {
                return Err(DecodeError::invalid(
                    "timestamp",
                    "timestamp is no possible time",
                ));
            }
        };
        if time.micros() < DAY_MICROS {
            return Err(DecodeError::invalid(
                "timestamp",
                "timestamp is before 1970-01-02",
            ));
        }
        if time.micros() - now.micros() > HOUR_MICROS {
            let text = "timestamp is more than an hour in the future";
            return Err(DecodeError::invalid("timestamp", text));
        }
        Ok(time)
    }
}

fn name(field: &str, text: Option<Vec<u8>>) -> Result<String, DecodeError> {
    let Some(text) = text else {
        return Err(DecodeError::bad("envelope", format!("{field} is missing")));
    };
    match element::string(&text) {
        Some(name) if name.is_empty() => {
            Err(DecodeError::bad("envelope", format!("{field} is empty")))
        }
        Some(name) if name.len() > MAX_NAME => {
            let text = format!("{field} is longer than {MAX_NAME} bytes");
            Err(DecodeError::invalid("envelope", text))
        }
        Some(name) => Ok(name),
        None => Err(DecodeError::bad(
            "envelope",
            format!("{field} is not a string"),
        )),
    }
}

fn version(text: Option<Vec<u8>>) -> Result<String, DecodeError> {
    match text.as_deref() {
        None | Some(b"null" | b"\"\"") => Ok(String::new()),
        Some(_) => name("version", text),
    }
}
