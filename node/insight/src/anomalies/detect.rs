//! Opens, raises and ends anomalies, minute by minute.

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomaly, Severity};
use super::baseline::{Baseline, Tier};
use super::kind::{Facts, Kind};
use super::minute::Minute;
use super::score::{LN_FACTOR, SMOOTHED, Score, score};
use super::seen_before::SeenBefore;
use super::series::Series;

/// ln 1.25: how far y has to be above what was seen at this time of most days.
const LN_ABOVE_SEEN: f64 = 0.223_143_551_314_209_76;
/// Minutes in which the five scores have to lie: series with few calls have gaps.
const WITHIN: i64 = 30;
/// The score below which it is calm, and the minutes after which an anomaly has ended.
const CALM: (f64, i64) = (2.0, 10);
/// Minutes without a score after which an anomaly has ended: nobody can tell any more.
const SILENT: i64 = 60;

/// A series that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// What it counts.
    pub kind: Kind,
    /// Its name, for people.
    pub name: &'a str,
    /// What is usual.
    pub baseline: &'a Baseline,
    /// What was seen at this time of most days, if known.
    pub seen_before: Option<&'a SeenBefore>,
}

/// An anomaly that has not ended. A series has at most one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The first of the five minutes.
    pub started: Minute,
    /// The fifth.
    pub detected: Minute,
    /// The highest severity so far.
    pub severity: Severity,
    /// Since when it is calm again.
    pub calm_since: Option<Minute>,
    /// When there was a score last.
    pub last_scored: Minute,
    /// What it is compared with, if that are the last hours: they would learn the anomaly.
    pub frozen: Option<Baseline>,
}

/// Why an anomaly is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// z < 2 for ten minutes.
    Calm,
    /// No score for an hour.
    NoData,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An anomaly began.
    Opened(Box<Anomaly>),
    /// It became worse; `detected_at` is still that of the beginning.
    Risen(Box<Anomaly>),
    /// It is over since `at`: the first calm minute, or the last that had a score.
    Ended {
        /// The minute.
        at: Minute,
        /// Why.
        why: Ended,
    },
    /// It has become usual: the baseline begins anew at `since`. See [`super::new_level()`].
    NewLevel {
        /// The minute of the change.
        since: Minute,
    },
}

/// What one minute came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The score of the minute, if it has one.
    pub score: Option<Score>,
    /// The anomaly that is open now.
    pub open: Option<Open>,
    /// What happened, if anything.
    pub event: Option<Event>,
}

impl Watch<'_> {
    /// Looks at the minute `at`, the newest of `series`, which has to reach back 45 minutes.
    ///
    /// `facts` are of the five minutes that end with it. Calls have to come in the order of time.
    #[must_use]
    pub fn detect(&self, series: &Series, at: Minute, facts: &Facts, open: Option<Open>) -> Step {
        let frozen = open.as_ref().and_then(|open| open.frozen.as_ref());
        let score = score(self.kind, frozen.unwrap_or(self.baseline), series, at);
        let (open, event) = match (open, &score) {
            (None, None) => (None, None),
            (None, Some(score)) => self.opens(series, score, facts),
            (Some(open), None) => silent(open, at),
            (Some(open), Some(score)) => self.goes_on(open, series, score, facts),
        };
        Step { score, open, event }
    }

    /// Does the same for each minute of `series` from `from` on.
    ///
    /// Answers the events with their minutes, in order, and what is open at the end.
    pub fn detect_past(
        &self,
        series: &Series,
        from: Minute,
        facts: impl Fn(Minute) -> Facts,
        mut open: Option<Open>,
    ) -> (Vec<(Minute, Event)>, Option<Open>) {
        let mut events = Vec::new();
        let mut at = from.max(series.first());
        while at < series.end() {
            let step = self.detect(series, at, &facts(at), open);
            open = step.open;
            events.extend(step.event.map(|event| (at, event)));
            at = at.plus(1);
        }
        (events, open)
    }

    /// Whether one score is high enough, were it not for the others.
    fn is_high(&self, score: &Score) -> bool {
        let badness = |value: f64| self.kind.direction().badness(value);
        let y = badness(score.y);
        // Where weekends or jobs begin on the hour, m is half-way between two levels: what is usual
        // for the whole hour is quiet too.
        let from_hour = y - badness(score.usual.hour_level - score.usual.level);
        let seen = self.seen_before.and_then(|seen| seen.worst(score.at));
        badness(score.z()) > score.usual.tier.limit()
            && y.min(from_hour) > LN_FACTOR
            && seen.is_none_or(|seen| y > seen + LN_ABOVE_SEEN)
    }

    /// The first of five minutes in a row that are high, if `score` is the fifth.
    fn first_high(&self, series: &Series, newest: &Score) -> Option<Minute> {
        if !self.is_high(newest) {
            return None;
        }
        let mut found = 1;
        for back in 1..WITHIN {
            let Some(before) = score(self.kind, self.baseline, series, newest.at.plus(-back))
            else {
                continue;
            };
            if !self.is_high(&before) {
                return None;
            }
            found += 1;
            if found == SMOOTHED {
                return Some(before.at);
            }
        }
        None
    }

    fn opens(
        &self,
        series: &Series,
        score: &Score,
        facts: &Facts,
    ) -> (Option<Open>, Option<Event>) {
        let Some(started) = self.first_high(series, score) else {
            return (None, None);
        };
        let anomaly = Anomaly::of(self.kind, self.name, series, score, facts);
        let (value, usual) = (anomaly.metric_value, anomaly.baseline_value);
        if !self.kind.is_worth_it(value, usual, facts) {
            return (None, None);
        }
        let is_recent = score.usual.tier == Tier::Recent;
        let open = Open {
            started,
            detected: score.at,
            severity: anomaly.severity,
            calm_since: None,
            last_scored: score.at,
            frozen: is_recent.then(|| self.baseline.clone()),
        };
        (Some(open), Some(Event::Opened(Box::new(anomaly))))
    }

    fn goes_on(
        &self,
        mut open: Open,
        series: &Series,
        score: &Score,
        facts: &Facts,
    ) -> (Option<Open>, Option<Event>) {
        open.last_scored = score.at;
        if self.kind.direction().badness(score.z()) < CALM.0 {
            let since = *open.calm_since.get_or_insert(score.at);
            if score.at.since(since) + 1 >= CALM.1 {
                let why = Ended::Calm;
                return (None, Some(Event::Ended { at: since, why }));
            }
            return (Some(open), None);
        }
        open.calm_since = None;
        let mut anomaly = Anomaly::of(self.kind, self.name, series, score, facts);
        if anomaly.severity <= open.severity {
            return (Some(open), None);
        }
        open.severity = anomaly.severity;
        anomaly.detected_at = open.detected;
        (Some(open), Some(Event::Risen(Box::new(anomaly))))
    }
}

/// A minute without a score: the anomaly stays, but not for ever.
fn silent(open: Open, at: Minute) -> (Option<Open>, Option<Event>) {
    if at.since(open.last_scored) < SILENT {
        return (Some(open), None);
    }
    let event = Event::Ended {
        at: open.last_scored,
        why: Ended::NoData,
    };
    (None, Some(event))
}
