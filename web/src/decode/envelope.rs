//! The push envelope (contract 1.4).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use pga_storage::{Element, Timestamp};

use super::Memory;
use super::canonical::Canonical;
use super::cursor::{self, Cursor};
use super::element;
use super::fault::DecodeError;
use super::rejected::{self, Rejected};
use crate::options::WebLimits;
use crate::timestamps::TimeError;

/// Longest collector id, host name and version, in bytes.
const MAX_NAME: usize = 1 << 10;
const DAY_MICROS: i64 = 86_400_000_000;
const HOUR_MICROS: i64 = 3_600_000_000;
/// How far ahead of this node's clock the time of an element may be.
const AHEAD_MICROS: i64 = 300_000_000;

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
    /// Elements that are not among these, for each broke a rule.
    pub rejected: Rejected,
    /// Envelope fields that were ignored.
    pub unknown_fields: u64,
    /// Elements of types that the protocol does not name.
    pub unknown_kinds: u64,
}

/// The push that is the first JSON value in `text`; what follows it is not read (contract 1.1).
pub(super) fn read(
    text: &[u8],
    limits: &WebLimits,
    now: Timestamp,
    memory: &mut Memory<'_>,
) -> Result<DecodedPush, DecodeError> {
    if let Ok(text) = std::str::from_utf8(text) {
        return read_at(Cursor::new(text), limits, now, memory);
    }
    memory.text += text.len() as u64;
    memory.hold()?;
    read_at(
        Cursor::of_marked(&cursor::marked(text)),
        limits,
        now,
        memory,
    )
}

fn read_at(
    cursor: Cursor<'_>,
    limits: &WebLimits,
    now: Timestamp,
    memory: &mut Memory<'_>,
) -> Result<DecodedPush, DecodeError> {
    let mut reader = Reader {
        memory,
        cursor,
        canonical: Canonical::default(),
        max_elements: limits.max_elements,
        times: Times::new(now, limits.max_age),
        elements: Vec::new(),
        undated: Vec::new(),
        rejected: Rejected::default(),
        unknown_kinds: 0,
    };
    let fields = reader.envelope()?;
    let time = fields.time(now)?;
    reader.date(time);
    Ok(DecodedPush {
        external_id: name("collector_id", fields.collector_id)?,
        hostname: name("hostname", fields.hostname)?,
        version: version(fields.version)?,
        time,
        elements: reader.elements,
        rejected: reader.rejected,
        unknown_fields: fields.unknown,
        unknown_kinds: reader.unknown_kinds,
    })
}

/// The times that elements may have.
#[derive(Clone, Copy, Debug)]
struct Times {
    earliest: Timestamp,
    latest: Timestamp,
}

impl Times {
    fn new(now: Timestamp, max_age: Option<Duration>) -> Self {
        let age = max_age.and_then(|age| i64::try_from(age.as_micros()).ok());
        let earliest = age.map_or(i64::MIN, |age| now.micros().saturating_sub(age));
        Self {
            earliest: Timestamp::from_micros(earliest),
            latest: Timestamp::from_micros(now.micros().saturating_add(AHEAD_MICROS)),
        }
    }

    #[inline]
    fn check(self, time: Timestamp) -> Result<(), DecodeError> {
        if time < self.earliest {
            let text = "the time of an element is before what is kept";
            return Err(DecodeError::invalid("time_range", text));
        }
        if time > self.latest {
            let text = "the time of an element is more than five minutes ahead";
            return Err(DecodeError::invalid("time_range", text));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Reader<'a, 'm> {
    memory: &'a mut Memory<'m>,
    cursor: Cursor<'a>,
    canonical: Canonical<'a>,
    max_elements: usize,
    times: Times,
    elements: Vec<Element>,
    /// Places in `elements` and in the push of those without a time.
    undated: Vec<(usize, u64)>,
    rejected: Rejected,
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
            let index = self.elements.len() as u64 + self.rejected.count;
            if index >= self.max_elements as u64 {
                let text = format!("more than {} elements", self.max_elements);
                return Err(DecodeError::too_large("elements", text));
            }
            let begin = self.cursor;
            match self.element() {
                Ok(read) => self.keep(read, index)?,
                Err(error) if error.is_of_element() => self.reject(begin, index, error)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[inline]
    fn element(&mut self) -> Result<element::Read, DecodeError> {
        let read = element::read(&mut self.cursor, &mut self.canonical, 2)?;
        if read.dated {
            self.times.check(read.element.time())?;
        }
        Ok(read)
    }

    fn keep(&mut self, read: element::Read, index: u64) -> Result<(), DecodeError> {
        if !read.dated {
            self.undated.push((self.elements.len(), index));
        }
        if !element::is_known(read.element.kind()) {
            self.unknown_kinds += 1;
        }
        self.memory.add(&read.element)?;
        self.elements.push(read.element);
        Ok(())
    }

    /// Refuses the element at `begin` alone, if its end can be found.
    #[cold]
    fn reject(
        &mut self,
        begin: Cursor<'a>,
        index: u64,
        error: DecodeError,
    ) -> Result<(), DecodeError> {
        self.cursor = begin;
        let Some(skipped) = self.cursor.skip_value() else {
            let text = format!("element {index} does not end: {}", error.details);
            return Err(DecodeError::bad("json", text));
        };
        self.rejected.add(index, rejected::kind(&skipped), error);
        Ok(())
    }

    /// Gives the elements without a time the envelope's, and refuses them if that is no time for
    /// them.
    fn date(&mut self, time: Timestamp) {
        for (at, _) in &self.undated {
            match self.elements.get_mut(*at) {
                Some(Element::Sample(sample)) => sample.time = time,
                Some(Element::Document(document)) => document.time = time,
                None => {}
            }
        }
        let Err(error) = self.times.check(time) else {
            return;
        };
        let (mut undated, mut at) = (self.undated.iter().peekable(), 0);
        let rejected = &mut self.rejected;
        self.elements.retain(|element| {
            let index = undated
                .next_if(|(place, _)| *place == at)
                .map(|(_, index)| *index);
            at += 1;
            if let Some(index) = index {
                rejected.add(index, element.kind(), error.clone());
            }
            index.is_none()
        });
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
