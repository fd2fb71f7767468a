//! What a prediction knows.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::anomalies::Minute;

/// Least mean in milliseconds: a microsecond.
pub(super) const LEAST_MS: f64 = 0.001;
/// Nothing that is counted or measured is more: 10^15 bytes are a petabyte.
const MOST: f64 = 1e15;

/// One number that a prediction rests on. The doc of each says the unit that callers give it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Mean of the last hour, in milliseconds.
    LastHourMs,
    /// Mean of the same hour yesterday, in milliseconds.
    YesterdayMs,
    /// Mean of the same hour last week, in milliseconds.
    LastWeekMs,
    /// Median of the hours of seven days, in milliseconds.
    WeekMedianMs,
    /// Standard deviation by mean.
    Spread,
    /// Calls a minute.
    CallsPerMinute,
    /// Rows a call.
    RowsPerCall,
    /// Blocks found in the cache a call.
    HitPerCall,
    /// Blocks read a call.
    ReadPerCall,
    /// Temporary blocks a call.
    TempPerCall,
    /// Bytes of WAL a call.
    WalPerCall,
    /// 1 if the plan scans a table, else 0.
    HasSeqScan,
    /// 1 if the plan has a nested loop, else 0.
    HasNestedLoop,
    /// How deep subqueries are nested.
    SubqueryDepth,
    /// Nodes of the plan.
    PlanNodes,
    /// Total cost of the plan.
    PlanCost,
    /// Rows that the planner expects.
    PlanRows,
    /// Pages of the largest relation.
    RelationPages,
    /// Rows of the largest relation.
    RelationRows,
    /// Dead rows by rows, 0 to 1.
    DeadShare,
    /// All-visible pages by pages, 0 to 1.
    VisibleShare,
    /// Indexes of the largest relation.
    IndexCount,
    /// Mean width of its rows in bytes.
    RowWidth,
    /// Active sessions of the server.
    ActiveSessions,
    /// Share of the processors that is used, 0 to 1.
    Cpu,
    /// Milliseconds that a read takes.
    ReadLatencyMs,
    /// Set by [`Features::set_clock`].
    SinDay,
    /// Set by [`Features::set_clock`].
    CosDay,
    /// Set by [`Features::set_clock`].
    SinWeek,
    /// Set by [`Features::set_clock`].
    CosWeek,
    /// Set by [`Features::set_clock`]: 1 from Monday to Friday.
    IsWorkday,
}

impl Feature {
    /// All of them, in the order of [`Features`].
    pub const ALL: [Self; 31] = [
        Self::LastHourMs,
        Self::YesterdayMs,
        Self::LastWeekMs,
        Self::WeekMedianMs,
        Self::Spread,
        Self::CallsPerMinute,
        Self::RowsPerCall,
        Self::HitPerCall,
        Self::ReadPerCall,
        Self::TempPerCall,
        Self::WalPerCall,
        Self::HasSeqScan,
        Self::HasNestedLoop,
        Self::SubqueryDepth,
        Self::PlanNodes,
        Self::PlanCost,
        Self::PlanRows,
        Self::RelationPages,
        Self::RelationRows,
        Self::DeadShare,
        Self::VisibleShare,
        Self::IndexCount,
        Self::RowWidth,
        Self::ActiveSessions,
        Self::Cpu,
        Self::ReadLatencyMs,
        Self::SinDay,
        Self::CosDay,
        Self::SinWeek,
        Self::CosWeek,
        Self::IsWorkday,
    ];

    /// What the model sees of a value: logarithms of means and of counts.
    fn seen(self, value: f64) -> f64 {
        match self {
            Self::LastHourMs | Self::YesterdayMs | Self::LastWeekMs | Self::WeekMedianMs => {
                value.max(LEAST_MS).ln()
            }
            Self::CallsPerMinute
            | Self::RowsPerCall
            | Self::HitPerCall
            | Self::ReadPerCall
            | Self::TempPerCall
            | Self::WalPerCall
            | Self::PlanNodes
            | Self::PlanCost
            | Self::PlanRows
            | Self::RelationPages
            | Self::RelationRows
            | Self::RowWidth
            | Self::ReadLatencyMs => value.max(0.0).ln_1p(),
            _ => value,
        }
    }

    /// What a caller may set it to, inclusive; none for what the clock says.
    #[must_use]
    pub fn bounds(self) -> Option<(f64, f64)> {
        match self {
            Self::SinDay | Self::CosDay | Self::SinWeek | Self::CosWeek | Self::IsWorkday => None,
            Self::HasSeqScan
            | Self::HasNestedLoop
            | Self::DeadShare
            | Self::VisibleShare
            | Self::Cpu => Some((0.0, 1.0)),
            _ => Some((0.0, MOST)),
        }
    }

    fn place(self) -> Option<usize> {
        Self::ALL.iter().position(|feature| *feature == self)
    }
}

/// What is known at a time; what is not known is none, and counts as average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// As the model sees them, in the order of [`Feature::ALL`].
    seen: Vec<Option<f64>>,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            seen: vec![None; Feature::ALL.len()],
        }
    }
}

impl Features {
    /// Sets a feature, in its unit. A scenario is the features of now with some set anew.
    pub fn set(&mut self, feature: Feature, value: f64) {
        let held = feature.place().and_then(|place| self.seen.get_mut(place));
        if let Some(held) = held {
            *held = value.is_finite().then(|| feature.seen(value));
        }
    }

    /// Sets what the clock says.
    pub fn set_clock(&mut self, at: Minute) {
        let angle = |period: i64| {
            let minutes = i32::try_from(at.in_week().rem_euclid(period)).unwrap_or(0);
            let period = i32::try_from(period).unwrap_or(1);
            (f64::from(minutes) / f64::from(period) * TAU).sin_cos()
        };
        let (day, week) = (angle(1_440), angle(10_080));
        let is_workday = f64::from(u8::from(at.hour_of_week() < 120));
        for (feature, value) in [
            (Feature::SinDay, day.0),
            (Feature::CosDay, day.1),
            (Feature::SinWeek, week.0),
            (Feature::CosWeek, week.1),
            (Feature::IsWorkday, is_workday),
        ] {
            self.set(feature, value);
        }
    }

    /// A feature as the model sees it.
    pub(super) fn get(&self, feature: Feature) -> Option<f64> {
        *self.seen.get(feature.place()?)?
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Option<f64>] {
        &self.seen
    }

    /// Takes one feature, by its place in [`Feature::ALL`], from another row.
    pub(super) fn exchange(&mut self, place: usize, other: &Self) {
        if let (Some(held), Some(value)) = (self.seen.get_mut(place), other.seen.get(place)) {
            *held = *value;
        }
    }

    /// Whether the structure of the statement is known.
    pub(super) fn has_structure(&self) -> bool {
        self.get(Feature::PlanNodes).is_some()
    }
}
