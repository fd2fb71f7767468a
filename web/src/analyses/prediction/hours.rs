//! What each statement did in each hour, and what was known of it at the begin of one.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::anomalies::Minute;
use pga_insight::prediction::{Feature, Features, RelationFigures, Row};
use pga_storage::Timestamp;

use super::named_relations;
use super::plans::{self, Plans};
use super::relation_sizes::{Back, KnownRelation, Sizes};
use crate::analyses::spans::{self, Entry, Sink, Spans, Times};
use crate::analyses::workload::Window;
use crate::{ApiError, NodeApi};

const HOUR: i64 = 3_600;
/// Statements that are kept, those that take most time.
const STATEMENTS: usize = 500;
/// Hours of the week.
const WEEK: i64 = 168;
/// Blocks read in an hour that tell what a read takes.
const LEAST_READS: f64 = 100.0;

/// One hour of one statement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Hour {
    calls: f64,
    ms: f64,
    rows: f64,
    hits: f64,
    reads: f64,
    temp: f64,
    wal: f64,
    stddev_ms: f64,
}

/// One hour of a server, of all its statements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Server {
    ms: f64,
    reads: f64,
    io_ms: f64,
}

/// The hours of the statements of one server, by the number of the hour since 1970.
#[derive(Debug, Default)]
pub(super) struct History {
    of: BTreeMap<i64, BTreeMap<i64, Hour>>,
    /// The whole server's hours.
    server: BTreeMap<i64, Server>,
    plans: Plans,
    sizes: Sizes,
    /// Hours that were read.
    pub(super) rows_read: usize,
    /// Statements that were not.
    pub(super) left_out: usize,
}

impl History {
    /// Calls of a statement in all hours.
    pub(super) fn calls(&self, hash: i64) -> f64 {
        let hours = self.of.get(&hash).into_iter().flatten();
        // The sum of nothing would be −0.
        hours.fold(0.0, |sum, (_, hour)| sum + hour.calls)
    }

    /// Calls and milliseconds of each hour of a statement.
    pub(super) fn pairs(&self, hash: i64) -> Vec<(f64, f64)> {
        let hours = self.of.get(&hash).into_iter().flatten();
        hours.map(|(_, hour)| (hour.calls, hour.ms)).collect()
    }

    /// The statements.
    pub(super) fn statements(&self) -> BTreeSet<i64> {
        self.of.keys().copied().collect()
    }

    /// Reads how large the relations of statements were: in a database, or in that in which each
    /// takes most time.
    pub(super) async fn learn_sizes(
        &mut self,
        api: &dyn NodeApi,
        of: (CollectorId, Option<&str>),
        (statements, window): (&BTreeSet<i64>, Window),
        back: Back,
    ) -> Result<(), ApiError> {
        let named = named_relations::read(api, of, window, statements, &self.plans).await?;
        self.sizes = Sizes::read(api, of.0, &named, back).await?;
        Ok(())
    }

    /// Whether lists of the oldest days were not read.
    pub(super) const fn is_cut(&self) -> bool {
        self.sizes.is_cut
    }

    /// The relations of a statement as they are known at a Unix second, the largest first.
    pub(super) fn relations(&self, hash: i64, second: i64) -> Vec<KnownRelation> {
        self.sizes.known(hash, second)
    }

    /// What is known of a statement at a Unix second, of what it did at the begin of the hour, and
    /// the same as callers would set it; nothing if it was not called in the three hours before.
    pub(super) fn features(
        &self,
        hash: i64,
        second: i64,
    ) -> Option<(Features, Vec<(Feature, f64)>)> {
        let hours = self.of.get(&hash)?;
        let now = second.div_euclid(HOUR);
        let last =
            (1..=3).find_map(|back| hours.get(&(now - back)).filter(|one| one.calls > 0.0))?;
        let mean = |hour: &Hour| (hour.calls > 0.0).then(|| hour.ms / hour.calls);
        let mut known = vec![
            (Feature::CallsPerMinute, last.calls / 60.0),
            (Feature::RowsPerCall, last.rows / last.calls),
            (Feature::HitPerCall, last.hits / last.calls),
            (Feature::ReadPerCall, last.reads / last.calls),
            (Feature::TempPerCall, last.temp / last.calls),
            (Feature::WalPerCall, last.wal / last.calls),
        ];
        let of = |hour: i64| hours.get(&hour).and_then(mean);
        let mut week: Vec<f64> = hours
            .range(now - WEEK..now)
            .filter_map(|(_, one)| mean(one))
            .collect();
        week.sort_by(f64::total_cmp);
        for (feature, value) in [
            (Feature::LastHourMs, mean(last)),
            (Feature::YesterdayMs, of(now - 24)),
            (Feature::LastWeekMs, of(now - WEEK)),
            (Feature::WeekMedianMs, week.get(week.len() / 2).copied()),
            (
                Feature::Spread,
                mean(last)
                    // Hours that are not sealed do not tell it.
                    .filter(|ms| *ms > 0.0 && last.stddev_ms > 0.0)
                    .map(|ms| last.stddev_ms / ms),
            ),
        ] {
            known.extend(value.map(|value| (feature, value)));
        }
        known.extend(self.of_server(now - 1));
        let plan = self.plans.before(hash, now * HOUR);
        known.extend(plan.into_iter().flatten().copied());
        let largest = self.sizes.largest(hash, second);
        known.extend(largest.iter().flat_map(RelationFigures::features));
        let mut features = Features::default();
        for (feature, value) in &known {
            features.set(*feature, *value);
        }
        features.set_clock(Minute::new(now * 60));
        Some((features, known))
    }

    /// What a server was busy with in an hour.
    fn of_server(&self, hour: i64) -> Vec<(Feature, f64)> {
        let Some(server) = self.server.get(&hour) else {
            return Vec::new();
        };
        // Time in statements by time: sessions that ran one, in the mean.
        let sessions = (Feature::ActiveSessions, server.ms / (HOUR as f64 * 1_000.0));
        let is_read = server.reads >= LEAST_READS && server.io_ms > 0.0;
        let latency = (Feature::ReadLatencyMs, server.io_ms / server.reads);
        let known = [(sessions, true), (latency, is_read)].into_iter();
        known
            .filter_map(|(one, is_known)| is_known.then_some(one))
            .collect()
    }

    /// A row for each hour in which a statement was called and of which something was known; of
    /// more than `most` every second, third, … one.
    pub(super) fn rows(&self, most: usize) -> Vec<Row> {
        let called = || {
            let all = self.of.iter().flat_map(|(hash, hours)| {
                let called = hours.iter().filter(|(_, sum)| sum.calls > 0.0);
                called.map(move |(hour, sum)| (*hash, *hour, sum))
            });
            all.enumerate()
        };
        let step = called().count().div_ceil(most.max(1)).max(1);
        let taken = called().filter(|(place, _)| place % step == 0);
        let row = |(_, (family, hour, sum)): (usize, (i64, i64, &Hour))| {
            let at = Minute::new(hour * 60);
            let (features, _) = self.features(family, hour * HOUR)?;
            Some(Row {
                family,
                at,
                features,
                actual_ms: sum.ms / sum.calls,
            })
        };
        taken.filter_map(row).collect()
    }
}

/// Which statements of a server are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    One(i64),
    /// Those that take most time, and whether reading rests for as long as it works.
    Most {
        is_paced: bool,
    },
}

/// Takes the hours of some statements.
struct Taker {
    history: History,
    wanted: BTreeSet<i64>,
}

impl Sink for Taker {
    fn take(&mut self, begin: i64, entry: &Entry<'_>) {
        let server = self
            .history
            .server
            .entry(begin.div_euclid(HOUR))
            .or_default();
        server.ms += entry.ms;
        server.reads += entry.reads;
        server.io_ms += entry.io_ms;
        if !self.wanted.contains(&entry.hash) {
            return;
        }
        let hours = self.history.of.entry(entry.hash).or_default();
        let sum = hours.entry(begin.div_euclid(HOUR)).or_default();
        sum.calls += entry.calls;
        sum.ms += entry.ms;
        sum.rows += entry.rows;
        sum.hits += entry.hits;
        sum.reads += entry.reads;
        sum.temp += entry.temp;
        sum.wal += entry.wal;
        sum.stddev_ms = sum.stddev_ms.max(entry.stddev_ms);
        self.history.rows_read += 1;
    }
}

/// Reads the hours of a server; of one statement with the one that is not over.
pub(super) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    at: Timestamp,
    days: i64,
    wanted: Wanted,
) -> Result<History, ApiError> {
    let hour = at.micros().div_euclid(HOUR * 1_000_000) * HOUR;
    let to = match wanted {
        Wanted::One(_) => hour + HOUR,
        Wanted::Most { .. } => hour,
    };
    let spans = Spans {
        seconds: HOUR,
        from: hour - days * 86_400,
        to,
        is_paced: matches!(wanted, Wanted::Most { is_paced: true }),
    };
    let most = match wanted {
        Wanted::One(_) => plans::MOST_OF_ONE,
        Wanted::Most { .. } => plans::MOST,
    };
    let mut history = History {
        plans: Plans::read(api, collector, spans.from, most).await?,
        ..History::default()
    };
    let wanted = match wanted {
        Wanted::One(hash) => BTreeSet::from([hash]),
        Wanted::Most { .. } => {
            let times = Times::read(api, collector, spans).await?;
            history.left_out = times.len().saturating_sub(STATEMENTS);
            times.most_hashes(STATEMENTS)
        }
    };
    let taker = Taker { history, wanted };
    Ok(spans::read(api, collector, spans, taker).await?.history)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let hour = |ms: f64| Hour {
            calls: 60.0,
            ms: ms * 60.0,
            rows: 120.0,
            stddev_ms: 2.0,
            ..Hour::default()
        };
        let hours =
            (0..200).map(|at| (at, hour(10.0 + f64::from(i32::try_from(at % 24).unwrap()))));
        let mut history = History::default();
        history.of.insert(7, hours.collect());
        history
    }

    #[test]
    fn features_know_nothing_of_the_hour_that_is_predicted() {
        let history = history();
        let (_, known) = history.features(7, 192 * HOUR).unwrap();
        let of = |feature| {
            known
                .iter()
                .find(|(one, _)| *one == feature)
                .map(|(_, value)| *value)
        };
        // Hour 192 is the first of a day: the hour before is the last of one.
        assert_eq!(of(Feature::LastHourMs), Some(33.0));
        assert_eq!(of(Feature::YesterdayMs), Some(10.0));
        assert_eq!(of(Feature::LastWeekMs), Some(10.0));
        assert_eq!(of(Feature::RowsPerCall), Some(2.0));
        assert_eq!(of(Feature::CallsPerMinute), Some(1.0));
        assert!(history.features(7, 300 * HOUR).is_none(), "it is long gone");
        assert!(history.features(8, 192 * HOUR).is_none());
    }

    #[test]
    fn the_plan_and_the_load_of_before_are_known_and_not_those_of_the_hour() {
        let mut history = history();
        let plan = |cost: f64| [(Feature::PlanCost, cost); 6];
        history.plans.add(7, 191 * HOUR, plan(5.0));
        history.plans.add(7, 192 * HOUR, plan(900.0));
        for (hour, sessions) in [(191, 2.0), (192, 50.0)] {
            let server = Server {
                ms: sessions * 3_600_000.0,
                reads: 200.0,
                io_ms: 100.0,
            };
            history.server.insert(hour, server);
        }
        let (_, known) = history.features(7, 192 * HOUR).unwrap();
        for (feature, want) in [
            (Feature::PlanCost, 5.0),
            (Feature::ActiveSessions, 2.0),
            (Feature::ReadLatencyMs, 0.5),
        ] {
            let found = known.iter().find(|(one, _)| *one == feature);
            assert_eq!(found.map(|(_, value)| *value), Some(want), "{feature:?}");
        }
    }

    #[test]
    fn each_hour_but_the_first_makes_a_row() {
        let rows = history().rows(1_000);
        assert_eq!(rows.len(), 199);
        assert_eq!(rows.last().unwrap().actual_ms, 10.0 + f64::from(199 % 24));
    }

    #[test]
    fn of_many_hours_some_make_a_row_all_along() {
        let rows = history().rows(50);
        assert_eq!(rows.len(), 49, "each fourth, but the very first");
        let hours: Vec<i64> = rows.iter().map(|row| row.at.get() / 60).collect();
        assert_eq!((hours.first(), hours.last()), (Some(&4), Some(&196)));
    }
}
