//! What is pushed: bodies that carry (collector, sequence) in every element, and the way back from
//! an element.
//!
//! # Samples
//! `value` is the sequence plus a fraction that depends on the seed; the sequence picks one of a
//! push's series. # Cycles
//! A push is as many rounds of a simulated collection as are needed; round `r` of a push has the
//! push's time plus `r` milliseconds, so (time, type, database) names one element of the collector.

use std::fmt::Write;

use pga_storage::Timestamp;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::History;
use pga_collector::SimulatedServer;

/// Names of plain samples, those of real load generators.
const NAMES: [&str; 9] = [
    "cpu_usage_percent",
    "memory_usage_percent",
    "disk_usage_percent",
    "connection_count",
    "queries_per_second",
    "transactions_per_second",
    "cache_hit_ratio",
    "index_scan_count",
    "sequential_scan_count",
];
const ROUND_MICROS: i64 = 1_000;

/// What a push holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Plain `name/value/labels` samples.
    Samples,
    /// The elements of collection cycles, of twelve types.
    Cycle,
}

impl Kind {
    /// The time of the next push's elements: now, but later than anything sent before.
    pub(crate) fn next_time(self, history: &History, now: Timestamp) -> Timestamp {
        match self {
            // Plain samples have whole seconds; their sequence tells them apart.
            Self::Samples => Timestamp::from_micros(now.micros().div_euclid(1_000_000) * 1_000_000),
            Self::Cycle => {
                let rounds = i64::from(history.elements)
                    .unsigned_abs()
                    .div_ceil(SimulatedServer::ELEMENTS as u64);
                let last = history.pushes.last().map_or(0, |(time, _)| time.micros());
                let span = rounds.cast_signed() * ROUND_MICROS;
                let now = now.micros().div_euclid(ROUND_MICROS) * ROUND_MICROS;
                Timestamp::from_micros(now.max(last + span))
            }
        }
    }

    /// The body of push number `push` of `history`'s collector, with elements of time `time`.
    pub(crate) fn body(self, history: &History, push: u64, time: Timestamp) -> Vec<u8> {
        let mut body = String::with_capacity(128 * history.elements as usize + 256);
        // INVARIANT: writing to a string does not fail.
        let head = format!(
            r#"{{"collector_id":"{}","hostname":"load","version":"3.0.0","timestamp":"{time}","metrics_count":{},"metrics":["#,
            history.collector, history.elements
        );
        body.push_str(&head);
        match self {
            Self::Samples => write_samples(&mut body, history, push, time),
            Self::Cycle => {
                for (n, element) in cycle_elements(history, push, time).iter().enumerate() {
                    if n > 0 {
                        body.push(',');
                    }
                    body.push_str(&element.to_string());
                }
            }
        }
        body.push_str("]}");
        body.into_bytes()
    }

    /// Which sequence `element` has, if it is an element that `history`'s collector sent,
    /// unchanged.
    pub(crate) fn sequence(
        self,
        history: &History,
        element: &Value,
        cache: &mut CycleCache,
    ) -> Option<u64> {
        match self {
            Self::Samples => sample_sequence(history, element),
            Self::Cycle => cycle_sequence(history, element, cache),
        }
    }
}

fn write_samples(body: &mut String, history: &History, push: u64, time: Timestamp) {
    let seconds = time.micros() / 1_000_000;
    for n in 0..u64::from(history.elements) {
        let sequence = push * u64::from(history.elements) + n;
        let name = series_name(n);
        let value = sample_value(history.seed, sequence);
        let comma = if n > 0 { "," } else { "" };
        let written = write!(
            body,
            r#"{comma}{{"name":"{name}","value":{value},"timestamp":{seconds},"labels":{{"instance":"load","series":"{n}"}}}}"#
        );
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }
}

fn series_name(n: u64) -> &'static str {
    let index = usize::try_from(n).unwrap_or_default() % NAMES.len();
    NAMES.get(index).copied().unwrap_or_default()
}

/// The sequence and three decimals; exact as long as the sequence is below 2^42.
fn sample_value(seed: u64, sequence: u64) -> f64 {
    let thousandths = xxh3_64_with_seed(&sequence.to_le_bytes(), seed) % 1_000;
    (sequence * 1_000 + thousandths) as f64 / 1_000.0
}

fn sample_sequence(history: &History, element: &Value) -> Option<u64> {
    let value = element.get("value")?.as_f64()?;
    if !(0.0..4e12).contains(&value) {
        return None;
    }
    let sequence = value.floor() as u64;
    let n = sequence % u64::from(history.elements);
    let push = usize::try_from(sequence / u64::from(history.elements)).ok()?;
    let (time, _) = history.pushes.get(push)?;
    let labels = element.get("labels")?;
    let is_same = value == sample_value(history.seed, sequence)
        && element.get("name")?.as_str()? == series_name(n)
        && element.get("timestamp")?.as_i64()? == time.micros() / 1_000_000
        && labels.get("instance")?.as_str()? == "load"
        && labels.get("series")?.as_str()?.parse() == Ok(n);
    is_same.then_some(sequence)
}

/// The elements of one push: as many rounds as needed, the last one cut.
fn cycle_elements(history: &History, push: u64, time: Timestamp) -> Vec<Value> {
    let server = SimulatedServer::new(history.seed, &history.collector, "load");
    let mut elements = Vec::new();
    let mut at = time;
    let mut round = 0;
    let rounds = u64::from(history.elements).div_ceil(SimulatedServer::ELEMENTS as u64);
    while elements.len() < history.elements as usize {
        elements.extend(server.cycle(push * rounds + round, &at.to_string()));
        at = Timestamp::from_micros(at.micros() + ROUND_MICROS);
        round += 1;
    }
    elements.truncate(history.elements as usize);
    elements
}

/// The elements of the push that was looked at last: pages come in the order of time.
#[derive(Debug, Default)]
pub(crate) struct CycleCache {
    push: Option<usize>,
    elements: Vec<Value>,
}

fn cycle_sequence(history: &History, element: &Value, cache: &mut CycleCache) -> Option<u64> {
    let text = element.get("timestamp")?.as_str()?;
    let time = Timestamp::from(OffsetDateTime::parse(text, &Rfc3339).ok()?);
    let push = history
        .pushes
        .partition_point(|(begun, _)| *begun <= time)
        .checked_sub(1)?;
    if cache.push != Some(push) {
        let (begun, _) = history.pushes.get(push)?;
        cache.elements = cycle_elements(history, push as u64, *begun);
        cache.push = Some(push);
    }
    let n = cache.elements.iter().position(|sent| sent == element)?;
    Some(push as u64 * u64::from(history.elements) + n as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PushState;

    fn history(elements: u32) -> History {
        let mut history = History::new("collector-001".to_owned(), 5, elements);
        history.pushes = (0..20)
            .map(|n| {
                let time = Timestamp::from_micros((1_770_000_000 + n) * 1_000_000);
                (time, PushState::Acknowledged)
            })
            .collect();
        history
    }

    #[test]
    fn every_element_leads_back_to_its_sequence() {
        for (kind, elements) in [(Kind::Samples, 100), (Kind::Cycle, 14), (Kind::Cycle, 37)] {
            let history = history(elements);
            let mut cache = CycleCache::default();
            for push in 0..20 {
                let (time, _) = history.pushes[usize::try_from(push).unwrap()];
                let body: Value = serde_json::from_slice(&kind.body(&history, push, time)).unwrap();
                let metrics = body["metrics"].as_array().unwrap();
                assert_eq!(metrics.len(), elements as usize);
                for (n, element) in (0..).zip(metrics) {
                    let want = push * u64::from(elements) + n;
                    let got = kind.sequence(&history, element, &mut cache);
                    assert_eq!(got, Some(want), "{kind:?} {element}");
                }
            }
        }
    }

    #[test]
    fn a_changed_element_leads_nowhere() {
        let history = history(14);
        let (time, _) = history.pushes[3];
        for (kind, field) in [
            (Kind::Samples, "value"),
            (Kind::Samples, "name"),
            (Kind::Cycle, "size_bytes"),
        ] {
            let body: Value = serde_json::from_slice(&kind.body(&history, 3, time)).unwrap();
            let mut element = body["metrics"][0].clone();
            element[field] = serde_json::json!(42.125);
            let mut cache = CycleCache::default();
            assert_eq!(
                kind.sequence(&history, &element, &mut cache),
                None,
                "{field}"
            );
        }
    }

    #[test]
    fn times_of_cycles_never_overlap() {
        let mut history = History::new("c".to_owned(), 1, 100);
        let now = Timestamp::from_micros(1_770_000_000_000_000);
        for _ in 0..5 {
            let time = Kind::Cycle.next_time(&history, now);
            history.pushes.push((time, PushState::Unknown));
        }
        let gaps = history
            .pushes
            .windows(2)
            .map(|w| w[1].0.micros() - w[0].0.micros());
        assert!(gaps.into_iter().all(|gap| gap >= 8_000));
    }
}
