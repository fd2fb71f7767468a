//! The plan regressions of one server.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_insight::plan::regression::{Flip, Slower, may_be_slower};
use pga_storage::Timestamp;

use super::explain::explain;
use super::record::{KIND, Record, id_of};
use super::seen::{Key, Seen};
use crate::analyses::comparison::of_statement;
use crate::analyses::findings::{MAX_FINDINGS, Run, keep};
use crate::analyses::workload::{Statement, Window, statements, sums};
use crate::analyses::{Done, Order};
use crate::{ApiError, NodeApi};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;
/// Minutes until now that are compared: the first that tells enough.
const AFTER: [i64; 2] = [10, 60];
/// Minutes until the plan changed: the first of which most was seen. Three parts of five minutes
/// are the least that the comparison takes of calls that differ much.
const BEFORE: [i64; 5] = [1_440, 360, 60, 30, 15];
/// Share of them that has to be seen, and least calls in them.
const SEEN: f64 = 0.8;
const MIN_CALLS: i64 = 30;
/// Minutes around the same time of an earlier day.
const AROUND: i64 = 25;
/// Statements whose time before is read in one round, those that take most time first.
const READ_A_ROUND: usize = 20;
/// Minutes from one test of a statement to the next, and of one cause to the next.
const AGAIN: (i64, i64) = (2, 15);
/// Minutes after the plan changed in which its cause is looked for again: an index that is gone is
/// told within the hour.
const UNSETTLED: i64 = 150;
/// How long what is over is told, and what is open stands without being stored again.
const KEPT: (i64, i64) = (7 * DAY, DAY);

/// What a statement did until its plan changed, and in which window.
type Before = Option<(Window, Statement)>;

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    id: CollectorId,
    seen: Seen,
    records: Vec<Record>,
    /// By statement and when its plan changed: what happened before does not change.
    before: BTreeMap<(Key, i64), Before>,
    tested: BTreeMap<Key, i64>,
    stored_at: i64,
}

fn window(to: i64, minutes: i64) -> Window {
    Window {
        from: Timestamp::from_micros(to - minutes * MINUTE),
        to: Timestamp::from_micros(to),
    }
}

impl Server {
    pub(super) fn new(id: CollectorId) -> Self {
        Self {
            id,
            seen: Seen::default(),
            records: Vec::new(),
            before: BTreeMap::new(),
            tested: BTreeMap::new(),
            stored_at: 0,
        }
    }

    /// Takes what is stored: another node may have judged since.
    pub(super) fn adopt(&mut self, records: Vec<Record>) {
        self.records = records;
    }

    /// Reads the plans that came, judges, and stores what happened.
    pub(super) async fn round(
        &mut self,
        api: &dyn NodeApi,
        order: &Order,
    ) -> Result<Done, ApiError> {
        let now = order.at.micros();
        let rows_read = self.seen.read_on(api, self.id, order.at).await?;
        let flips = self.flips(now);
        let mut done = Done {
            rows_read,
            ..Done::default()
        };
        if flips.is_empty() && self.records.is_empty() {
            return Ok(done);
        }
        let after = statements(api, self.id, window(now, AFTER[0]), None).await?;
        let mut is_news = self.settle(&after, now);
        is_news |= self.explain_again(api, &after, order.at).await?;
        for (key, flip, statement) in self.candidates(flips, &after) {
            let Some(record) = self.judge(api, (&key, &flip), &statement, order.at).await? else {
                continue;
            };
            self.records.retain(|one| one.id != record.id);
            self.records.push(record);
            done.found += 1;
            is_news = true;
        }
        let is_old =
            self.records.iter().any(|one| one.ended_at.is_none()) && now - self.stored_at > KEPT.1;
        if is_news || is_old {
            done.position = Some(self.keep(api, order, rows_read).await?);
            self.stored_at = now;
        }
        Ok(done)
    }

    /// Statements that have another plan than before.
    fn flips(&mut self, now: i64) -> Vec<(Key, Flip)> {
        let all = self.seen.of.iter();
        let flips = all.filter_map(|(key, seen)| Some((key.clone(), Flip::find(seen, now)?)));
        let flips: Vec<(Key, Flip)> = flips.collect();
        let is_there = |key: &Key, at: i64| {
            let same = |(of, flip): &(Key, Flip)| of == key && flip.first_bad == at;
            flips.iter().any(same)
        };
        self.before.retain(|(key, at), _| is_there(key, *at));
        self.tested.retain(|_, at| now - *at < DAY);
        flips
    }

    /// Ends what is as fast as before, or is not called any more.
    fn settle(&mut self, after: &BTreeMap<Key, Statement>, now: i64) -> bool {
        let mut is_news = false;
        for one in self.records.iter_mut().filter(|one| one.ended_at.is_none()) {
            let key = (one.database.clone(), one.query_hash);
            let called = after.get(&key).filter(|of| of.calls > 0);
            one.ended_by = match called {
                Some(of) if of.calls >= MIN_CALLS && one.slower.is_over(of.mean_ms()) => {
                    Some("recovered".to_owned())
                }
                None if now - one.detected_at > DAY => Some("no_calls".to_owned()),
                _ => continue,
            };
            one.ended_at = Some(now);
            is_news = true;
        }
        let before = self.records.len();
        self.records
            .retain(|one| one.ended_at.is_none_or(|at| now - at < KEPT.0));
        is_news || self.records.len() != before
    }

    /// Those of the statements with another plan that were called enough and are not told yet,
    /// those that take most time first.
    fn candidates(
        &self,
        flips: Vec<(Key, Flip)>,
        after: &BTreeMap<Key, Statement>,
    ) -> Vec<(Key, Flip, Statement)> {
        let open: Vec<u64> = self
            .records
            .iter()
            .filter(|one| one.ended_at.is_none())
            .map(|one| one.id)
            .collect();
        let wanted = flips.into_iter().filter_map(|(key, flip)| {
            let statement = after.get(&key).filter(|of| of.calls >= MIN_CALLS)?;
            let is_told = open.contains(&id_of(self.id, &key, &flip));
            (!is_told).then(|| (key, flip, statement.clone()))
        });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort_by(|(.., one), (.., other)| other.total_ms.total_cmp(&one.total_ms));
        let mut read = 0;
        wanted.retain(|(key, flip, _)| {
            let is_known = self.before.contains_key(&(key.clone(), flip.first_bad));
            read += usize::from(!is_known);
            is_known || read <= READ_A_ROUND
        });
        wanted
    }

    /// What a statement did until its plan changed.
    async fn read_before(
        &mut self,
        api: &dyn NodeApi,
        key: &Key,
        flip: &Flip,
    ) -> Result<Before, ApiError> {
        let place = (key.clone(), flip.first_bad);
        if let Some(known) = self.before.get(&place) {
            return Ok(known.clone());
        }
        let mut found = None;
        for minutes in BEFORE {
            let window = window(flip.good_until(), minutes);
            let mut all = sums(api, self.id, window, Some(&key.0)).await?;
            let of = all.remove(key);
            let enough = of.filter(|of| of.coverage >= SEEN && of.calls >= MIN_CALLS);
            if let Some(of) = enough {
                found = Some((window, of));
                break;
            }
        }
        self.before.insert(place, found.clone());
        Ok(found)
    }

    /// Whether a statement is slower by so much that it is told.
    async fn judge(
        &mut self,
        api: &dyn NodeApi,
        (key, flip): (&Key, &Flip),
        statement: &Statement,
        now: Timestamp,
    ) -> Result<Option<Record>, ApiError> {
        let Some((window, before)) = self.read_before(api, key, flip).await? else {
            return Ok(None);
        };
        let at = now.micros();
        let last = self.tested.get(key).copied().unwrap_or(0);
        let is_due = at - last >= AGAIN.0 * MINUTE;
        if !is_due || !may_be_slower(before.mean_ms(), statement.mean_ms()) {
            return Ok(None);
        }
        self.tested.insert(key.clone(), at);
        let Some(slower) = self.slower(api, (key, flip), window, at).await? else {
            return Ok(None);
        };
        let told = explain(api, self.id, key, flip, (&before, statement), now).await?;
        Ok(told.map(|told| Record {
            id: id_of(self.id, key, flip),
            collector_id: self.id.to_string(),
            database: key.0.clone(),
            query_hash: key.1,
            query_text: statement.text.clone(),
            flip: *flip,
            slower,
            detected_at: at,
            ended_at: None,
            ended_by: None,
            why: told.why,
            findings: told.findings,
            confidence: flip.confidence(),
        }))
    }

    async fn slower(
        &self,
        api: &dyn NodeApi,
        ((database, hash), flip): (&Key, &Flip),
        before: Window,
        now: i64,
    ) -> Result<Option<Slower>, ApiError> {
        let mut usual = Vec::new();
        for days in [1, 7] {
            let earlier = window(now - days * DAY + AROUND * MINUTE, AFTER[0] + 2 * AROUND);
            if earlier.to.micros() > flip.good_until() {
                continue;
            }
            let mut all = sums(api, self.id, earlier, Some(database)).await?;
            let of = all.remove(&(database.clone(), *hash));
            usual.extend(of.filter(|of| of.calls >= MIN_CALLS).map(|of| of.mean_ms()));
        }
        for minutes in AFTER {
            let mut after = window(now, minutes);
            if flip.bad_has_run {
                // What ran before with the other plan is not slower.
                after.from = after.from.max(Timestamp::from_micros(flip.first_bad));
            }
            let statement = (database.as_str(), *hash);
            let row = of_statement(api, self.id, statement, (before, after)).await?;
            let slower = row.and_then(|row| Slower::of(&row, &usual));
            if slower.is_some() {
                return Ok(slower);
            }
        }
        Ok(None)
    }

    /// Looks again for causes of plans that changed lately.
    async fn explain_again(
        &mut self,
        api: &dyn NodeApi,
        after: &BTreeMap<Key, Statement>,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let (at, mut is_news) = (now.micros(), false);
        for place in 0..self.records.len() {
            let Some(one) = self.records.get(place).cloned() else {
                break;
            };
            let key = (one.database.clone(), one.query_hash);
            let last = self.tested.get(&key).copied().unwrap_or(one.detected_at);
            let is_due = one.ended_at.is_none()
                && at - one.flip.first_bad < UNSETTLED * MINUTE
                && at - last >= AGAIN.1 * MINUTE;
            let Some(statement) = after.get(&key).filter(|_| is_due) else {
                continue;
            };
            self.tested.insert(key.clone(), at);
            let Some((_, before)) = self.read_before(api, &key, &one.flip).await? else {
                continue;
            };
            let sides = (&before, statement);
            let told = explain(api, self.id, &key, &one.flip, sides, now).await?;
            let news = told.filter(|told| told.why["cause"] != one.why["cause"]);
            if let (Some(told), Some(record)) = (news, self.records.get_mut(place)) {
                (record.why, record.findings) = (told.why, told.findings);
                is_news = true;
            }
        }
        Ok(is_news)
    }

    /// Stores what is open, the most time first, and then what is over, the newest first.
    async fn keep(
        &mut self,
        api: &dyn NodeApi,
        order: &Order,
        rows_read: usize,
    ) -> Result<pga_storage::Position, ApiError> {
        self.records.sort_by(|one, other| {
            let open = one.ended_at.cmp(&other.ended_at).reverse();
            let is_open = |of: &Record| of.ended_at.is_none();
            let stake = |of: &Record| of.slower.seconds_per_hour;
            let first = is_open(other).cmp(&is_open(one));
            first.then(open).then(stake(other).total_cmp(&stake(one)))
        });
        self.records.truncate(MAX_FINDINGS);
        let rows = self.records.iter().map(serde_json::to_value);
        let rows: Result<Vec<_>, _> = rows.collect();
        let run = Run {
            kind: KIND,
            collector: Some(self.id),
            database: String::new(),
            judged: Vec::new(),
            by: order.by.clone(),
            started: order.at,
            ended: Timestamp::now(),
            rows_read,
            findings: rows.map_err(|_| ApiError::Internal)?,
            notes: Vec::new(),
        };
        keep(api, run).await
    }
}
