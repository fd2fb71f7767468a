//! What is usual at a minute.

use serde::{Deserialize, Serialize};

use super::excluded::Excluded;
use super::hour_summary::HourSummary;
use super::kind::Kind;
use super::minute::{DAY, HOUR, Minute, WEEK};
use super::robust::{median, median_and_mad, narrow};
use super::series::Series;

/// Hours of a week.
const HOURS: usize = 168;
/// Hours that are looked back at.
const LOOK_BACK: i64 = 8 * WEEK;
/// History from which a tier is possible, in minutes: the best first.
const TIERS: [(i64, Tier); 3] = [
    (4 * WEEK, Tier::HourOfWeek),
    (10 * DAY, Tier::HourOfWorkday),
    (3 * DAY, Tier::HourOfDay),
];
/// Hours without which an hour of the week is taken from the next tier.
const MIN_HOURS: usize = 3;
/// The last hours that the narrowest tier looks at, and the minutes before now that it does not.
const RECENT: (i64, i64) = (6 * HOUR, 15);
/// Values without which the last hours say nothing.
const MIN_RECENT: usize = 60;

/// What a baseline compares an hour with; the more history, the narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Four weeks of history: the same hour of the week.
    HourOfWeek,
    /// Ten days: the same hour of workdays or of weekends.
    HourOfWorkday,
    /// Three days: the same hour of all days.
    HourOfDay,
    /// Six hours: those without the last fifteen minutes.
    Recent,
}

impl Tier {
    /// The score above which a minute is not usual.
    #[must_use]
    pub fn limit(self) -> f64 {
        if self == Self::Recent { 6.0 } else { 3.5 }
    }

    /// Whether two hours of the week are compared with each other.
    fn is_alike(self, one: usize, other: usize) -> bool {
        let is_weekend = |hour: usize| hour >= 5 * 24;
        match self {
            Self::HourOfWeek => one == other,
            Self::HourOfWorkday => one % 24 == other % 24 && is_weekend(one) == is_weekend(other),
            Self::HourOfDay => one % 24 == other % 24,
            Self::Recent => true,
        }
    }
}

/// What is usual at one minute, in units of x.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// m: linear between the middles of hours.
    pub level: f64,
    /// The level of the whole hour. Work that begins on the hour is here and not in m.
    pub hour_level: f64,
    /// s₁: the scale of single minutes.
    pub minute_scale: f64,
    /// s: the scale of y.
    pub scale: f64,
    /// What it was compared with.
    pub tier: Tier,
}

/// An hour of the week.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Slot {
    level: f32,
    minute_scale: f32,
    scale: f32,
    tier: Tier,
}

/// What is usual, by the hour of the week: 168 × 16 bytes, or one for all hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// One for each hour of the week, or one only.
    slots: Vec<Option<Slot>>,
}

impl Baseline {
    /// Learns from summaries of the eight weeks before `now`, in any order.
    ///
    /// How far back the first of them lies decides the tier; an hour of the week with fewer than
    /// three summaries is taken from the next tier. None if that is less than three days:
    /// [`Baseline::from_minutes`] is for those. After a new level the caller hands in what came
    /// since.
    #[must_use]
    pub fn from_hours(
        kind: Kind,
        hours: &[HourSummary],
        now: Minute,
        excluded: &Excluded,
    ) -> Option<Self> {
        let is_learnt = |summary: &&HourSummary| {
            let age = now.since(summary.hour);
            (HOUR..=LOOK_BACK).contains(&age) && !excluded.has_hour(summary.hour)
        };
        let learnt: Vec<&HourSummary> = hours.iter().filter(is_learnt).collect();
        let first = learnt.iter().map(|summary| summary.hour).min()?;
        let history = now.since(first);
        let possible = TIERS.iter().filter(|(least, _)| history >= *least);
        let tiers: Vec<Tier> = possible.map(|(_, tier)| *tier).collect();
        let mut by_hour: Vec<Vec<&HourSummary>> = vec![Vec::new(); HOURS];
        for summary in learnt {
            if let Some(held) = by_hour.get_mut(summary.hour.hour_of_week()) {
                held.push(summary);
            }
        }
        let of_hour = |hour| {
            let slot = |tier: &Tier| Slot::of(kind, &by_hour, hour, *tier);
            tiers.iter().find_map(slot)
        };
        let slots: Vec<Option<Slot>> = (0..HOURS).map(of_hour).collect();
        slots.iter().any(Option::is_some).then_some(Self { slots })
    }

    /// Learns from the last six hours without the last fifteen minutes; none if the series is
    /// younger, or less than an hour of values is there.
    #[must_use]
    pub fn from_minutes(
        kind: Kind,
        series: &Series,
        now: Minute,
        excluded: &Excluded,
    ) -> Option<Self> {
        let from = now.plus(-RECENT.0);
        if series.first() > from {
            return None;
        }
        let minutes = (0..RECENT.0 - RECENT.1).map(|minute| from.plus(minute));
        let learnt = minutes.filter(|at| !excluded.has(*at));
        let levels: Vec<f64> = learnt
            .filter_map(|at| series.value(at).map(|value| kind.level(value)))
            .collect();
        if levels.len() < MIN_RECENT {
            return None;
        }
        let (level, mad) = median_and_mad(&levels)?;
        let means: Vec<f64> = levels
            .windows(5)
            .map(|five| five.iter().sum::<f64>() / 5.0)
            .collect();
        let (_, mad_y) = median_and_mad(&means)?;
        Some(Self::flat(kind, level, mad, mad_y))
    }

    /// One level for all hours.
    pub(crate) fn flat(kind: Kind, level: f64, mad_r: f64, mad_y: f64) -> Self {
        let slot = Slot::new(kind, (level, mad_r, mad_y), Tier::Recent);
        Self {
            slots: vec![Some(slot)],
        }
    }

    /// What is usual at a minute: the level is linear between the middles of two hours.
    #[must_use]
    pub fn usual(&self, at: Minute) -> Option<Usual> {
        if let [slot] = self.slots.as_slice() {
            return slot.map(|slot| slot.usual(f64::from(slot.level)));
        }
        let slot = self.slot(at)?;
        let from_middle = at.in_week().rem_euclid(HOUR) - HOUR / 2;
        let neighbour = self.slot(at.plus(if from_middle < 0 { -HOUR } else { HOUR }));
        let weight = f64::from(i32::try_from(from_middle.abs()).unwrap_or(0)) / 60.0;
        let level = f64::from(slot.level);
        let other = neighbour.map_or(level, |neighbour| f64::from(neighbour.level));
        Some(slot.usual(level + (other - level) * weight))
    }

    fn slot(&self, at: Minute) -> Option<Slot> {
        *self.slots.get(at.hour_of_week())?
    }
}

impl Slot {
    fn new(kind: Kind, (level, mad_r, mad_y): (f64, f64, f64), tier: Tier) -> Self {
        Self {
            level: narrow(level),
            minute_scale: narrow(kind.scale(mad_r)),
            scale: narrow(kind.scale(mad_y)),
            tier,
        }
    }

    /// An hour of the week by a tier: levels of the hours alike, scales of those and their
    /// neighbours.
    fn of(kind: Kind, by_hour: &[Vec<&HourSummary>], hour: usize, tier: Tier) -> Option<Self> {
        let alike = |hour: usize| {
            by_hour
                .iter()
                .enumerate()
                .filter(move |(other, _)| tier.is_alike(hour, *other))
                .flat_map(|(_, summaries)| summaries)
        };
        let mut levels: Vec<f64> = alike(hour).map(|one| f64::from(one.median_x)).collect();
        if levels.len() < MIN_HOURS {
            return None;
        }
        let around = [hour + HOURS - 1, hour, hour + 1].map(|hour| hour % HOURS);
        let near = || around.into_iter().flat_map(alike);
        let mut mads_r: Vec<f64> = near().map(|one| f64::from(one.mad_r)).collect();
        let mut mads_y: Vec<f64> = near().map(|one| f64::from(one.mad_y)).collect();
        let figures = (
            median(&mut levels)?,
            median(&mut mads_r)?,
            median(&mut mads_y)?,
        );
        Some(Self::new(kind, figures, tier))
    }

    fn usual(self, level: f64) -> Usual {
        Usual {
            level,
            hour_level: f64::from(self.level),
            minute_scale: f64::from(self.minute_scale),
            scale: f64::from(self.scale),
            tier: self.tier,
        }
    }
}
