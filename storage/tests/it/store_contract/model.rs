//! The plain model of counter differences: one history at a time, without a store, straight from
//! the rules of the module `counter_deltas`.

use std::collections::BTreeMap;

/// What a statement's row says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) calls: i64,
    pub(crate) total_time: f64,
    /// Left out by some clients, and by all for a while.
    pub(crate) rows: Option<i64>,
    /// Seconds.
    pub(crate) stats_since: Option<i64>,
    /// Milliseconds; left out by some clients.
    pub(crate) stddev_time: Option<f64>,
}

/// A query, and whether it ran at top level, where that is sent.
pub(crate) type Key = (i64, Option<bool>);

/// One sample of a history: the marker of the view, and the rows by query hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Seconds.
    pub(crate) time: i64,
    /// Seconds.
    pub(crate) stats_reset: Option<i64>,
    /// System identifier, timeline and address of the server, as far as it is sent.
    pub(crate) server: [Option<i64>; 3],
    /// A query may stand in several rows.
    pub(crate) rows: Vec<(Key, Row)>,
}

/// What happened between two samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Seconds; the time of the sample before.
    pub(crate) from: i64,
    /// Seconds.
    pub(crate) to: i64,
    pub(crate) calls: i64,
    pub(crate) total_time: f64,
    pub(crate) rows: Option<i64>,
    /// Of the sums of squares.
    pub(crate) squares: Option<f64>,
    /// It is longer than three usual intervals of the history.
    pub(crate) is_gap: bool,
}

/// What a key's next sample is compared with.
#[derive(Clone, Debug)]
struct Last {
    time: i64,
    stats_reset: Option<i64>,
    server: [Option<i64>; 3],
    row: Row,
    squares: Option<f64>,
}

/// The sample of the history before.
struct Earlier<'a> {
    sample: &'a Sample,
    /// Its statements may have had other keys.
    has_other_keys: bool,
    /// It was taken from another server.
    is_elsewhere: bool,
}

/// The differences of a history, whatever the order of its samples, by key.
pub(crate) fn differences(samples: &[Sample]) -> BTreeMap<Key, Vec<Difference>> {
    let mut in_time: Vec<&Sample> = samples.iter().collect();
    in_time.sort_by_key(|sample| sample.time);
    let mut found: BTreeMap<Key, Vec<Difference>> = BTreeMap::new();
    let mut last: BTreeMap<Key, Last> = BTreeMap::new();
    for (n, sample) in in_time.iter().enumerate() {
        let earlier = n
            .checked_sub(1)
            .map(|before| earlier(in_time[before], sample));
        let limit = gap_limit(&in_time[..n]);
        for (key, (row, squares)) in added(sample) {
            let now = Last {
                time: sample.time,
                stats_reset: sample.stats_reset,
                server: sample.server,
                row,
                squares,
            };
            let (difference, next) = step(last.get(&key), now, earlier.as_ref());
            found
                .entry(key)
                .or_default()
                .extend(difference.map(|d| Difference {
                    is_gap: (d.to - d.from) as f64 > limit,
                    ..d
                }));
            if let Some(next) = next {
                last.insert(key, next);
            }
        }
    }
    found
}

/// R11: three times the median of the last seven intervals, 900 s where there are not three.
fn gap_limit(before: &[&Sample]) -> f64 {
    let times: Vec<i64> = before
        .iter()
        .rev()
        .take(8)
        .map(|sample| sample.time)
        .collect();
    let mut intervals: Vec<i64> = times.windows(2).map(|pair| pair[0] - pair[1]).collect();
    intervals.sort_unstable();
    match intervals.len() {
        0..3 => 900.0,
        known => 3.0 * intervals[(known - 1) / 2] as f64,
    }
}

fn earlier<'a>(then: &'a Sample, now: &Sample) -> Earlier<'a> {
    let tells = |sample: &Sample| sample.rows.iter().any(|((_, level), _)| level.is_some());
    let is_back =
        matches!((then.stats_reset, now.stats_reset), (Some(then), Some(now)) if now < then);
    Earlier {
        sample: then,
        has_other_keys: tells(then) != tells(now),
        is_elsewhere: is_back || differs(&then.server, &now.server),
    }
}

/// Whether both name a part, and differ in it.
fn differs(one: &[Option<i64>; 3], other: &[Option<i64>; 3]) -> bool {
    let mut pairs = one.iter().zip(other);
    pairs.any(|(one, other)| one.is_some() && other.is_some() && one != other)
}

/// R2: the rows of one key are added, and so are their sums of squares.
fn added(sample: &Sample) -> BTreeMap<Key, (Row, Option<f64>)> {
    let sum = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    let mut sums: BTreeMap<Key, (Row, Option<f64>)> = BTreeMap::new();
    for (key, row) in &sample.rows {
        let squares = row.stddev_time.map(|deviation| {
            let (calls, mean) = (row.calls as f64, row.total_time / row.calls.max(1) as f64);
            calls * (deviation * deviation + mean * mean)
        });
        let Some((known, squared)) = sums.get_mut(key) else {
            sums.insert(*key, (row.clone(), squares));
            continue;
        };
        known.calls += row.calls;
        known.total_time += row.total_time;
        known.rows = match (known.rows, row.rows) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        *squared = sum(*squared, squares);
    }
    sums
}

/// R8, R9: the difference of a key that was not there before.
fn first(now: &Last, earlier: Option<&Earlier<'_>>) -> Option<Difference> {
    let is_new = |earlier: &&Earlier<'_>| match now.row.stats_since {
        _ if earlier.is_elsewhere => false,
        Some(since) => since >= earlier.sample.time,
        None => !earlier.has_other_keys,
    };
    earlier.filter(is_new).map(|earlier| Difference {
        from: earlier.sample.time,
        to: now.time,
        calls: now.row.calls,
        total_time: now.row.total_time,
        rows: now.row.rows,
        squares: now.squares,
        is_gap: false,
    })
}

fn step(
    last: Option<&Last>,
    now: Last,
    earlier: Option<&Earlier<'_>>,
) -> (Option<Difference>, Option<Last>) {
    let Some(last) = last else {
        return (first(&now, earlier), Some(now));
    };
    let markers = [
        (last.stats_reset, now.stats_reset),
        (last.row.stats_since, now.row.stats_since),
    ];
    let moves = |by: fn(i64, i64) -> bool| {
        let both = |(before, after): &(Option<i64>, Option<i64>)| matches!((before, after), (Some(before), Some(after)) if by(*before, *after));
        markers.iter().any(both)
    };
    let is_zero = |row: &Row| row.calls == 0 && row.total_time == 0.0 && row.rows.unwrap_or(0) == 0;
    // R7: another server.
    let is_elsewhere = differs(&last.server, &now.server);
    if is_elsewhere || moves(|before, after| after < before) {
        return (None, Some(now));
    }
    // R10: the database did not answer.
    if is_zero(&now.row) && !is_zero(&last.row) && !moves(|before, after| after > before) {
        return (None, None);
    }
    // R4.
    let is_reset = moves(|before, after| after > before) || now.row.calls < last.row.calls;
    let base = if is_reset {
        Row {
            rows: last.row.rows.map(|_| 0),
            ..Row::default()
        }
    } else {
        last.row.clone()
    };
    let difference = Difference {
        from: last.time,
        to: now.time,
        calls: now.row.calls - base.calls,
        // R5: a counter that fell alone.
        total_time: (now.row.total_time - base.total_time).max(0.0),
        // R6; after a reset the value is the difference.
        rows: match (now.row.rows, base.rows) {
            (Some(rows), _) if is_reset => Some(rows),
            (Some(rows), Some(base)) => Some((rows - base).max(0)),
            _ => None,
        },
        squares: match (now.squares, last.squares) {
            (Some(squares), _) if is_reset => Some(squares),
            // Where they fell it is by rounding.
            (Some(squares), Some(base)) => Some(squares - base).filter(|squares| *squares >= 0.0),
            _ => None,
        },
        is_gap: false,
    };
    let next = Last {
        time: now.time,
        stats_reset: now.stats_reset.or(last.stats_reset),
        server: std::array::from_fn(|part| now.server[part].or(last.server[part])),
        squares: now.squares,
        row: Row {
            rows: now.row.rows.or(base.rows),
            stats_since: now.row.stats_since.or(last.row.stats_since),
            ..now.row
        },
    };
    (Some(difference), Some(next))
}
