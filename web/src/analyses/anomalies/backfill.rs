//! What series were before they were watched, from the sums that the store keeps: hours of thirty
//! days, and five minutes of the last four. Active sessions, WAL, lags and growth are
//! not summed up, and have none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pga_config::CollectorId;
use pga_insight::anomalies::{HourSummary, Kind, MeanBuckets, Minute, Past, Peaks};
use pga_storage::Timestamp;
use pga_storage::query::{Aggregate, Measure, Series};

use super::read::{COUNTERS, MAX_ROWS, table};
use super::subject::Subject;
use crate::analyses::spans::{self, Entry, Sink, Spans};
use crate::questions;
use crate::{ApiError, NodeApi};

const HOUR: i64 = 3_600;
const FIVE: i64 = 300;
/// Days that hours are read of, and five minutes: most days of the three that a time of day needs.
const DAYS: (i64, i64) = (30, 4);
/// Share of a span of which something has to be known.
const KNOWN: f64 = 0.8;

/// Summaries of a series that nobody watched.
pub(super) type Filled = (Subject, Kind, Vec<(HourSummary, Option<Peaks>)>);

/// What a statement did in a span: its begin, seconds that are known, and the five figures of
/// [`super::measured::Measured::statements`].
type Sums = (i64, f64, [f64; 5]);

/// Takes the sums of some statements.
#[derive(Debug, Default)]
struct Taker(BTreeMap<String, HashMap<i64, Vec<Sums>>>);

impl Sink for Taker {
    fn take(&mut self, begin: i64, entry: &Entry<'_>) {
        let of = self.0.get_mut(entry.database);
        let Some(of) = of.and_then(|of| of.get_mut(&entry.hash)) else {
            return;
        };
        let figures = [entry.calls, entry.ms, entry.rows, entry.reads, entry.io_ms];
        match of.last_mut() {
            // The same statement of another user.
            Some((last, covered, sums)) if *last == begin => {
                *covered = covered.max(entry.covered);
                for (sum, figure) in sums.iter_mut().zip(figures) {
                    *sum += figure;
                }
            }
            _ => of.push((begin, entry.covered, figures)),
        }
    }
}

/// Makes summaries of statements and of all databases of a server, of the hours before `until`; and
/// whether the store had added up all of them: a backlog takes a while.
pub(super) async fn read(
    api: &dyn NodeApi,
    collector: CollectorId,
    wanted: &BTreeSet<(String, i64)>,
    until: Minute,
) -> Result<(Vec<Filled>, bool), ApiError> {
    let (hours, _) = statements(api, collector, wanted, (HOUR, DAYS.0), until).await?;
    let (fives, sealed) = statements(api, collector, wanted, (FIVE, DAYS.1), until).await?;
    let is_whole = sealed >= until.hour().get() * 60;
    let wanted = wanted.clone();
    let made = pga_runtime::spawn_blocking(move || {
        let of_one = |(database, hash): (String, i64)| {
            let sums = |taker: &Taker| {
                let of = taker.0.get(&database).and_then(|of| of.get(&hash));
                of.cloned().unwrap_or_default()
            };
            let (hours, fives) = (sums(&hours), sums(&fives));
            let subject = Subject::Statement { hash, database };
            let of_kind = |kind: &Kind| {
                let past = Past {
                    hours: means(*kind, &hours, HOUR),
                    fives: means(*kind, &fives, FIVE),
                };
                (subject.clone(), *kind, past.summaries(*kind, until))
            };
            subject.kinds().iter().map(of_kind).collect::<Vec<Filled>>()
        };
        wanted.into_iter().flat_map(of_one).collect::<Vec<Filled>>()
    });
    let mut filled = made.await.map_err(|_| ApiError::Internal)?;
    filled.extend(databases(api, collector, until).await?);
    filled.retain(|(.., summaries)| !summaries.is_empty());
    Ok((filled, is_whole))
}

async fn statements(
    api: &dyn NodeApi,
    collector: CollectorId,
    wanted: &BTreeSet<(String, i64)>,
    (seconds, days): (i64, i64),
    until: Minute,
) -> Result<(Taker, i64), ApiError> {
    let mut taker = Taker::default();
    for (database, hash) in wanted {
        let of = taker.0.entry(database.clone()).or_default();
        of.insert(*hash, Vec::new());
    }
    let to = until.hour().get() * 60;
    let spans = Spans {
        seconds,
        from: to - days * 86_400,
        to,
        is_paced: true,
    };
    spans::sealed(api, collector, spans, taker).await
}

/// The means of a statement's spans, as minutes tell them.
fn means(kind: Kind, sums: &[Sums], seconds: i64) -> BTreeMap<Minute, f64> {
    let mut buckets = MeanBuckets::default();
    let mut means = BTreeMap::new();
    for (begin, covered, [calls, ms, rows, reads, io]) in sums {
        if *covered < KNOWN * seconds as f64 {
            buckets.gap();
            continue;
        }
        let a_minute = 60.0 / covered;
        let mean = match kind {
            Kind::StatementCalls => Some(calls * a_minute),
            Kind::StatementTime => Some(ms * a_minute),
            Kind::StatementMeanMs => buckets.push(*calls, *ms),
            Kind::StatementRows => buckets.push(*calls, *rows),
            Kind::StatementReads => buckets.push(*calls, *reads),
            _ => buckets.push(*calls, *io),
        };
        let minute = Minute::of_micros(begin.saturating_mul(1_000_000));
        means.extend(mean.map(|mean| (minute, mean)));
    }
    means
}

/// Points of a database: when they begin, and the sums of [`COUNTERS`].
type Points = BTreeMap<String, Vec<(Minute, i64, [f64; 7])>>;

async fn points(
    api: &dyn NodeApi,
    collector: CollectorId,
    (seconds, days): (i64, i64),
    until: Minute,
) -> Result<Points, ApiError> {
    let to = until.hour().micros();
    let measure = |column: &'static str| Measure {
        column,
        aggregate: Aggregate::Sum,
    };
    let question = Series {
        table: table().ok_or(ApiError::Internal)?,
        measures: COUNTERS.iter().map(|column| measure(column)).collect(),
        collector,
        database: None,
        from: Timestamp::from_micros(to - days * 86_400_000_000),
        to: Timestamp::from_micros(to),
        step_micros: seconds * 1_000_000,
        limit: MAX_ROWS,
    };
    let mut points = Points::new();
    for point in questions::ask(api, collector, &question).await? {
        let sums = point.values.iter().map(|value| value.unwrap_or_default());
        let Ok(sums) = <[f64; 7]>::try_from(sums.collect::<Vec<f64>>()) else {
            continue;
        };
        let of = points.entry(point.database).or_default();
        of.push((Minute::of_micros(point.time.micros()), point.samples, sums));
    }
    Ok(points)
}

async fn databases(
    api: &dyn NodeApi,
    collector: CollectorId,
    until: Minute,
) -> Result<Vec<Filled>, ApiError> {
    let mut hours = points(api, collector, (HOUR, DAYS.0), until).await?;
    let fives = points(api, collector, (FIVE, DAYS.1), until).await?;
    let mut filled = Vec::new();
    for (name, fives) in fives {
        let hours = hours.remove(&name).unwrap_or_default();
        let subject = Subject::Database(name);
        for kind in subject.kinds() {
            let past = Past {
                hours: rates(*kind, &hours, HOUR),
                fives: rates(*kind, &fives, FIVE),
            };
            filled.push((subject.clone(), *kind, past.summaries(*kind, until)));
        }
    }
    Ok(filled)
}

/// The means of a database's spans in which it was sampled as often as usual.
fn rates(kind: Kind, points: &[(Minute, i64, [f64; 7])], seconds: i64) -> BTreeMap<Minute, f64> {
    let mut samples: Vec<i64> = points.iter().map(|(_, samples, _)| *samples).collect();
    samples.sort_unstable();
    let usual = samples.get(samples.len() / 2).copied().unwrap_or_default() as f64;
    let known = points
        .iter()
        .filter(|(_, samples, _)| *samples as f64 >= KNOWN * usual);
    let rate = |(at, _, sums): &(Minute, i64, [f64; 7])| {
        let [commits, rollbacks, reads, hits, temp, deadlocks, _] = *sums;
        let a_second = 1.0 / seconds as f64;
        let rate = match kind {
            Kind::DatabaseTps => (commits + rollbacks) * a_second,
            Kind::DatabaseHitRatio if reads + hits > 0.0 => hits / (reads + hits),
            Kind::DatabaseHitRatio => return None,
            Kind::DatabaseTempBytes => temp * a_second * 60.0,
            // Sizes are no counters: growth has only what was watched.
            Kind::GrowthBytes => return None,
            _ => deadlocks * a_second * 60.0,
        };
        Some((*at, rate))
    };
    known.filter_map(rate).collect()
}
