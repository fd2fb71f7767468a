//! Elements for the checks: real pushes, and made-up ones.

use std::io::Read;

use pga_config::CollectorId;
use pga_storage::store::mapper::parse_time;
use pga_storage::store::{FlushBatch, FlushElement};
use pga_storage::{Document, Element, Position, Sample, SampleForm, Timestamp};
use serde_json::Value as Json;

/// The collector of made-up elements.
pub(crate) fn collector() -> CollectorId {
    CollectorId::from_external("collector-001")
}

/// One cycle of a real collector.
pub(crate) fn one_cycle() -> Vec<Element> {
    elements(include_bytes!("../../data/push-one-cycle.json"))
}

/// Twelve cycles of a real collector, in one push.
pub(crate) fn many_cycles() -> Vec<Element> {
    let packed = include_bytes!("../../data/push-many-cycles.json.gz");
    let mut push = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut push)
        .unwrap();
    elements(&push)
}

fn elements(push: &[u8]) -> Vec<Element> {
    let push: Json = serde_json::from_slice(push).unwrap();
    let metrics = push["metrics"].as_array().unwrap();
    metrics
        .iter()
        .map(|metric| document(metric.clone()))
        .collect()
}

/// `body` as a document element.
pub(crate) fn document(body: Json) -> Element {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let kind = if body["type"].is_string() {
        text("type")
    } else {
        Element::SAMPLES.to_owned()
    };
    Element::Document(Document {
        kind,
        time: parse_time(&body["timestamp"]).unwrap_or_default(),
        database: text("database"),
        body: body.to_string().into_bytes(),
    })
}

/// A plain sample with a timestamp and a label.
pub(crate) fn sample(name: &str, seconds: i64, value: f64) -> Element {
    Element::Sample(Sample {
        name: name.to_owned(),
        labels: vec![("instance".to_owned(), "db-1".to_owned())],
        time: Timestamp::from_micros(seconds * 1_000_000),
        value,
        form: SampleForm::from_bits(SampleForm::UNIX_SECONDS | SampleForm::LABELS),
    })
}

/// A batch that moves the watermark from index `after` to `upto` of term 1, all elements of one
/// entry.
pub(crate) fn batch(after: u64, upto: u64, elements: Vec<Element>) -> FlushBatch {
    let position = |index| {
        if index == 0 {
            Position::default()
        } else {
            Position::new(1, index)
        }
    };
    let element = |(ordinal, element)| FlushElement {
        collector: collector(),
        index: upto,
        ordinal: u32::try_from(ordinal).unwrap(),
        received_at: Timestamp::from_micros(1_771_787_241_000_000),
        element,
    };
    FlushBatch {
        after: position(after),
        upto: position(upto),
        term: 1,
        elements: elements.into_iter().enumerate().map(element).collect(),
    }
}
