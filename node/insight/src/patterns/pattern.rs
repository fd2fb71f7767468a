//! What is told of something that comes back.

use serde::{Deserialize, Serialize};

use crate::anomalies::Minute;

/// Which kind of pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternType {
    /// Hours of the day with more load than the others.
    HourlyPeak,
    /// Days are alike.
    DailyCycle,
    /// Weeks are alike.
    WeeklyPattern,
    /// A statement that runs now and then, or another cycle of the load.
    BatchJob,
}

/// Where in its period something begins, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The mean.
    pub start_seconds: f64,
    /// How much earlier the 5 % of starts begin; not positive.
    pub earliest_seconds: f64,
    /// How much later the 95 % of starts begin; not negative.
    pub latest_seconds: f64,
}

/// The contract's `pattern_metadata`, and ours. What does not apply is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The hour of the day with the most load, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_hour: Option<usize>,
    /// Variance of that hour's load over days (of calls, or of milliseconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance: Option<f64>,
    /// How sure it is, 0.5 to 1.
    pub confidence: f64,
    /// Statements that carry 80 % of it.
    pub affected_queries: usize,
    /// The peak hour's mean calls, in standard deviations of all hours' means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_score_count: Option<f64>,
    /// The same of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z_score_time: Option<f64>,
    /// Days of which 80 % were seen.
    pub days_observed: usize,
    /// 1 − σ / mean of the peak hour over days, at least 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency_score: Option<f64>,
    /// Share of days, or of periods, on which it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence_score: Option<f64>,
    /// Hours of the peak, UTC.
    pub hours: Vec<usize>,
    /// The period in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<f64>,
    /// The period of a cycle that is no job, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_minutes: Option<f64>,
    /// Where in the period it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Seconds that half of the runs last at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_p50_seconds: Option<f64>,
    /// Seconds that 95 % of the runs last at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_p95_seconds: Option<f64>,
    /// By how many seconds runs become longer in a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_trend_seconds_per_week: Option<f64>,
    /// Share of the database's statement time, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_share: Option<f64>,
    /// The statements, at most 20.
    pub families: Vec<i64>,
    /// The minute in which it is expected next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_occurrence: Option<Minute>,
    /// Periods since the last regular start in which it did not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misses: Option<i64>,
    /// Whether it missed two periods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_overdue: Option<bool>,
    /// The last regular start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Minute>,
    /// The zone in which it is regular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Something that comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// The database.
    pub database_name: String,
    /// Which kind.
    pub pattern_type: PatternType,
    /// Its figures.
    pub pattern_metadata: Metadata,
    /// One sentence.
    pub description: String,
    /// Statements that carry 80 % of it.
    pub affected_query_count: usize,
}

impl Pattern {
    pub(super) fn new(
        database: &str,
        pattern_type: PatternType,
        metadata: Metadata,
        description: String,
    ) -> Self {
        Self {
            database_name: database.to_owned(),
            pattern_type,
            affected_query_count: metadata.affected_queries,
            pattern_metadata: metadata,
            description,
        }
    }

    /// What makes two findings the same pattern: the type, and the job or the hour.
    #[must_use]
    pub fn key(&self) -> (PatternType, Option<i64>, Option<usize>) {
        let metadata = &self.pattern_metadata;
        match self.pattern_type {
            PatternType::HourlyPeak => (self.pattern_type, None, metadata.peak_hour),
            PatternType::BatchJob if metadata.period_minutes.is_none() => {
                (self.pattern_type, metadata.families.first().copied(), None)
            }
            _ => (self.pattern_type, None, None),
        }
    }
}
