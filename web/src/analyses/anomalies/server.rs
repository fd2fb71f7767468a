//! All series of one server, judged minute by minute.

use std::collections::{BTreeMap, BTreeSet};

use pga_config::CollectorId;
use pga_insight::anomalies::{
    Candidate, CauseKind, Ended, Event, HourSummary, Kind, MEMBERS_ALONE, Minute, Overlap, Peaks,
};

use super::measured::Measured;
use super::quiet::Quiet;
use super::record::{Record, time};
use super::subject::Subject;
use super::watched::Watched;
use crate::analyses::findings::finding_id;

/// Minutes after which the shortest of baselines is learnt anew.
const RELEARN: i64 = 10;
/// Minutes that anomalies of one server may begin apart and still be one.
const TOGETHER: i64 = 5;
/// Minutes for which what is open stands without being stored again.
const KEPT: i64 = 1_440;
/// Minutes of four weeks: what the best baseline needs.
const WEEKS: i64 = 28 * 1_440;
/// Minutes of the eight weeks that are learnt from.
const LEARNT: i64 = 56 * 1_440;
/// Series of one server.
const MAX_SERIES: usize = 1_500;

/// A summary of an hour that is to be stored, with what it is of.
pub(super) type Hour = (Subject, Kind, HourSummary, Peaks);

/// What is watched of a server.
#[derive(Debug)]
pub(super) struct Server {
    id: CollectorId,
    series: BTreeMap<(Subject, Kind), Watched>,
    /// The first minute that was not judged.
    pub(super) next: Minute,
    /// What is open, and what ended less than an hour ago.
    pub(super) records: Vec<Record>,
    /// The last minute that was judged when the records were stored.
    stored: Option<Minute>,
    /// Whether the hours before it was watched are known, as far as the store has them.
    pub(super) is_filled: bool,
    /// When nothing is judged, nor learnt.
    pub(super) quiet: Quiet,
    /// When the server was started, as far as it is known.
    starts: BTreeSet<Minute>,
}

impl Server {
    pub(super) fn new(id: CollectorId, next: Minute) -> Self {
        Self {
            id,
            series: BTreeMap::new(),
            next,
            records: Vec::new(),
            stored: None,
            is_filled: true,
            quiet: Quiet::default(),
            starts: BTreeSet::new(),
        }
    }

    /// Whether what is open is to be stored again: a day has passed, or another node did it.
    pub(super) fn is_old(&self) -> bool {
        let is_open = self.records.iter().any(|one| one.ended.is_none());
        is_open
            && self
                .stored
                .is_none_or(|stored| self.next.since(stored) > KEPT)
    }

    /// Notes that the records are stored.
    pub(super) fn kept(&mut self) {
        self.stored = Some(self.next);
    }

    /// The series of this name, watched from now on; none if there are too many.
    pub(super) fn series(&mut self, subject: &Subject, kind: Kind) -> Option<&mut Watched> {
        let key = (subject.clone(), kind);
        if self.series.len() >= MAX_SERIES && !self.series.contains_key(&key) {
            return None;
        }
        let new = || {
            let mut series = Watched::new(kind, subject.to_string());
            self.starts
                .iter()
                .for_each(|at| series.exclude_restart(*at));
            series
        };
        Some(self.series.entry(key).or_insert_with(new))
    }

    /// Whether all of these statements were watched for four weeks: nothing is to be filled in.
    pub(super) fn is_watched_for_weeks(&self, wanted: &BTreeSet<(String, i64)>) -> bool {
        let since = self.next.plus(-WEEKS);
        wanted.iter().all(|(database, hash)| {
            let subject = Subject::Statement {
                hash: *hash,
                database: database.clone(),
            };
            let series = self.series.get(&(subject, Kind::StatementCalls));
            series.is_some_and(|series| series.knows_since(since))
        })
    }

    /// Forgets series that are not among these, unless they are not usual now.
    pub(super) fn keep_only(&mut self, wanted: impl Fn(&Subject) -> bool) {
        self.series
            .retain(|(subject, _), watched| watched.open.is_some() || wanted(subject));
    }

    /// Takes minutes without judging them: history.
    pub(super) fn load(&mut self, measured: &Measured, from: Minute) {
        for subject in measured.subjects() {
            for kind in subject.kinds() {
                let next = self.next;
                let Some(series) = self.series(&subject, *kind) else {
                    return;
                };
                let mut at = from;
                while at < next {
                    series.push(at, measured.amount(&subject, *kind, at));
                    at = at.plus(1);
                }
            }
        }
        let next = self.next;
        self.series.values_mut().for_each(|one| one.learn(next));
    }

    /// Learns nothing of the minutes after restarts.
    pub(super) fn leave_out_starts(&mut self, starts: impl IntoIterator<Item = Minute>) {
        for at in starts {
            if self.starts.insert(at) {
                let all = self.series.values_mut();
                all.for_each(|one| one.exclude_restart(at));
            }
        }
    }

    /// Learns nothing of the maintenance windows of the last weeks.
    pub(super) fn leave_out_quiet(&mut self) {
        for (from, to) in self.quiet.ranges(self.next.plus(-LEARNT), self.next) {
            let all = self.series.values_mut();
            all.for_each(|one| one.exclude(from, to));
        }
        let next = self.next;
        self.series.values_mut().for_each(|one| one.learn(next));
    }

    /// Takes what is stored as open: what another node or somebody's question has found.
    pub(super) fn adopt(&mut self, stored: Vec<Record>) {
        for record in stored {
            if self.records.iter().any(|known| known.id == record.id) {
                continue;
            }
            if let (Some(subject), Some(open)) = (Subject::parse(&record.subject), &record.open)
                && let Some(series) = self.series(&subject, record.kind())
                && series.open.is_none()
            {
                series.open = Some(open.clone());
            }
            self.records.push(record);
        }
    }

    /// Judges all minutes up to and with `until`. Answers whether anything happened, and the hours
    /// that are over.
    pub(super) fn advance(&mut self, measured: &Measured, until: Minute) -> (bool, Vec<Hour>) {
        let (mut is_news, mut hours) = (false, Vec::new());
        for subject in measured.subjects() {
            for kind in subject.kinds() {
                let _watched = self.series(&subject, *kind);
            }
        }
        while self.next <= until {
            let at = self.next;
            self.next = at.plus(1);
            is_news |= self.minute(measured, at);
            if self.next == self.next.hour() {
                let (more, news) = self.hour(at.hour());
                hours.extend(more);
                is_news |= news;
            } else if at.get() % RELEARN == 0 {
                let next = self.next;
                self.series.values_mut().for_each(|one| one.learn(next));
            }
        }
        is_news |= self.fold();
        let next = self.next;
        self.records
            .retain(|one| one.ended.is_none_or(|ended| next.since(ended) < 60));
        (is_news, hours)
    }

    fn minute(&mut self, measured: &Measured, at: Minute) -> bool {
        let mut happened = Vec::new();
        let is_quiet = self.quiet.has(at);
        for ((subject, kind), series) in &mut self.series {
            series.push(at, measured.amount(subject, *kind, at));
            if is_quiet {
                series.exclude(at, at.plus(1));
                continue;
            }
            let facts = measured.facts(subject, at);
            if let Some(event) = series.judge(at, &facts) {
                happened.push((subject.clone(), *kind, event, series.open.clone()));
            }
        }
        let mut is_news = false;
        for (subject, kind, event, open) in happened {
            is_news |= self.take(&subject, kind, event, open);
        }
        is_news
    }

    fn take(
        &mut self,
        subject: &Subject,
        kind: Kind,
        event: Event,
        open: Option<pga_insight::anomalies::Open>,
    ) -> bool {
        let name = subject.to_string();
        let mut of_it = self
            .records
            .iter_mut()
            .filter(|one| one.subject == name && one.kind() == kind);
        match (event, open) {
            (Event::Opened(anomaly), Some(open)) => {
                // What ended after this began was told already.
                let is_told = of_it.any(|one| one.ended.is_none_or(|ended| ended >= open.started));
                if is_told {
                    return false;
                }
                self.records
                    .push(Record::new(self.id, subject, *anomaly, open));
                true
            }
            (Event::Risen(mut anomaly), open) => {
                let Some(record) = of_it.find(|one| one.ended.is_none()) else {
                    return false;
                };
                anomaly.raw_metrics.causes = record.anomaly.raw_metrics.causes.clone();
                record.anomaly = *anomaly;
                record.open = open;
                true
            }
            (Event::Ended { at, why }, _) => {
                let why = match why {
                    Ended::Calm => "calm",
                    Ended::NoData => "no_data",
                };
                self.end(&name, kind, at, why)
            }
            (Event::NewLevel { since }, _) => self.end(&name, kind, since, "new_level"),
            (Event::Opened(_), None) => false,
        }
    }

    fn end(&mut self, name: &str, kind: Kind, at: Minute, why: &str) -> bool {
        let mut of_it = self
            .records
            .iter_mut()
            .filter(|one| one.subject == name && one.kind() == kind);
        let Some(record) = of_it.find(|one| one.ended.is_none()) else {
            return false;
        };
        record.ended = Some(at);
        record.ended_by = Some(why.to_owned());
        record.open = None;
        let (from, subject) = (record.started, Subject::parse(name));
        if why != "new_level"
            && let Some(subject) = subject
            && let Some(series) = self.series(&subject, kind)
        {
            series.exclude(from, at.plus(1));
        }
        true
    }

    fn hour(&mut self, hour: Minute) -> (Vec<Hour>, bool) {
        let (now, mut hours, mut levels) = (self.next, Vec::new(), Vec::new());
        for ((subject, kind), series) in &mut self.series {
            let (summary, event) = series.close_hour(hour, now);
            hours.extend(summary.map(|(hour, peaks)| (subject.clone(), *kind, hour, peaks)));
            levels.extend(event.map(|event| (subject.clone(), *kind, event)));
            series.learn(now);
        }
        let mut is_news = false;
        for (subject, kind, event) in levels {
            is_news |= self.take(&subject, kind, event, None);
        }
        (hours, is_news)
    }

    /// Makes one anomaly of many that began together: the first stands for all.
    fn fold(&mut self) -> bool {
        let alone = |one: &&mut Record| one.ended.is_none() && one.part_of.is_none();
        let newest = self.records.iter_mut().filter(alone);
        let Some(newest) = newest.map(|one| one.anomaly.detected_at).max() else {
            return false;
        };
        let from = newest.plus(-TOGETHER);
        let mut members: Vec<&mut Record> = self
            .records
            .iter_mut()
            .filter(alone)
            .filter(|one| one.anomaly.detected_at >= from)
            .collect();
        if members.len() <= MEMBERS_ALONE {
            return false;
        }
        members.sort_by(|one, other| {
            let worst = other.anomaly.severity.cmp(&one.anomaly.severity);
            worst.then(other.anomaly.z_score.total_cmp(&one.anomaly.z_score))
        });
        let minute = newest.get().to_string();
        let id = finding_id(&["server", &self.id.to_string(), &minute]);
        members.iter_mut().for_each(|one| one.part_of = Some(id));
        true
    }

    /// A start of the server may be the cause of whatever is not usual after it.
    pub(super) fn started(&self, record: &Record) -> Option<Candidate> {
        let before = self.starts.range(..=record.started.plus(2));
        before.last().map(|at| Candidate {
            kind: CauseKind::Restart,
            at: *at,
            overlap: Overlap::Subject,
            subject: time(*at),
        })
    }

    /// More calls of a statement, each as fast as before, may be the cause of what it takes.
    pub(super) fn traffic(&self, record: &Record) -> Option<Candidate> {
        let calls = self.records.iter().find(|one| {
            one.subject == record.subject
                && one.kind() == Kind::StatementCalls
                && one.started.since(record.started).abs() <= 15
        })?;
        let is_slower = self.records.iter().any(|one| {
            one.subject == record.subject
                && one.kind() == Kind::StatementMeanMs
                && one.ended.is_none()
        });
        (!is_slower && record.kind() != Kind::StatementCalls).then(|| Candidate {
            kind: CauseKind::Traffic,
            at: calls.started,
            overlap: Overlap::Subject,
            subject: calls.subject.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions that wait for locks: none for seven hours, then five.
    fn waits(from: i64) -> Measured {
        let mut measured = Measured::default();
        for minute in (0..450).map(Minute::new) {
            measured.looked_at.insert(minute);
            let count = if minute.get() < from { 0.0 } else { 5.0 };
            let of = measured.waits.entry("Lock".to_owned()).or_default();
            of.insert(minute, count);
        }
        measured
    }

    #[test]
    fn what_begins_after_a_start_of_the_server_may_come_from_it() {
        let server = |start: i64| {
            let mut server = Server::new(CollectorId::from_external("a"), Minute::new(420));
            let measured = waits(430);
            server.load(&measured, Minute::new(0));
            server.leave_out_starts([Minute::new(start)]);
            let (is_news, _) = server.advance(&measured, Minute::new(445));
            assert!(is_news && server.records.len() == 1, "{:?}", server.records);
            assert_eq!(server.records[0].started, Minute::new(434));
            server
        };
        let known = server(430);
        let told = known.started(&known.records[0]).unwrap();
        assert_eq!((told.kind, told.at), (CauseKind::Restart, Minute::new(430)));
        let later = server(440);
        assert_eq!(later.started(&later.records[0]), None);
    }
}
