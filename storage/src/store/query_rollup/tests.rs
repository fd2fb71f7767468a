use super::COUNTERS;
use super::*;
use crate::Timestamp;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn window(from: i64, to: i64) -> Span {
    Span {
        begin: at(from),
        end: at(to),
    }
}

fn difference(time: i64, interval: f64, hash: i64, calls: f64) -> Difference {
    let mut counters = [None; COUNTERS.len()];
    counters[0] = Some(calls);
    counters[1] = Some(calls * 2.0);
    counters[17] = Some(calls * 3.0);
    Difference {
        time: at(time),
        interval,
        names: ["shop".to_owned(), "app".to_owned()],
        hash,
        lifetime: [0.5, 1.0, 99.0],
        squares: Some(calls * 5.0),
        counters,
        ..Difference::default()
    }
}

#[test]
fn a_rollup_takes_the_share_inside_and_reads_back() {
    let span = window(100, 200);
    let mut rollup = Rollup::default();
    for difference in [
        difference(150, 100.0, -7, 40.0),
        difference(250, 100.0, -7, 20.0),
        difference(100, 60.0, -7, 1_000.0),
        difference(400, 200.0, 8, 1_000.0),
    ] {
        rollup.add(&difference, span);
    }
    let mut read = Rollup::default();
    read.merge(&rollup.encode().unwrap().unwrap()).unwrap();
    for rollup in [&rollup, &read] {
        let stats = rollup.stats("c", span, None);
        assert_eq!(stats.len(), 1);
        let found = &stats[0];
        assert_eq!((found.query_hash, found.calls), (-7, 30));
        assert_eq!((found.total_time, found.max_time), (60.0, 2.0));
        assert_eq!((found.min_time, found.stddev_time), (2.0, Some(1.0)));
        assert_eq!((found.wal_bytes, found.wal_fpi), (Some(90), None));
        assert_eq!((found.time, found.coverage), (at(250), Some(1.0)));
        assert_eq!(rollup.stats("c", span, Some("other")), []);
    }
}

#[test]
fn nothing_is_no_bytes_and_damage_is_an_error() {
    assert_eq!(Rollup::default().encode().unwrap(), None);
    let mut rollup = Rollup::default();
    rollup.add(&difference(150, 10.0, 1, 4.0), window(100, 200));
    let bytes = rollup.encode().unwrap().unwrap();
    let odd = [1, 2, 3].map(|cut| bytes[..bytes.len() - cut].to_vec());
    for bad in odd
        .into_iter()
        .chain([vec![], vec![9, 1], vec![FORMAT_1], vec![FORMAT_2]])
    {
        assert!(Rollup::default().merge(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn spans_are_sealed_when_samples_are_beyond_them_and_silence_is_skipped() {
    let rows = [30, 90, 1_000, 700_000, 700_900, 701_500];
    let next = |time: Timestamp| rows.into_iter().map(at).find(|row| *row > time);
    for (name, sealed, newest, starts, moved) in [
        ("too early", 0, 359, vec![], 0),
        ("over", 0, 360, vec![0], 300),
        ("silence", 0, 700_000, vec![0, 600, 900, 699_600], 699_900),
        (
            "the end",
            699_600,
            701_500,
            vec![699_600, 699_900, 700_500, 700_800, 701_100],
            701_400,
        ),
    ] {
        let mut plan = Plan::from(sealed);
        while let Some(after) = plan.asks(at(newest)) {
            plan.go_on(next(after));
        }
        assert_eq!(
            plan.starts.into_iter().collect::<Vec<_>>(),
            starts,
            "{name}"
        );
        assert_eq!(plan.sealed, moved, "{name}");
    }
}

#[test]
fn levels_are_added_and_cover_no_more_than_there_is() {
    let span = window(100, 200);
    let mut rollup = Rollup::default();
    for (level, calls) in [(Level::Top, 40.0), (Level::Nested, 10.0)] {
        rollup.add(
            &Difference {
                level,
                ..difference(200, 100.0, 3, calls)
            },
            span,
        );
    }
    let mut read = Rollup::default();
    read.merge(&rollup.encode().unwrap().unwrap()).unwrap();
    assert_eq!(read.sums.len(), 2);
    let stats = read.stats("c", span, None);
    assert_eq!(stats.len(), 1);
    assert_eq!((stats[0].calls, stats[0].coverage), (50, Some(1.0)));
}

#[test]
fn extremes_are_those_of_executions_where_they_are_counted_since_the_window_began() {
    let span = window(100, 200);
    for (since, want) in [
        (None, (2.0, 2.0)),
        (Some(99), (2.0, 2.0)),
        (Some(100), (0.5, 99.0)),
    ] {
        let mut rollup = Rollup::default();
        rollup.add(
            &Difference {
                minmax_since: since.map(at),
                ..difference(200, 100.0, 3, 4.0)
            },
            span,
        );
        let stats = rollup.stats("c", span, None);
        assert_eq!((stats[0].min_time, stats[0].max_time), want, "{since:?}");
        assert_eq!(stats[0].max_time_lifetime, 99.0);
    }
}

/// One statement as format 1 had it: 40 calls of 80 ms in the window (100, 200].
const OF_FORMAT_1: &str = "\
    0128b52ffd20f7750200d402020000000400000073686f700300000061707001000000f9ff000100\
    c2eb0b00e03f004000f0c05859400344540e000f24000f56dced749c7b96a61820e3cc61e036301c\
    281964049935003c";

#[test]
fn a_rollup_of_the_first_format_reads_without_what_it_did_not_have() {
    let bytes: Vec<u8> = OF_FORMAT_1
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let mut rollup = Rollup::default();
    rollup.merge(&bytes).unwrap();
    let stats = rollup.stats("c", window(100, 200), None);
    let [found] = stats.as_slice() else {
        panic!("{stats:?}");
    };
    assert_eq!(
        (found.query_hash, found.calls, found.total_time),
        (-7, 40, 80.0)
    );
    assert_eq!(
        (found.min_time, found.max_time, found.stddev_time),
        (2.0, 2.0, None)
    );
    assert_eq!((found.max_time_lifetime, found.coverage), (99.0, Some(1.0)));
}
