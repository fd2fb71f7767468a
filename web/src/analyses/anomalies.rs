//! What is not usual on each server: judged by the leader every minute, and when somebody asks.
//!
//! Statements that take most time, tables that are read or written most, databases, wait classes,
//! WAL and standbys are watched. What is usual is made of one summary an hour and series, which are
//! stored as elements of the cluster itself; a new leader reads them again, and makes those of
//! hours that nobody has watched of the sums that the store keeps ([`backfill`]). Minutes are made
//! of the differences between samples, so that it does not matter when in a minute a collector
//! samples.

mod backfill;
mod causes;
mod gauges;
mod history;
mod measured;
mod minutes;
mod quiet;
mod read;
mod record;
mod server;
mod subject;
mod tables;
mod wanted;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::anomalies::{Minute, likely_causes};
use pga_storage::Timestamp;

use self::measured::Measured;
use self::quiet::Quiet;
use self::server::Server;
use self::subject::Subject;
use self::wanted::Wanted;
use super::workload::Window;
use super::{Done, Order, collectors};
use crate::{ApiError, NodeApi};

pub(crate) use self::history::{records, since};
pub(crate) use self::record::{KIND, Record, time};

/// Minutes that are read before those to judge: what is late, and the interval before a sample.
const OVERLAP: i64 = 20;
/// Minutes of history that a watch begins with, if no hour is stored.
const HISTORY: i64 = 7 * 60;
/// Minutes that are judged at once when a watch begins.
const PAST: i64 = 60;
/// How far back anomalies are left out of what is usual: eight weeks.
const WEEKS: i64 = 56 * 86_400_000_000;
/// Minutes after which what has not come is not waited for.
const LATE: i64 = 10;

/// What the leader watches, minute by minute.
#[derive(Debug, Default)]
pub(crate) struct AnomalyWatch {
    servers: BTreeMap<CollectorId, (Server, Wanted)>,
    /// The hour in which it was looked what is worth watching.
    chosen: Option<Minute>,
}

impl AnomalyWatch {
    /// Judges the minutes since the last round on all servers. What happened is durable on a quorum
    /// when it returns.
    ///
    /// # Errors
    /// What reading or pushing answers; the next round goes on where this one began.
    pub(super) async fn round(&mut self, api: &dyn NodeApi) -> Result<Done, ApiError> {
        let order = Order {
            by: "leader".to_owned(),
            at: Timestamp::now(),
            is_paced: true,
        };
        self.judge(api, &order).await
    }

    async fn judge(&mut self, api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
        let minute = Minute::of_micros(order.at.micros());
        let all: BTreeSet<CollectorId> = collectors(api)?.into_iter().collect();
        self.servers.retain(|id, _| all.contains(id));
        if self.chosen != Some(minute.hour()) {
            let new: Vec<CollectorId> = all.into_iter().collect();
            self.choose(api, &new, order.at).await?;
            self.chosen = Some(minute.hour());
        }
        let mut stored = records(api, None).await?;
        let mut done = Done::default();
        let mut quiet = Quiet::read(api);
        for (id, (server, wanted)) in &mut self.servers {
            server.quiet = quiet.remove(id).unwrap_or_default();
            server.adopt(stored.remove(id).unwrap_or_default());
            let window = window(server.next.plus(-OVERLAP), minute.plus(1));
            server.leave_out_starts(read::starts(api, *id, window).await?);
            let measured = measured(api, *id, wanted, window).await?;
            let Some(last) = measured.last() else {
                continue;
            };
            let until = last.min(minute.plus(-1)).max(minute.plus(-LATE));
            done.join(step(api, server, *id, (&measured, until), order).await?);
        }
        Ok(done)
    }

    /// Looks what is worth watching, and begins with what is new.
    async fn choose(
        &mut self,
        api: &dyn NodeApi,
        all: &[CollectorId],
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let new: Vec<CollectorId> = all
            .iter()
            .copied()
            .filter(|id| !self.servers.contains_key(id))
            .collect();
        let mut hours = match new.as_slice() {
            [] => history::Hours::new(),
            [one] => history::hours(api, Some(*one), now).await?,
            _ => history::hours(api, None, now).await?,
        };
        let weeks = Timestamp::from_micros(now.micros() - WEEKS);
        let past = match new.is_empty() {
            true => Vec::new(),
            false => since(api, weeks).await?,
        };
        for id in all {
            let wanted = Wanted::read(api, *id, now).await?;
            if let Some((server, old)) = self.servers.get_mut(id) {
                server.keep_only(|subject| wanted.has(subject));
                let new = new_among(&wanted, old, server.is_filled);
                fill(api, *id, server, &new.statements).await?;
                begin_tables(api, *id, server, &new).await?;
                *old = wanted;
                continue;
            }
            let own: Vec<_> = hours
                .extract_if(.., |(server, ..), _| server == id)
                .collect();
            let server = begin(api, *id, &wanted, (own, &past), now).await?;
            self.servers.insert(*id, (server, wanted));
        }
        Ok(())
    }
}

/// What was not watched before. Statements that were not added up yet an hour ago may be now.
fn new_among(wanted: &Wanted, old: &Wanted, is_filled: bool) -> Wanted {
    let statements = match is_filled {
        true => &wanted.statements - &old.statements,
        false => wanted.statements.clone(),
    };
    let tables = wanted.tables.iter();
    let tables = tables.filter(|(table, _)| !old.tables.contains_key(table));
    Wanted {
        statements,
        tables: tables
            .map(|(table, name)| (table.clone(), name.clone()))
            .collect(),
    }
}

fn window(from: Minute, to: Minute) -> Window {
    Window {
        from: Timestamp::from_micros(from.micros()),
        to: Timestamp::from_micros(to.micros()),
    }
}

/// Reads the minutes of a window.
async fn measured(
    api: &dyn NodeApi,
    id: CollectorId,
    wanted: &Wanted,
    window: Window,
) -> Result<Measured, ApiError> {
    let mut measured = read::measured(api, id, &wanted.statements, window).await?;
    measured.tables = tables::read(api, id, &wanted.tables, window).await?;
    gauges::read(api, id, window, &mut measured).await?;
    Ok(measured)
}

/// Gives tables that are new among the watched their last hours.
async fn begin_tables(
    api: &dyn NodeApi,
    id: CollectorId,
    server: &mut Server,
    new: &Wanted,
) -> Result<(), ApiError> {
    if new.tables.is_empty() {
        return Ok(());
    }
    let from = server.next.plus(-HISTORY);
    let window = window(from.plus(-OVERLAP), server.next);
    let measured = Measured {
        tables: tables::read(api, id, &new.tables, window).await?,
        ..Measured::default()
    };
    server.load(&measured, from);
    Ok(())
}

type OwnHours = Vec<(
    (CollectorId, Subject, pga_insight::anomalies::Kind),
    (
        Vec<pga_insight::anomalies::HourSummary>,
        Vec<pga_insight::anomalies::Peaks>,
    ),
)>;

/// Begins to watch a server: with its hours, its last minutes, and what was found before.
async fn begin(
    api: &dyn NodeApi,
    id: CollectorId,
    wanted: &Wanted,
    (hours, past): (OwnHours, &[Record]),
    now: Timestamp,
) -> Result<Server, ApiError> {
    let minute = Minute::of_micros(now.micros());
    let mut server = Server::new(id, minute.plus(-PAST));
    let weeks = window(minute.plus(-WEEKS / 60_000_000), minute);
    server.leave_out_starts(read::starts(api, id, weeks).await?);
    let hours = hours.into_iter();
    for ((_, subject, kind), (summaries, peaks)) in
        hours.filter(|((_, subject, _), _)| wanted.has(subject))
    {
        if let Some(series) = server.series(&subject, kind) {
            summaries
                .into_iter()
                .for_each(|hour| series.remember(hour, None));
            series.remember_peaks(peaks);
        }
    }
    fill(api, id, &mut server, &wanted.statements).await?;
    let name = id.to_string();
    for record in past.iter().filter(|record| record.collector_id == name) {
        let (Some(subject), Some(ended)) = (Subject::parse(&record.subject), record.ended) else {
            continue;
        };
        if let Some(series) = server.series(&subject, record.kind()) {
            match record.ended_by.as_deref() {
                Some("new_level") => series.begin_anew(ended),
                _ => series.exclude(record.started, ended.plus(1)),
            }
        }
    }
    let from = server.next.plus(-HISTORY);
    let measured = measured(api, id, wanted, window(from.plus(-OVERLAP), server.next)).await?;
    server.load(&measured, from);
    server.quiet = Quiet::read(api).remove(&id).unwrap_or_default();
    server.leave_out_quiet();
    server.keep_only(|subject| wanted.has(subject));
    Ok(server)
}

/// Gives series the hours of the last weeks that nobody has watched.
async fn fill(
    api: &dyn NodeApi,
    id: CollectorId,
    server: &mut Server,
    wanted: &BTreeSet<(String, i64)>,
) -> Result<(), ApiError> {
    if server.is_watched_for_weeks(wanted) {
        return Ok(());
    }
    let (filled, is_whole) = backfill::read(api, id, wanted, server.next).await?;
    for (subject, kind, summaries) in filled {
        if let Some(series) = server.series(&subject, kind) {
            series.fill(summaries);
        }
    }
    server.is_filled = is_whole;
    Ok(())
}

/// Judges the minutes of one server, and keeps what happened.
async fn step(
    api: &dyn NodeApi,
    server: &mut Server,
    id: CollectorId,
    (measured, until): (&Measured, Minute),
    order: &Order,
) -> Result<Done, ApiError> {
    let known: BTreeSet<u64> = server.records.iter().map(|one| one.id).collect();
    let (is_news, hours) = server.advance(measured, until);
    let mut done = Done::default();
    for place in 0..server.records.len() {
        let Some(record) = server.records.get(place) else {
            break;
        };
        if known.contains(&record.id) {
            continue;
        }
        let mut candidates = causes::candidates(api, id, record).await?;
        candidates.extend(server.traffic(record));
        candidates.extend(server.started(record));
        let causes = likely_causes(&candidates, record.started);
        if let Some(record) = server.records.get_mut(place) {
            done.found += 1;
            record.anomaly.raw_metrics.causes = causes;
        }
    }
    if is_news || server.is_old() {
        let position = history::keep_records(api, id, order, &server.records).await?;
        done.position = Some(position);
        server.kept();
    }
    history::keep_hours(api, id, order, &hours).await?;
    done.rows_read = measured.statements.len();
    Ok(done)
}

/// Judges the last hour of all servers anew, for somebody who asks.
pub(crate) async fn detect(api: &dyn NodeApi, order: &Order) -> Result<Done, ApiError> {
    AnomalyWatch::default().judge(api, order).await
}
