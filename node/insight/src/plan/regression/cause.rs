//! The causes, in the order in which they are looked at.

use serde::Serialize;

use super::case::Case;
use super::difference::Difference;
use super::{planner, work};

/// Why a statement became slower, and what shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The cause.
    pub kind: CauseKind,
    /// What shows it.
    pub evidence: String,
}

/// A cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// An index of the good plan is absent or not valid.
    IndexGone,
    /// A setting of the planner changed.
    SettingChanged,
    /// The version, an extension or the schema changed.
    SchemaChanged,
    /// ANALYZE gave the planner other statistics.
    StatisticsChanged,
    /// The statistics are older than the rows.
    StatisticsStale,
    /// The plan is for any parameter, where it was for one.
    GenericPlan,
    /// Both plans are right, each for its parameters.
    ParameterSkew,
    /// A table grew over a size where another plan looks cheaper.
    DataGrew,
    /// The same work on more rows.
    MoreRows,
    /// The same rows in more blocks.
    MoreBlocks,
    /// The same blocks, but not in memory.
    Colder,
    /// The same work, but it waits.
    Waiting,
    /// None of the others.
    Unknown,
}

/// Whether a cause holds: what shows it, or nothing.
type Holds = fn(&Case<'_>) -> Option<String>;

/// All causes but the unknown one; the first that holds is the cause.
pub(super) const CAUSES: [(CauseKind, Holds); 12] = [
    (CauseKind::IndexGone, planner::index_gone),
    (CauseKind::SettingChanged, planner::setting_changed),
    (CauseKind::SchemaChanged, planner::schema_changed),
    (CauseKind::StatisticsChanged, planner::statistics_changed),
    (CauseKind::StatisticsStale, planner::statistics_stale),
    (CauseKind::GenericPlan, planner::generic_plan),
    (CauseKind::ParameterSkew, planner::parameter_skew),
    (CauseKind::DataGrew, planner::data_grew),
    (CauseKind::MoreRows, work::more_rows),
    (CauseKind::MoreBlocks, work::more_blocks),
    (CauseKind::Colder, work::colder),
    (CauseKind::Waiting, work::waiting),
];

impl Cause {
    /// Says that no cause holds, and what differs most.
    pub(super) fn unknown(differences: &[Difference]) -> Self {
        let told = differences.iter().map(|difference| {
            format!(
                "{}: {:.0}, now {:.0}",
                difference.name, difference.good, difference.bad
            )
        });
        let told: Vec<String> = told.collect();
        Self {
            kind: CauseKind::Unknown,
            evidence: told.join("; "),
        }
    }
}
