//! Which hours a flush seals.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{DAY, HOUR, charted};
use crate::Timestamp;
use crate::store::catalogue::TableId;
use crate::store::mapper::{Rows, Value};

/// What is sealed of one table of one collector: begins of hours, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The first hour.
    pub(crate) since: i64,
    /// The first hour that is not.
    pub(crate) sealed: i64,
    /// Hours before this are not sealed anew.
    pub(crate) frozen: i64,
}

/// What a flush changed in one table of one collector: begins of hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) hours: BTreeSet<i64>,
}

/// What a flush changed in charted tables: `rows` are new, `replaced` were there with other
/// differences.
pub(crate) fn touched(
    rows: &Rows,
    replaced: &[(TableId, Vec<Value>)],
) -> BTreeMap<(Uuid, TableId), Touched> {
    let mut found: BTreeMap<(Uuid, TableId), Touched> = BTreeMap::new();
    for id in charted() {
        let new = rows.table(id).into_iter().flat_map(|rows| rows.iter());
        let replaced = replaced.iter().filter(|(table, _)| *table == id);
        for row in new.chain(replaced.map(|(_, row)| row.as_slice())) {
            if let [Value::Time(time), Value::Uuid(collector), ..] = row {
                let touched = found.entry((*collector, id)).or_default();
                touched.hours.insert(hour_of(*time));
            }
        }
    }
    found
}

/// The begin of the hour of a time, in Unix seconds.
pub(crate) fn hour_of(time: Timestamp) -> i64 {
    time.micros().div_euclid(1_000_000).div_euclid(HOUR) * HOUR
}

/// What is to be done for one table of one collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What the store holds then.
    pub(crate) mark: Mark,
    /// The hours from the first to before the second are over now: those of them that have rows are
    /// sealed.
    pub(crate) over: (i64, i64),
    /// These were sealed, and are anew.
    pub(crate) again: BTreeSet<i64>,
}

impl Plan {
    /// After a flush; `None` if nothing is to be done.
    pub(crate) fn new(before: Option<Mark>, touched: &Touched) -> Option<Self> {
        let (first, last) = (touched.hours.first()?, touched.hours.last()?);
        let is_new = before.is_none();
        let mut mark = before.unwrap_or(Mark {
            since: *first,
            sealed: *first,
            frozen: i64::MIN,
        });
        let over = (mark.sealed, mark.sealed.max(*last));
        let from = mark.since.max(mark.frozen);
        let again = touched.hours.iter().copied();
        let again: BTreeSet<i64> = again
            .filter(|hour| (from..mark.sealed).contains(hour))
            .collect();
        mark.sealed = over.1;
        let is_idle = again.is_empty() && over.0 == over.1 && !is_new;
        (!is_idle).then_some(Self { mark, over, again })
    }

    /// Whether an hour was sealed, and may be anew.
    pub(crate) fn is_sealed(&self, hour: i64) -> bool {
        (self.mark.since.max(self.mark.frozen)..self.over.0).contains(&hour)
    }

    /// The days that `hours` lie in, of those that are over and were sealed from their begin.
    pub(crate) fn days(&self, hours: &BTreeSet<i64>) -> BTreeSet<i64> {
        // A day whose last hour is sealed now may have had no row in it.
        let just_over = (self.over.0.div_euclid(DAY)..self.over.1.div_euclid(DAY)).take(1);
        let days = hours
            .iter()
            .map(|hour| hour.div_euclid(DAY))
            .chain(just_over);
        days.map(|day| day * DAY)
            .filter(|day| *day >= self.mark.since && day + DAY <= self.mark.sealed)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(hours: &[i64]) -> Touched {
        Touched {
            hours: hours.iter().map(|hour| hour * HOUR).collect(),
        }
    }

    #[test]
    fn hours_are_sealed_when_they_are_over_and_anew_when_they_change() {
        let mark = |since: i64, sealed: i64, frozen: i64| Mark {
            since: since * HOUR,
            sealed: sealed * HOUR,
            frozen: frozen * HOUR,
        };
        let first = Plan::new(None, &touched(&[5, 7])).unwrap();
        assert_eq!(first.over, (5 * HOUR, 7 * HOUR));
        assert_eq!((first.mark.since, first.mark.sealed), (5 * HOUR, 7 * HOUR));
        for (name, before, hours, over, again) in [
            ("the open hour", mark(5, 7, 0), vec![7], None, vec![]),
            (
                "the next hour",
                mark(5, 7, 0),
                vec![7, 8],
                Some((7, 8)),
                vec![],
            ),
            ("a late row", mark(5, 7, 0), vec![6], Some((7, 7)), vec![6]),
            ("before the first", mark(5, 7, 0), vec![3], None, vec![]),
            ("frozen", mark(5, 9, 7), vec![6, 7], Some((9, 9)), vec![7]),
        ] {
            let plan = Plan::new(Some(before), &touched(&hours));
            let over = over.map(|(from, to): (i64, i64)| (from * HOUR, to * HOUR));
            assert_eq!(plan.as_ref().map(|plan| plan.over), over, "{name}");
            let again: BTreeSet<i64> = again.iter().map(|hour: &i64| hour * HOUR).collect();
            assert_eq!(
                plan.map(|plan| plan.again).unwrap_or_default(),
                again,
                "{name}"
            );
        }
    }

    #[test]
    fn days_are_summed_once_all_their_hours_are_sealed() {
        let before = Mark {
            since: 0,
            sealed: 23 * HOUR,
            frozen: 0,
        };
        let plan = Plan::new(Some(before), &touched(&[24])).unwrap();
        assert_eq!(plan.days(&[23 * HOUR].into()), [0].into(), "it is over");
        assert_eq!(
            plan.days(&BTreeSet::new()),
            [0].into(),
            "without a row in its last hour"
        );
        let open = Plan::new(Some(before), &touched(&[22])).unwrap();
        assert_eq!(open.days(&[22 * HOUR].into()), BTreeSet::new());
        let young = Mark {
            since: HOUR,
            ..before
        };
        let plan = Plan::new(Some(young), &touched(&[24])).unwrap();
        assert_eq!(
            plan.days(&[23 * HOUR].into()),
            BTreeSet::new(),
            "its begin is not sealed"
        );
    }
}
