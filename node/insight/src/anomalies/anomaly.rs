//! What is told of something that is not usual.

use serde::{Deserialize, Serialize};

use super::baseline::Tier;
use super::cause::LikelyCause;
use super::kind::{Facts, Kind};
use super::minute::Minute;
use super::score::Score;
use super::series::Series;

/// Minutes of values that are told.
pub(crate) const TOLD: i64 = 30;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Not usual.
    Low,
    /// z ≥ 6 and 5 % of the load, or 15 % of the load.
    Medium,
    /// z ≥ 10 and 15 % of the load, or 40 % of the load.
    High,
}

impl Severity {
    /// Severity by score (positive if bad) and share of the server's load; low without a share.
    #[must_use]
    pub fn of(z: f64, load_share: Option<f64>) -> Self {
        let share = load_share.unwrap_or(0.0);
        if (z >= 10.0 && share >= 0.15) || share >= 0.4 {
            Self::High
        } else if (z >= 6.0 && share >= 0.05) || share >= 0.15 {
            Self::Medium
        } else {
            Self::Low
        }
    }
}

/// One anomaly, with the contract's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What kind of series.
    pub kind: Kind,
    /// The contract's type.
    pub anomaly_type: String,
    /// How bad it is.
    pub severity: Severity,
    /// The fifth minute that was not usual.
    pub detected_at: Minute,
    /// What was measured.
    pub metric_name: String,
    /// Its value, in the unit of the kind: the usual level plus the size of the change.
    pub metric_value: f64,
    /// Its usual value.
    pub baseline_value: f64,
    /// Its score, positive if bad.
    pub z_score: f64,
    /// Its score, positive if more than usual.
    pub deviation_stddev: f64,
    /// The parts of `raw_metrics_json`.
    pub raw_metrics: RawMetrics,
}

/// What an anomaly rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawMetrics {
    /// The caller's name of the series.
    pub series: String,
    /// The first and the last of the minutes of `values`.
    pub window: (Minute, Minute),
    /// What it was compared with.
    pub tier: Tier,
    /// s, in units of x.
    pub s: f64,
    /// e^y: how many times the usual, odds for a ratio.
    pub factor: f64,
    /// Share of the server's load, if known.
    pub load_share: Option<f64>,
    /// What may be the cause; the caller fills it in.
    pub causes: Vec<LikelyCause>,
    /// The last thirty minutes, none where nothing was measured.
    pub values: Vec<Option<f64>>,
}

impl Anomaly {
    pub(crate) fn of(
        kind: Kind,
        name: &str,
        series: &Series,
        score: &Score,
        facts: &Facts,
    ) -> Self {
        let first = score.at.plus(1 - TOLD);
        let values = (0..TOLD).map(|minute| series.value(first.plus(minute)));
        let z = score.size_z();
        let bad_z = kind.direction().badness(z);
        Self {
            kind,
            anomaly_type: kind.anomaly_type().to_owned(),
            severity: Severity::of(bad_z, facts.load_share),
            detected_at: score.at,
            metric_name: kind.metric_name().to_owned(),
            metric_value: kind.value(score.usual.level + score.size),
            baseline_value: kind.value(score.usual.level),
            z_score: bad_z,
            deviation_stddev: z,
            raw_metrics: RawMetrics {
                series: name.to_owned(),
                window: (first, score.at),
                tier: score.usual.tier,
                s: score.usual.scale,
                factor: score.size.exp(),
                load_share: facts.load_share,
                causes: Vec::new(),
                values: values.collect(),
            },
        }
    }
}
