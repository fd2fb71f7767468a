//! What a step sends: placeholders replaced, and the body encoded as the step asks.

use std::collections::HashMap;
use std::io::Write;

use anyhow::bail;
use base64::Engine;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Step;

/// The values of the placeholders of one case.
#[derive(Debug)]
pub(super) struct Filler {
    now: OffsetDateTime,
    names: HashMap<String, String>,
}

impl Filler {
    pub(super) fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            now: now.replace_nanosecond(0).unwrap_or(now),
            names: HashMap::new(),
        }
    }

    /// Keeps the position of an answer.
    pub(super) fn save(&mut self, name: &str, position: &Value) {
        let part = |name: &str| position[name].as_u64().unwrap_or_default();
        let position = format!("{}.{}.{}", part("group"), part("term"), part("index"));
        self.names.insert(format!("@pos:{name}"), position);
    }

    /// `text` without placeholders; a number for the Unix seconds of one.
    pub(super) fn text(&mut self, text: &str) -> Value {
        let seconds = |digits: &str| digits.parse::<i64>().ok();
        if let Some(from_now) = text.strip_prefix("@s").and_then(seconds) {
            return (self.now.unix_timestamp() + from_now).into();
        }
        if let Some(from_now) = text.strip_prefix('@').and_then(seconds) {
            let time = self.now + Duration::seconds(from_now);
            return time.format(&Rfc3339).unwrap_or_default().into();
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let (plain, tail) = rest.split_at(at);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '_';
            let end = tail.get(1..).and_then(|tail| tail.find(|c| !is_name(c)));
            let (name, tail) = tail.split_at(end.map_or(tail.len(), |end| end + 1));
            filled.push_str(plain);
            filled.push_str(&self.name(name));
            rest = tail;
        }
        filled.push_str(rest);
        filled.into()
    }

    fn name(&mut self, name: &str) -> String {
        if name.starts_with("@cid") {
            let id = || Uuid::new_v4().to_string();
            return self.names.entry(name.to_owned()).or_insert_with(id).clone();
        }
        self.names
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }

    fn fill(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(list) => list.iter().map(|value| self.fill(value)).collect(),
            Value::Object(object) => {
                if let Some(length) = object.get("repeat_text").and_then(Value::as_u64) {
                    let mut element = self.fill(&object["element"]);
                    let text = "x".repeat(usize::try_from(length).unwrap_or_default());
                    element["queries"][0]["text"] = text.into();
                    return element;
                }
                let members = object.iter();
                members
                    .map(|(key, value)| (key.clone(), self.fill(value)))
                    .collect()
            }
            other => other.clone(),
        }
    }
}

/// The body of a push.
pub(super) fn body(filler: &mut Filler, step: &Step) -> anyhow::Result<Vec<u8>> {
    let plain = match (&step.push, &step.push_base64) {
        (Some(push), _) => filler.fill(push).to_string().into_bytes(),
        (None, Some(base64)) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(base64)?;
            quoted(filler, &bytes)
        }
        (None, None) => bail!("a step without a push or a request"),
    };
    match step.encode.as_deref() {
        None => Ok(plain),
        Some("deflate") => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(&plain)?;
            Ok(encoder.finish()?)
        }
        Some("zstd-skippable") => {
            let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"note"].concat();
            Ok([skipped, zstd::bulk::compress(&plain, 1)?].concat())
        }
        Some(other) => bail!("encoding {other}"),
    }
}

/// Bytes with the placeholders that stand between quotes replaced.
fn quoted(filler: &mut Filler, bytes: &[u8]) -> Vec<u8> {
    let mut filled = Vec::new();
    for (n, part) in bytes.split(|byte| *byte == b'"').enumerate() {
        let text = std::str::from_utf8(part)
            .ok()
            .filter(|text| text.starts_with('@'));
        let value = text.filter(|_| n % 2 == 1).map(|text| filler.text(text));
        match value {
            Some(Value::Number(number)) => {
                // Its quotes go.
                filled.pop();
                filled.extend_from_slice(number.to_string().as_bytes());
                filled.push(0);
            }
            Some(value) => {
                filled.extend_from_slice(value.as_str().unwrap_or_default().as_bytes());
                filled.push(b'"');
            }
            None => {
                filled.extend_from_slice(part);
                filled.push(b'"');
            }
        }
    }
    filled.pop();
    filled.retain(|byte| *byte != 0);
    filled
}
