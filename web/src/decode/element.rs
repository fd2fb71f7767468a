//! Elements: plain samples straight from the bytes, everything else as a canonical document.

use pga_storage::{Document, Element, Sample, SampleForm, Timestamp};

use super::canonical::{Canonical, float};
use super::cursor::{Cursor, Number, Text};
use super::fault::DecodeError;
use crate::timestamps::{self, TimeError};

/// Most labels of a sample.
const MAX_LABELS: usize = 100;
/// Longest label, name or value, in bytes.
const MAX_LABEL: usize = 16 << 10;
/// First second that is taken for milliseconds.
const SECONDS_END: u64 = 100_000_000_000;
/// Element types of the v3 protocol.
const KNOWN: &[&str] = &[
    Element::SAMPLES,
    "disk_usage",
    "host_inventory",
    "pg_bloat",
    "pg_cache",
    "pg_connections",
    "pg_extensions",
    "pg_locks",
    "pg_log",
    "pg_logical_replication",
    "pg_query_stats",
    "pg_replication",
    "pg_schema",
    "pg_stats",
    "sysstat",
];

/// An element, and whether it has a time of its own.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) element: Element,
    /// Without one, the envelope's is to be put in.
    pub(super) dated: bool,
}

/// Whether the protocol names this type.
pub(super) fn is_known(kind: &str) -> bool {
    KNOWN.contains(&kind)
}

/// The element at `cursor`.
#[inline]
pub(super) fn read<'a>(
    cursor: &mut Cursor<'a>,
    canonical: &mut Canonical<'a>,
    depth: usize,
) -> Result<Read, DecodeError> {
    let mut ahead = *cursor;
    if let Some(sample) = sample(&mut ahead) {
        *cursor = ahead;
        let dated = sample.form.has(SampleForm::UNIX_SECONDS);
        return Ok(Read {
            element: Element::Sample(sample),
            dated,
        });
    }
    document(cursor, canonical, depth)
}

/// A plain sample, if the element is exactly that; any doubt is left to [`document`], errors too.
#[inline]
fn sample(cursor: &mut Cursor<'_>) -> Option<Sample> {
    const NAME: u8 = 8;
    const VALUE: u8 = 16;
    if cursor.next_token() != Some(b'{') {
        return None;
    }
    cursor.expect(b'{').ok()?;
    let mut seen = 0u8;
    let mut sample = Sample {
        name: String::new(),
        labels: Vec::new(),
        time: Timestamp::default(),
        value: 0.0,
        form: SampleForm::default(),
    };
    let mut first = true;
    while let Some(key) = cursor.next_key(&mut first).ok()? {
        let bit = match key.raw {
            "name" => NAME,
            "value" => VALUE,
            "timestamp" => SampleForm::UNIX_SECONDS,
            "labels" => SampleForm::LABELS,
            "tags" => SampleForm::TAGS,
            _ => return None,
        };
        if seen & bit != 0 {
            return None;
        }
        seen |= bit;
        match bit {
            NAME => sample.name = text(cursor)?,
            VALUE => sample.value = exact(number(cursor)?)?,
            SampleForm::UNIX_SECONDS => sample.time = seconds(number(cursor)?)?,
            _ => sample.labels = labels(cursor)?,
        }
    }
    let both = SampleForm::LABELS | SampleForm::TAGS;
    if seen & (NAME | VALUE) != NAME | VALUE || seen & both == both {
        return None;
    }
    sample.form = SampleForm::from_bits(seen & !(NAME | VALUE));
    Some(sample)
}

#[inline]
fn text(cursor: &mut Cursor<'_>) -> Option<String> {
    Some(cursor.string().ok()?.get().ok()?.into_owned())
}

#[inline]
fn number<'a>(cursor: &mut Cursor<'a>) -> Option<Number<'a>> {
    cursor.number().ok()
}

/// The f64 that is this number; `None` if it is not one.
#[inline]
fn exact(number: Number<'_>) -> Option<f64> {
    let value = float(number.token).ok()?;
    // Integers of up to 15 digits are exact.
    if number.integer && number.token.len() > 15 {
        let digits = number.token.strip_prefix('-').unwrap_or(number.token);
        let same = digits
            .parse::<u128>()
            .is_ok_and(|digits| value.abs() as u128 == digits);
        return same.then_some(value);
    }
    Some(value)
}

#[inline]
fn seconds(number: Number<'_>) -> Option<Timestamp> {
    if !number.integer || number.token.len() > 11 {
        return None;
    }
    let seconds: u64 = number
        .token
        .parse()
        .ok()
        .filter(|seconds| *seconds < SECONDS_END)?;
    Some(Timestamp::from_micros(seconds as i64 * 1_000_000))
}

#[inline]
fn labels(cursor: &mut Cursor<'_>) -> Option<Vec<(String, String)>> {
    if cursor.peek() != Some(b'{') {
        return None;
    }
    cursor.expect(b'{').ok()?;
    let mut labels: Vec<(String, String)> = Vec::new();
    let (mut first, mut ordered) = (true, true);
    while let Some(key) = cursor.next_key(&mut first).ok()? {
        let value: Text<'_> = cursor.string().ok()?;
        if labels.len() == MAX_LABELS || key.raw.len() > MAX_LABEL || value.raw.len() > MAX_LABEL {
            return None;
        }
        let key = key.get().ok()?.into_owned();
        ordered &= labels.last().is_none_or(|(last, _)| *last < key);
        labels.push((key, value.get().ok()?.into_owned()));
    }
    if !ordered {
        labels.sort_unstable();
        if labels
            .windows(2)
            .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            return None;
        }
    }
    Some(labels)
}

fn document<'a>(
    cursor: &mut Cursor<'a>,
    canonical: &mut Canonical<'a>,
    depth: usize,
) -> Result<Read, DecodeError> {
    if cursor.next_token() != Some(b'{') {
        canonical.skip(cursor, depth)?;
        return Err(DecodeError::invalid(
            "element",
            "an element is not an object",
        ));
    }
    let body = canonical.object(cursor, depth)?;
    let kind = match canonical.member("type").map(string) {
        None => Element::SAMPLES.to_owned(),
        Some(Some(kind)) => kind,
        Some(None) => {
            return Err(DecodeError::invalid(
                "type",
                "the type of an element is not a string",
            ));
        }
    };
    if canonical.negative_counter && is_known(&kind) {
        return Err(DecodeError::invalid("counter", "a counter is negative"));
    }
    if kind == Element::SAMPLES
        && (canonical.labels > MAX_LABELS || canonical.longest_label > MAX_LABEL)
    {
        let text = format!("more than {MAX_LABELS} labels, or one longer than {MAX_LABEL} bytes");
        return Err(DecodeError::invalid("labels", text));
    }
    let time = canonical
        .member("timestamp")
        .map(time)
        .transpose()?
        .flatten();
    let database = canonical
        .member("database")
        .and_then(string)
        .unwrap_or_default();
    let element = Element::Document(Document {
        kind,
        time: time.unwrap_or_default(),
        database,
        body,
    });
    Ok(Read {
        element,
        dated: time.is_some(),
    })
}

/// The string that `canonical` text is, if it is one.
pub(super) fn string(canonical: &[u8]) -> Option<String> {
    serde_json::from_slice(canonical).ok()
}

/// The time of an element, however old; `None` for null, `""` and `"never"`.
fn time(canonical: &[u8]) -> Result<Option<Timestamp>, DecodeError> {
    read_time(canonical).map_err(|_| {
        DecodeError::invalid("element_time", "the timestamp of an element is not a time")
    })
}

/// A time in any form of contract 2.5, from its canonical JSON text.
pub(super) fn read_time(canonical: &[u8]) -> Result<Option<Timestamp>, TimeError> {
    match canonical.first() {
        Some(b'"') => match string(canonical).as_deref() {
            None | Some("" | "never") => Ok(None),
            Some(text) => timestamps::parse_text(text).map(Some),
        },
        Some(b'-' | b'0'..=b'9') => {
            let token = std::str::from_utf8(canonical).unwrap_or_default();
            match (token.parse::<i64>(), token.parse::<f64>()) {
                (Ok(integer), _) => timestamps::from_integer(integer).map(Some),
                (_, Ok(number)) => timestamps::from_number(number).map(Some),
                _ => Err(TimeError::Form),
            }
        }
        _ if canonical == b"null" => Ok(None),
        _ => Err(TimeError::Form),
    }
}
