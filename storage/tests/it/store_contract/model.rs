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
}

/// One sample of a history: the marker of the view, and the rows by query hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Seconds.
    pub(crate) time: i64,
    /// Seconds.
    pub(crate) stats_reset: Option<i64>,
    /// A query may stand in several rows.
    pub(crate) rows: Vec<(i64, Row)>,
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
}

/// What a key's next sample is compared with.
#[derive(Clone, Debug)]
struct Last {
    time: i64,
    stats_reset: Option<i64>,
    row: Row,
}

/// The differences of a history, whatever the order of its samples, by query.
pub(crate) fn differences(samples: &[Sample]) -> BTreeMap<i64, Vec<Difference>> {
    let mut in_time: Vec<&Sample> = samples.iter().collect();
    in_time.sort_by_key(|sample| sample.time);
    let mut found: BTreeMap<i64, Vec<Difference>> = BTreeMap::new();
    let mut last: BTreeMap<i64, Last> = BTreeMap::new();
    let mut earlier = None;
    for sample in in_time {
        for (hash, row) in added(sample) {
            let now = Last {
                time: sample.time,
                stats_reset: sample.stats_reset,
                row,
            };
            let (difference, next) = step(last.get(&hash), now, earlier);
            found.entry(hash).or_default().extend(difference);
            if let Some(next) = next {
                last.insert(hash, next);
            }
        }
        earlier = Some(sample.time);
    }
    found
}

/// R2: the rows of one query are added.
fn added(sample: &Sample) -> BTreeMap<i64, Row> {
    let mut sums: BTreeMap<i64, Row> = BTreeMap::new();
    for (hash, row) in &sample.rows {
        let Some(sum) = sums.get_mut(hash) else {
            sums.insert(*hash, row.clone());
            continue;
        };
        sum.calls += row.calls;
        sum.total_time += row.total_time;
        sum.rows = match (sum.rows, row.rows) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
    }
    sums
}

fn step(
    last: Option<&Last>,
    now: Last,
    earlier: Option<i64>,
) -> (Option<Difference>, Option<Last>) {
    let Some(last) = last else {
        // R8, R9.
        let is_new = |from: &i64| now.row.stats_since.is_none_or(|since| since >= *from);
        let whole = earlier.filter(is_new).map(|from| Difference {
            from,
            to: now.time,
            calls: now.row.calls,
            total_time: now.row.total_time,
            rows: now.row.rows,
        });
        return (whole, Some(now));
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
    if moves(|before, after| after < before) {
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
    };
    let next = Last {
        time: now.time,
        stats_reset: now.stats_reset.or(last.stats_reset),
        row: Row {
            rows: now.row.rows.or(base.rows),
            stats_since: now.row.stats_since.or(last.row.stats_since),
            ..now.row
        },
    };
    (Some(difference), Some(next))
}
