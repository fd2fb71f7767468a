//! Which plan a statement has now, and which one it had.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const HOUR: i64 = 3_600_000_000;
/// How long a plan that ran tells what runs now, in microseconds.
const RECENT: i64 = 24 * HOUR;

/// A plan that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Its structure.
    pub structure: i64,
    /// Whether it ran, rather than was only asked for.
    pub has_run: bool,
}

/// Two structures of a statement: the one that it has now, and the one that it had most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// The structure before.
    pub good: i64,
    /// The structure now.
    pub bad: i64,
    /// When the former was seen last before the latter came, in microseconds since 1970.
    pub last_good: i64,
    /// When the latter was seen first after the former.
    pub first_bad: i64,
    /// When the latter was seen last.
    pub last_bad: i64,
    /// Whether the former ran.
    pub good_has_run: bool,
    /// Whether the latter ran.
    pub bad_has_run: bool,
    /// How often the latter was seen.
    pub seen: u32,
    /// Whether both ran within an hour.
    pub both_in_one_hour: bool,
}

impl Flip {
    /// Finds it in what was seen of one statement, oldest first; nothing if there is one structure.
    ///
    /// The present structure is the newest that ran, if one ran in the last 24 hours; else the
    /// newest that was asked for. Of the others, the one seen most is the former: of those that
    /// were seen as the present one was (run, or asked for), if there are any.
    #[must_use]
    pub fn find(seen: &[Sighting], now: i64) -> Option<Self> {
        let ran = seen
            .iter()
            .rfind(|one| one.has_run && one.at > now - RECENT);
        let present = ran.or(seen.last())?;
        let bad = present.structure;
        let former = former(seen, *present)?;
        let of = |structure: i64, has_run: bool| {
            let same = move |one: &&Sighting| one.structure == structure && one.has_run == has_run;
            seen.iter().filter(same)
        };
        let first_good = of(former.structure, former.has_run).next()?;
        let later = |one: &&Sighting| one.at > first_good.at;
        let first_bad = of(bad, present.has_run).find(later)?;
        let before = |one: &&Sighting| one.at < first_bad.at;
        let last_good = of(former.structure, former.has_run).rfind(before)?;
        let both = of(bad, true)
            .any(|one| of(former.structure, true).any(|other| (one.at - other.at).abs() < HOUR));
        Some(Self {
            good: former.structure,
            bad,
            last_good: last_good.at,
            first_bad: first_bad.at,
            last_bad: present.at,
            good_has_run: former.has_run,
            bad_has_run: present.has_run,
            seen: u32::try_from(of(bad, present.has_run).count()).unwrap_or(u32::MAX),
            both_in_one_hour: both,
        })
    }

    /// Until when the statement surely had the former plan: a plan that runs is seen at once, one
    /// that is asked for may be a day old.
    #[must_use]
    pub fn good_until(&self) -> i64 {
        if self.bad_has_run {
            return self.first_bad;
        }
        self.first_bad.min(self.last_good + HOUR / 6)
    }

    /// How sure the structures are: 0.5, 0.7 and 0.9 from 1, 3 and 10 plans on; at most 0.5 if one
    /// ran and the other was only asked for.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        if self.good_has_run != self.bad_has_run {
            return 0.5;
        }
        match self.seen {
            0..=2 => 0.5,
            3..=9 => 0.7,
            _ => 0.9,
        }
    }
}

/// The structure seen most before the present one was seen last; of equal ones the newest. What
/// ran is not compared with what is only asked for: nobody knows that it ever runs.
fn former(seen: &[Sighting], present: Sighting) -> Option<Sighting> {
    let mut counts = BTreeMap::<(bool, i64), (u32, Sighting)>::new();
    let others = seen.iter();
    let others = others.filter(|one| one.structure != present.structure && one.at < present.at);
    for one in others.filter(|one| one.has_run <= present.has_run) {
        let key = (one.has_run, one.structure);
        let (count, newest) = counts.entry(key).or_insert((0, *one));
        (*count, *newest) = (*count + 1, *one);
    }
    let best = counts
        .into_values()
        .max_by_key(|(count, newest)| (newest.has_run == present.has_run, *count, newest.at));
    best.map(|(_, newest)| newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 200 * HOUR;

    fn find(seen: &[(i64, i64, bool)]) -> Option<(i64, i64, i64, i64)> {
        let seen: Vec<Sighting> = seen
            .iter()
            .map(|(hours, structure, has_run)| Sighting {
                at: NOW - hours * HOUR,
                structure: *structure,
                has_run: *has_run,
            })
            .collect();
        let flip = Flip::find(&seen, NOW)?;
        let ago = |at: i64| (NOW - at) / HOUR;
        Some((
            flip.good,
            flip.bad,
            ago(flip.last_good),
            ago(flip.first_bad),
        ))
    }

    #[test]
    fn the_plan_before_is_the_one_seen_most() {
        let (ran, asked) = (true, false);
        for (name, seen, want) in [
            ("none", vec![], None),
            ("one", vec![(9, 1, ran), (8, 1, ran)], None),
            ("two", vec![(9, 1, ran), (2, 2, ran)], Some((1, 2, 9, 2))),
            (
                "the rarer one is left out",
                vec![(9, 1, ran), (8, 3, ran), (7, 1, ran), (2, 2, ran)],
                Some((1, 2, 7, 2)),
            ),
            (
                "what was asked for after the new one ran is not what runs",
                vec![(9, 1, asked), (3, 2, ran), (2, 1, asked)],
                Some((1, 2, 9, 3)),
            ),
            (
                "what ran long ago does not tell what runs",
                vec![(90, 2, ran), (30, 1, asked), (2, 3, asked)],
                Some((1, 3, 30, 2)),
            ),
            (
                "it ran, and another was asked for",
                vec![(90, 2, ran), (2, 3, asked)],
                None,
            ),
            (
                "it came and went",
                vec![(99, 1, ran), (50, 2, ran), (9, 1, ran), (2, 2, ran)],
                Some((1, 2, 99, 50)),
            ),
            (
                "it was there before",
                vec![(150, 2, ran), (99, 1, ran), (9, 1, ran), (2, 2, ran)],
                Some((1, 2, 9, 2)),
            ),
        ] {
            assert_eq!(find(&seen), want, "{name}");
        }
    }

    #[test]
    fn what_was_asked_for_may_be_older_than_it_was_seen() {
        let seen = |has_run| {
            [(30, 1), (2, 2)].map(|(hours, structure)| Sighting {
                at: NOW - hours * HOUR,
                structure,
                has_run,
            })
        };
        let ran = Flip::find(&seen(true), NOW).unwrap();
        let asked = Flip::find(&seen(false), NOW).unwrap();
        assert_eq!(ran.good_until(), NOW - 2 * HOUR);
        assert_eq!(asked.good_until(), NOW - 30 * HOUR + HOUR / 6);
        assert_eq!((ran.confidence(), ran.both_in_one_hour), (0.5, false));
        let many = Flip { seen: 10, ..ran };
        assert_eq!(many.confidence(), 0.9);
        let mixed = Flip {
            good_has_run: false,
            ..many
        };
        assert_eq!(mixed.confidence(), 0.5);
    }
}
