use proptest::prelude::*;

use super::*;
use crate::{Record, Severity, Values};

const NOW: Timestamp = Timestamp::from_micros(7_900_000);

fn event(severity: Severity, code: &str, message: &str) -> Event {
    let record = Record {
        severity,
        sqlstate: Some(code.to_owned()),
        message: message.to_owned(),
        query_id: Some(5),
        ..Record::default()
    };
    Event::new(record, Values::Kept)
}

fn error(number: usize) -> Event {
    event(Severity::Error, "53200", &format!("out of memory {number}"))
}

fn notice(number: usize) -> Event {
    event(
        Severity::Error,
        "42P01",
        &format!("relation {number} does not exist"),
    )
}

fn info(number: usize) -> Event {
    event(
        Severity::Log,
        "00000",
        &format!("temporary file: path \"x\", size {number}"),
    )
}

fn duration(ms: usize) -> Event {
    event(Severity::Log, "00000", &format!("duration: {ms} ms"))
}

fn second(events: impl IntoIterator<Item = Event>) -> Second {
    let mut limiter = Limiter::new(Limits::default());
    for event in events {
        assert_eq!(limiter.offer(event, NOW), None);
    }
    limiter.finish().unwrap()
}

fn counts(second: &Second) -> BTreeMap<Class, usize> {
    let mut counts = BTreeMap::new();
    for event in &second.events {
        *counts.entry(event.class()).or_default() += 1;
    }
    counts
}

#[test]
fn what_fits_passes_in_its_order() {
    let events: Vec<Event> = (0..50)
        .flat_map(|at| [info(at), error(at), notice(at)])
        .collect();
    let got = second(events.clone());
    assert_eq!((got.second, got.events, got.dropped.len()), (7, events, 0));
}

#[test]
fn errors_come_first_and_the_rest_is_shared() {
    let others = (0..2_000).flat_map(|at| [info(at), notice(at)]);
    let got = second(others.chain((0..150).map(error)));
    let want = BTreeMap::from([
        (Class::OutOfMemory, 150),
        (Class::TempFile, 25),
        (Class::SqlError, 25),
    ]);
    assert_eq!(counts(&got), want);
    let dropped = BTreeMap::from([(Class::TempFile, 1_975), (Class::SqlError, 1_975)]);
    assert_eq!(got.dropped, dropped);
    // The sample reaches over the whole second.
    let sizes: Vec<i64> = got
        .events
        .iter()
        .filter_map(|event| event.about.fields.get("bytes")?.as_i64())
        .collect();
    assert!(
        sizes[0] < 100 && sizes[24] > 1_800 && sizes.is_sorted(),
        "{sizes:?}"
    );
}

#[test]
fn critical_events_come_before_errors() {
    let critical = event(Severity::Panic, "XX000", "gone");
    let got = second((0..300).map(error).chain([critical.clone()]));
    assert_eq!(got.events.len(), 200);
    assert_eq!(got.events.last(), Some(&critical));
    assert_eq!(got.dropped, BTreeMap::from([(Class::OutOfMemory, 101)]));
}

#[test]
fn bytes_are_limited_too() {
    let large = event(Severity::Error, "42P01", &"x".repeat(300_000));
    let got = second(vec![large; 40]);
    assert_eq!((got.events.len(), got.dropped[&Class::SqlError]), (3, 37));
    let larger = event(Severity::Error, "42P01", &"x".repeat(2 << 20));
    let got = second(vec![larger; 2]);
    assert_eq!((got.events.len(), got.dropped[&Class::SqlError]), (1, 1));
}

#[test]
fn durations_above_the_limit_are_summed_by_query() {
    let got = second((0..60).map(duration));
    assert_eq!((got.events.len(), got.dropped.len()), (50, 0));
    let total_ms = f64::from((50..60).sum::<u32>());
    let want = DurationSum {
        query_id: Some(5),
        count: 10,
        total_ms,
        max_ms: 59.0,
    };
    assert_eq!(got.durations, [want]);

    let mut sums = Durations::default();
    for id in 0..10 {
        sums.add(Some(id), 1.0, 4);
    }
    let sums: Vec<(Option<i64>, u64)> = sums
        .take()
        .iter()
        .map(|sum| (sum.query_id, sum.count))
        .collect();
    assert_eq!(
        sums,
        [
            (None, 6),
            (Some(0), 1),
            (Some(1), 1),
            (Some(2), 1),
            (Some(3), 1)
        ]
    );
}

#[test]
fn a_second_ends_with_the_time_of_the_caller() {
    let mut limiter = Limiter::new(Limits::default());
    assert_eq!((limiter.take(NOW), limiter.finish()), (None, None));
    limiter.offer(info(1), NOW);
    limiter.offer(info(2), Timestamp::from_micros(6_000_000));
    assert_eq!(limiter.take(Timestamp::from_micros(7_999_999)), None);
    let ended = limiter
        .offer(info(3), Timestamp::from_micros(8_000_000))
        .unwrap();
    assert_eq!((ended.second, ended.events.len()), (7, 2));
    assert_eq!(
        limiter
            .take(Timestamp::from_micros(99_000_000))
            .unwrap()
            .second,
        8
    );
}

proptest! {
    #[test]
    fn every_event_passes_is_summed_or_is_counted(
        kinds in prop::collection::vec((0..4_u8, 0..3_000_usize), 0..600),
    ) {
        let limits = Limits { events: 20, bytes: 20_000, durations: 5, query_ids: 3 };
        let mut limiter = Limiter::new(limits);
        for (kind, number) in &kinds {
            let event = match kind {
                0 => error(*number),
                1 => event(Severity::Error, "42P01", &"n".repeat(*number)),
                2 => info(*number),
                _ => duration(*number),
            };
            limiter.offer(event, NOW);
        }
        let got = limiter.finish().unwrap_or_default();
        prop_assert!(got.events.len() <= limits.events);
        let bytes: usize = got.events.iter().map(Event::size_bytes).sum();
        prop_assert!(bytes <= limits.bytes);
        let summed: u64 = got.durations.iter().map(|sum| sum.count).sum();
        let dropped: u64 = got.dropped.values().sum();
        prop_assert_eq!(got.events.len() as u64 + summed + dropped, kinds.len() as u64);
    }
}
