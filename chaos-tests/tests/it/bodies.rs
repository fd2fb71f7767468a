//! Push bodies, and what has to be read back.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use uuid::Uuid;

fn data(name: &str) -> anyhow::Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../storage/tests/data")
        .join(name);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// One collection cycle of a real collector: 14 elements of 12 types.
pub(crate) fn one_cycle() -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&data("push-one-cycle.json")?)?)
}

/// Many of them: 168 elements, 2 MB.
pub(crate) fn many_cycles() -> anyhow::Result<Value> {
    let packed = data("push-many-cycles.json.gz")?;
    let mut plain = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut plain)?;
    Ok(serde_json::from_slice(&plain)?)
}

/// The same push from a collector nobody knows yet; its id.
pub(crate) fn from_new_collector(mut push: Value) -> (String, Value) {
    let id = Uuid::new_v4().to_string();
    push["collector_id"] = json!(id);
    (id, push)
}

/// A push of plain samples with these values.
pub(crate) fn samples(collector: &str, values: impl IntoIterator<Item = u32>) -> Value {
    let metrics: Vec<Value> = values
        .into_iter()
        .map(|value| {
            json!({"name": "queries_per_second", "value": f64::from(value) + 0.5,
                "timestamp": 1_790_000_000 + i64::from(value), "labels": {"instance": "db-1"}})
        })
        .collect();
    json!({"collector_id": collector, "hostname": "db-1", "version": "3.0.0",
        "timestamp": "2026-09-21T14:13:20Z", "metrics_count": metrics.len(), "metrics": metrics})
}

/// The elements of a push.
pub(crate) fn elements(push: &Value) -> anyhow::Result<&Vec<Value>> {
    push["metrics"].as_array().context("no metrics")
}

/// Checks that the same elements were read as were sent, each as often.
pub(crate) fn same_elements(what: &str, sent: &[Value], read: &[Value]) -> anyhow::Result<()> {
    let sorted = |elements: &[Value]| {
        let mut texts: Vec<String> = elements.iter().map(Value::to_string).collect();
        texts.sort();
        texts
    };
    let (sent, read) = (sorted(sent), sorted(read));
    let differs = sent.iter().zip(&read).find(|(sent, read)| sent != read);
    ensure!(
        sent == read,
        "{what}: sent {} elements, read {}; first difference: {differs:?}",
        sent.len(),
        read.len()
    );
    Ok(())
}

/// `<group>.<term>.<index>` of an acknowledgement.
pub(crate) fn position(answer: &Value) -> anyhow::Result<String> {
    let part = |name: &str| {
        let number = answer["position"][name].as_u64();
        number.with_context(|| format!("no position in {answer}"))
    };
    Ok(format!(
        "{}.{}.{}",
        part("group")?,
        part("term")?,
        part("index")?
    ))
}
