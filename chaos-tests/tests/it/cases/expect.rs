//! What an answer has to be.

use anyhow::{Context, bail, ensure};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Expect {
    status: Value,
    /// Parts of headers.
    headers: Map<String, Value>,
    /// Values by pointer.
    json: Map<String, Value>,
}

impl Expect {
    pub(super) fn check(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> anyhow::Result<()> {
        ensure!(
            is_same(&self.status, &status.into()),
            "status {status} for {}: {}",
            self.status,
            String::from_utf8_lossy(body)
        );
        for (name, part) in &self.headers {
            let header = headers.get(name).and_then(|value| value.to_str().ok());
            let part = part.as_str().context("a header")?;
            ensure!(
                header.unwrap_or_default().contains(part),
                "{name}: {header:?}"
            );
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let json: Value = serde_json::from_slice(body)?;
        for (pointer, want) in &self.json {
            let got = match pointer.strip_prefix('#') {
                Some(list) => {
                    let list = look(&json, list)?;
                    list.as_array().map_or(0, Vec::len).into()
                }
                None => look(&json, pointer)?,
            };
            ensure!(is_same(want, &got), "{pointer} is {got}, not {want}");
        }
        Ok(())
    }
}

/// Numbers agree within a millionth; `between` is a range.
fn is_same(want: &Value, got: &Value) -> bool {
    if let Some([low, high]) = want["between"].as_array().map(Vec::as_slice) {
        let (low, high) = (low.as_f64(), high.as_f64());
        return got
            .as_f64()
            .is_some_and(|got| low <= Some(got) && Some(got) <= high);
    }
    match (want.as_f64(), got.as_f64()) {
        (Some(want), Some(got)) => (want - got).abs() <= 1e-6 * want.abs().max(1.0),
        _ => want == got,
    }
}

/// The value at `pointer`; null if there is none.
fn look(json: &Value, pointer: &str) -> anyhow::Result<Value> {
    let mut value = json;
    let mut rest = pointer.strip_prefix('/').unwrap_or(pointer);
    while !rest.is_empty() {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        value = match (value, name.parse::<usize>()) {
            (Value::Array(list), Ok(at)) => list.get(at).unwrap_or(&Value::Null),
            (value, _) => &value[name],
        };
        rest = tail;
        if let Some(tail) = rest.strip_prefix('[') {
            let (wants, tail) = tail.split_once(']').context(pointer.to_owned())?;
            value = row(value, wants)?;
            rest = tail;
        }
        rest = rest.strip_prefix('/').unwrap_or(rest);
    }
    Ok(value.clone())
}

/// The one row of a list that has all of `wants`, such as `query_hash=42,database_name=shop`.
fn row<'a>(list: &'a Value, wants: &str) -> anyhow::Result<&'a Value> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let has = |row: &&Value| {
        let mut wants = wants.split(',').filter_map(|want| want.split_once('='));
        wants.all(|(name, want)| text(&row[name]) == want)
    };
    let rows: Vec<_> = list.as_array().into_iter().flatten().filter(has).collect();
    match rows[..] {
        [row] => Ok(row),
        _ => bail!("{} rows with {wants}", rows.len()),
    }
}
