//! One series: its last hours, what is usual, and what is not.

use std::collections::BTreeSet;

use pga_insight::anomalies::{
    Baseline, Event, Excluded, Facts, HourSummary, Kind, MeanBuckets, Minute, Open, Peaks,
    SeenBefore, Series, Watch, new_level, summarise,
};

use super::measured::Amount;

/// Minutes that are kept: six hours to learn from, and what the newest hour needs.
const KEEP: usize = 8 * 60;
/// Summaries that are kept: eight weeks.
const HOURS: usize = 8 * 168;
/// Peaks that are kept: fourteen days.
const PEAKS: usize = 14 * 24;

/// A series that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    kind: Kind,
    name: String,
    series: Series,
    mean: MeanBuckets,
    hours: Vec<HourSummary>,
    peaks: Vec<Peaks>,
    baseline: Option<Baseline>,
    seen_before: Option<SeenBefore>,
    excluded: Excluded,
    pub(super) open: Option<Open>,
}

impl Watched {
    pub(super) fn new(kind: Kind, name: String) -> Self {
        Self {
            kind,
            name,
            series: Series::default(),
            mean: MeanBuckets::default(),
            hours: Vec::new(),
            peaks: Vec::new(),
            baseline: None,
            seen_before: None,
            excluded: Excluded::default(),
            open: None,
        }
    }

    /// Takes a minute; nothing if nothing is known of it.
    pub(super) fn push(&mut self, at: Minute, amount: Option<Amount>) {
        let value = match amount {
            Some(Amount::Value(value)) => Some(value),
            Some(Amount::PerCall(calls, sum)) => self.mean.push(calls, sum),
            None => {
                self.mean.gap();
                None
            }
        };
        self.series.push(at, value, KEEP);
    }

    /// Judges the newest minute.
    pub(super) fn judge(&mut self, at: Minute, facts: &Facts) -> Option<Event> {
        let baseline = self.baseline.as_ref()?;
        let watch = Watch {
            kind: self.kind,
            name: &self.name,
            baseline,
            seen_before: self.seen_before.as_ref(),
        };
        let step = watch.detect(&self.series, at, facts, self.open.take());
        self.open = step.open;
        step.event
    }

    /// Leaves a time out of what is usual.
    pub(super) fn exclude(&mut self, from: Minute, to: Minute) {
        self.excluded.add(from, to);
    }

    /// Leaves the minutes after a restart out of what is usual.
    pub(super) fn exclude_restart(&mut self, at: Minute) {
        self.excluded.add_restart(at);
    }

    /// Takes what is stored of an hour.
    pub(super) fn remember(&mut self, hour: HourSummary, peaks: Option<Peaks>) {
        self.hours.push(hour);
        self.peaks.extend(peaks);
    }

    /// Takes what is stored of the worst of hours.
    pub(super) fn remember_peaks(&mut self, peaks: Vec<Peaks>) {
        self.peaks.extend(peaks);
    }

    /// Takes summaries of hours that are not known yet.
    pub(super) fn fill(&mut self, summaries: Vec<(HourSummary, Option<Peaks>)>) {
        let known: BTreeSet<Minute> = self.hours.iter().map(|hour| hour.hour).collect();
        let peaks: BTreeSet<Minute> = self.peaks.iter().map(|peaks| peaks.hour).collect();
        for (hour, of) in summaries {
            if !known.contains(&hour.hour) {
                self.hours.push(hour);
            }
            self.peaks.extend(of.filter(|of| !peaks.contains(&of.hour)));
        }
        self.hours.sort_by_key(|hour| hour.hour);
        self.peaks.sort_by_key(|peaks| peaks.hour);
    }

    /// Whether its hours reach back so far.
    pub(super) fn knows_since(&self, since: Minute) -> bool {
        self.hours.iter().any(|hour| hour.hour <= since)
    }

    /// Forgets what was before a new level.
    pub(super) fn begin_anew(&mut self, since: Minute) {
        self.hours.retain(|hour| hour.hour >= since);
        self.peaks.retain(|peaks| peaks.hour >= since);
    }

    /// Learns what is usual as of a minute.
    pub(super) fn learn(&mut self, now: Minute) {
        let by_hours = Baseline::from_hours(self.kind, &self.hours, now, &self.excluded);
        self.baseline = by_hours
            .or_else(|| Baseline::from_minutes(self.kind, &self.series, now, &self.excluded));
        self.seen_before =
            (!self.peaks.is_empty()).then(|| SeenBefore::from_peaks(&self.peaks, now));
    }

    /// Summarises an hour that is over, and looks whether what is open has become usual.
    pub(super) fn close_hour(
        &mut self,
        hour: Minute,
        now: Minute,
    ) -> (Option<(HourSummary, Peaks)>, Option<Event>) {
        let summary = summarise(self.kind, self.baseline.as_ref(), &self.series, hour);
        if let Some((hour, peaks)) = summary {
            self.remember(hour, Some(peaks));
            let surplus = self.hours.len().saturating_sub(HOURS);
            self.hours.drain(..surplus);
            let surplus = self.peaks.len().saturating_sub(PEAKS);
            self.peaks.drain(..surplus);
        }
        let open = self.open.as_ref().zip(self.baseline.as_ref());
        let event = open.and_then(|(open, baseline)| new_level(open, baseline, &self.hours, now));
        if let Some(Event::NewLevel { since }) = event {
            self.begin_anew(since);
            self.open = None;
        }
        (summary, event)
    }
}
