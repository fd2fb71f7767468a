//! For how long indexes have not been scanned, on a server and on all its standbys.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::Value;

use super::{DAY_MICROS, Inventory, Reader, Rows, flag, number, text};
use crate::analyses::collectors;
use crate::analyses::workload::Window;
use crate::timestamps::parse_text;
use crate::{ApiError, NodeApi, questions};

/// Days before now of the readings that are compared.
const READINGS: [i64; 9] = [1, 3, 7, 14, 21, 28, 35, 42, 60];
/// Days that an index must have been told of.
const KNOWN_DAYS: f64 = 27.5;
/// Hours that a reading may lie before its time: all rows come once an hour.
const READING_HOURS: i64 = 6;
/// A server that has told nothing for so many hours is not known.
const SILENT_HOURS: i64 = 1;
/// Receivers of WAL that answer no queries.
const NO_STANDBYS: [&str; 2] = ["pg_basebackup", "pg_receivewal"];

/// Servers that replicate one another physically.
#[derive(Debug, PartialEq, Eq)]
enum Group {
    /// All of them are read by collectors.
    Known(Vec<CollectorId>),
    /// So many standbys are connected that no collector reads.
    Unread(usize),
    /// The server does not say which it is.
    Unknown,
}

impl Inventory {
    /// Adds the days that each index has not been scanned on this server and on each of its
    /// standbys; answers why they are not known, if so.
    pub(crate) async fn learn_idle(
        &mut self,
        api: &dyn NodeApi,
        collector: CollectorId,
        database: &str,
        now: Timestamp,
    ) -> Result<Option<String>, ApiError> {
        let members = match group(api, collector, now).await? {
            Group::Known(members) => members,
            Group::Unknown => return Ok(None),
            Group::Unread(standbys) => {
                return Ok(Some(format!(
                    "{standbys} standbys are connected that no collector reads: whether indexes \
                     are used there is not known, so none is called unused"
                )));
            }
        };
        let mut idle: Option<BTreeMap<String, f64>> = None;
        for member in members {
            let reader = Reader {
                api,
                collector: member,
                database,
            };
            let here = reader.idle(now).await?;
            idle = Some(match idle {
                None => here,
                Some(there) => there
                    .into_iter()
                    .filter_map(|(key, days)| Some((here.get(&key)?.min(days), key)))
                    .map(|(days, key)| (key, days))
                    .collect(),
            });
        }
        self.idle = idle.unwrap_or_default();
        Ok(None)
    }
}

impl Reader<'_> {
    /// Days that each index of this server has not been scanned.
    async fn idle(&self, now: Timestamp) -> Result<BTreeMap<String, f64>, ApiError> {
        let (rows, _) = self.rows("pg_index", Window::hours_before(now, 6)).await?;
        let reset = self.reset(now).await?;
        let mut idle: BTreeMap<String, Idle> = rows
            .into_iter()
            .filter(|(_, row)| !flag(row, "is_unique"))
            .filter_map(|(key, row)| Some((key, Idle::of(&row)?)))
            .collect();
        for days in READINGS {
            if idle.values().all(|one| one.is_settled) {
                break;
            }
            let then = Timestamp::from_micros(now.micros() - days * 86_400_000_000);
            let window = Window::hours_before(then, READING_HOURS);
            let (rows, at) = self.rows("pg_index", window).await?;
            let Some(at) = at else { continue };
            let is_reset = reset.is_some_and(|reset| reset > at);
            let days = (now.micros() - at.micros()) as f64 / DAY_MICROS;
            compare(&mut idle, &rows, days, is_reset);
        }
        let known = idle.into_iter();
        Ok(known
            .filter_map(|(key, one)| Some((key, one.days(now, reset)?)))
            .collect())
    }

    /// When the statistics of the database were reset last.
    async fn reset(&self, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
        let newest = self.newest("pg_database", now).await?.unwrap_or_default();
        let mut rows = newest["rows"].as_array().into_iter().flatten();
        let row = rows.find(|row| row["datname"] == self.database);
        let reset = row.and_then(|row| row["stats_reset"].as_str());
        Ok(reset.and_then(|reset| parse_text(reset).ok()))
    }
}

/// What is known of the scans of one index.
#[derive(Clone, Debug, PartialEq)]
struct Idle {
    scans: f64,
    /// When it was scanned last, as PostgreSQL 16 and later tell.
    last_scan: Option<Timestamp>,
    /// Days before now at which it is known to have been there.
    known_days: f64,
    /// Days before now at which its counter stood where it stands.
    still_days: f64,
    /// Earlier readings tell nothing more.
    is_settled: bool,
}

impl Idle {
    fn of(row: &Value) -> Option<Self> {
        let last = row["last_idx_scan"].as_str();
        Some(Self {
            scans: number(row, "idx_scan")?,
            last_scan: last.and_then(|last| parse_text(last).ok()),
            known_days: 0.0,
            still_days: 0.0,
            is_settled: false,
        })
    }

    /// Days without a scan; nothing if the index has not been told of for long enough.
    fn days(&self, now: Timestamp, reset: Option<Timestamp>) -> Option<f64> {
        let since = |at: Timestamp| (now.micros() - at.micros()) as f64 / DAY_MICROS;
        let told = match (self.last_scan, reset) {
            (Some(last), _) => Some(since(last)),
            // It was never scanned since its statistics were reset.
            (None, Some(reset)) if self.scans == 0.0 => Some(since(reset)),
            _ => None,
        };
        let days = self.still_days.max(told.unwrap_or(0.0));
        (self.known_days >= KNOWN_DAYS).then_some(days)
    }
}

/// Compares what is known now with the rows of an earlier time. After a reset since then the
/// counters say nothing; that an index was there they do say.
fn compare(idle: &mut BTreeMap<String, Idle>, rows: &Rows, days: f64, is_reset: bool) {
    for (key, one) in idle.iter_mut().filter(|(_, one)| !one.is_settled) {
        let Some(row) = rows.get(key) else {
            one.is_settled = true;
            continue;
        };
        one.known_days = days;
        let is_still = number(row, "idx_scan") == Some(one.scans) && !is_reset;
        if is_still {
            one.still_days = days;
        }
        one.is_settled = !is_still && one.known_days >= KNOWN_DAYS;
    }
}

/// The servers that use the same indexes as this one.
async fn group(
    api: &dyn NodeApi,
    collector: CollectorId,
    now: Timestamp,
) -> Result<Group, ApiError> {
    let reader = |collector| Reader {
        api,
        collector,
        database: "",
    };
    let own = reader(collector).identity(now).await?;
    let Some((system, _)) = own else {
        return Ok(Group::Unknown);
    };
    let (mut members, mut standbys, mut receivers) = (Vec::new(), 0, 0);
    for other in collectors(api)? {
        let Some((its, is_standby)) = reader(other).identity(now).await? else {
            continue;
        };
        if its == system {
            members.push(other);
            standbys += usize::from(is_standby);
            receivers += reader(other).receivers(now).await?;
        }
    }
    Ok(match receivers.checked_sub(standbys) {
        None | Some(0) => Group::Known(members),
        Some(unread) => Group::Unread(unread),
    })
}

impl Reader<'_> {
    /// The newest element of a type before a time.
    async fn newest(&self, kind: &str, at: Timestamp) -> Result<Option<Value>, ApiError> {
        let window = Window::hours_before(at, SILENT_HOURS);
        let query = Elements {
            collector: self.collector,
            kind: Some(kind.to_owned()),
            from: Some(window.from),
            to: Some(window.to),
            order: ElementOrder::Descending,
            limit: 1,
            cursor: None,
        };
        let page = questions::ask(self.api, query.collector, &query).await?;
        let newest = page.data.first();
        Ok(newest.and_then(|text| serde_json::from_str(text).ok()))
    }

    /// The system identifier that a server shares with its standbys, and whether it is one.
    async fn identity(&self, now: Timestamp) -> Result<Option<(String, bool)>, ApiError> {
        let newest = self.newest("pg_identity", now).await?.unwrap_or_default();
        let system = text(&newest, "system_identifier");
        Ok((!system.is_empty()).then(|| (system, newest["role"] == "standby")))
    }

    /// Standbys that are connected to a server. Those that decode its WAL answer no queries of its
    /// tables.
    async fn receivers(&self, now: Timestamp) -> Result<usize, ApiError> {
        let Some(senders) = self.newest("pg_sender", now).await? else {
            return Ok(0);
        };
        let slots = self.newest("pg_slot", now).await?.unwrap_or_default();
        let slots = slots["rows"].as_array().cloned().unwrap_or_default();
        let is_logical = |sender: &Value| {
            let mut logical = slots.iter().filter(|slot| slot["slot_type"] == "logical");
            logical.any(|slot| slot["slot_name"] == sender["slot"])
        };
        let senders = senders["rows"].as_array().into_iter().flatten();
        Ok(senders
            .filter(|one| !NO_STANDBYS.iter().any(|name| one["application"] == *name))
            .filter(|one| !is_logical(one))
            .count())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(days_ago: f64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 - (days_ago * DAY_MICROS) as i64)
    }

    fn rows(all: &[(&str, i64)]) -> Rows {
        let row = |(name, scans): &(&str, i64)| ((*name).to_owned(), json!({ "idx_scan": scans }));
        all.iter().map(row).collect()
    }

    fn idle(readings: &[(f64, i64)], now: i64, reset: Option<f64>) -> Option<f64> {
        let row = json!({ "idx_scan": now });
        let mut all = BTreeMap::from([("i".to_owned(), Idle::of(&row).unwrap())]);
        for (days, scans) in readings {
            let is_reset = reset.is_some_and(|reset| reset < *days);
            compare(&mut all, &rows(&[("i", *scans)]), *days, is_reset);
        }
        all["i"].days(at(0.0), reset.map(at))
    }

    #[test]
    fn a_counter_that_stands_still_is_an_idle_index() {
        let still = [(1.0, 7), (14.0, 7), (28.0, 7), (35.0, 7)];
        assert_eq!(idle(&still, 7, None), Some(35.0));
        let moved = [(1.0, 7), (14.0, 7), (28.0, 6), (35.0, 6)];
        assert_eq!(idle(&moved, 7, None), Some(14.0));
    }

    #[test]
    fn what_is_told_for_a_short_time_is_not_known() {
        assert_eq!(idle(&[(1.0, 0), (14.0, 0)], 0, Some(90.0)), None);
    }

    #[test]
    fn a_reset_of_the_statistics_hides_what_was_before() {
        let readings = [(1.0, 0), (14.0, 0), (28.0, 0)];
        assert_eq!(idle(&readings, 0, Some(20.0)), Some(20.0));
        assert_eq!(idle(&readings, 0, Some(90.0)), Some(90.0));
        assert_eq!(idle(&readings, 3, Some(20.0)), Some(0.0));
    }

    #[test]
    fn the_server_says_when_it_was_scanned_last() {
        let last = |days: f64| {
            let row = json!({ "idx_scan": 3, "last_idx_scan": at(days).to_string() });
            let mut all = BTreeMap::from([("i".to_owned(), Idle::of(&row).unwrap())]);
            compare(&mut all, &rows(&[("i", 3)]), 28.0, false);
            all["i"].days(at(0.0), None)
        };
        assert_eq!(last(200.0), Some(200.0));
    }

    #[test]
    fn an_index_that_was_not_there_is_not_known() {
        let mut all =
            BTreeMap::from([("i".to_owned(), Idle::of(&json!({ "idx_scan": 0 })).unwrap())]);
        compare(&mut all, &rows(&[("i", 0)]), 14.0, false);
        compare(&mut all, &rows(&[]), 21.0, false);
        compare(&mut all, &rows(&[("i", 0)]), 28.0, false);
        assert_eq!(all["i"].days(at(0.0), Some(at(90.0))), None);
    }
}
