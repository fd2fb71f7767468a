use super::*;

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
        counters,
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
    for bad in odd.into_iter().chain([vec![], vec![9, 1], vec![FORMAT]]) {
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
