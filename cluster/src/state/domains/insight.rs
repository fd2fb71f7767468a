//! What people say about findings, and the moments they want to compare.
//!
//! Findings themselves are derived, and travel like samples (design D13).

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Decisions that are remembered; the oldest goes first.
const MAX_DECISIONS: usize = 20_000;
/// Moments that are remembered.
const MAX_MOMENTS: usize = 2_000;

/// What somebody decided about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// `dismissed`, `resolved` or `implemented`.
    pub verdict: String,
    /// Why, or how.
    pub note: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A named window of time whose statements are compared with those of another (contract: snapshot).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// `manual`, `scheduled`, `pre_deploy` or `post_deploy`.
    pub kind: String,
    /// The first moment of the window.
    pub from: Timestamp,
    /// The first moment after the window.
    pub to: Timestamp,
    /// What its author added: JSON.
    pub metadata: Option<String>,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub at: Timestamp,
}

/// Changes of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InsightCommand {
    /// Decides about a finding; a later decision replaces the one before.
    Decide {
        /// The finding's id.
        finding: u64,
        /// What was decided.
        decision: Decision,
    },
    /// Remembers a moment under the next number.
    PutMoment {
        /// Which.
        moment: Moment,
    },
    /// Forgets a moment; its number is not given again.
    DeleteMoment {
        /// Which.
        id: u64,
    },
}

impl InsightCommand {
    /// The feature level that the cluster must be at.
    pub(crate) const fn needs(&self) -> FeatureLevel {
        match self {
            Self::DeleteMoment { .. } => FeatureLevel::DELETED_MOMENTS,
            Self::Decide { .. } | Self::PutMoment { .. } => FeatureLevel::INSIGHT,
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct Insight {
    pub(in crate::state) decisions: BTreeMap<u64, Decision>,
    last_moment: u64,
    pub(in crate::state) moments: BTreeMap<u64, Moment>,
}

impl Insight {
    /// Applies a change; tells the moment that was deleted.
    pub(in crate::state) fn apply(
        &mut self,
        command: &InsightCommand,
    ) -> Result<Option<(u64, Moment)>, Refusal> {
        match command {
            InsightCommand::Decide { finding, decision } => {
                self.decisions.insert(*finding, decision.clone());
                if self.decisions.len() > MAX_DECISIONS {
                    let oldest = self.decisions.iter().min_by_key(|(id, one)| (one.at, **id));
                    let oldest = oldest.map(|(id, _)| *id);
                    oldest.and_then(|id| self.decisions.remove(&id));
                }
            }
            InsightCommand::PutMoment { moment } => {
                if self.moments.len() >= MAX_MOMENTS {
                    return Err(Refusal::Rule(format!("there are {MAX_MOMENTS} snapshots")));
                }
                self.last_moment += 1;
                self.moments.insert(self.last_moment, moment.clone());
            }
            InsightCommand::DeleteMoment { id } => {
                let moment = self.moments.remove(id).ok_or(Refusal::NotFound)?;
                return Ok(Some((*id, moment)));
            }
        }
        Ok(None)
    }
}

plain_section!(Insight, "insight", FeatureLevel::INSIGHT);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn decide(finding: u64, at: i64) -> InsightCommand {
        let decision = Decision {
            verdict: "dismissed".into(),
            note: String::new(),
            by: "ann".into(),
            at: Timestamp::from_micros(at),
        };
        InsightCommand::Decide { finding, decision }
    }

    #[test]
    fn the_oldest_decision_goes_first_and_all_survive_a_snapshot() {
        let mut insight = Insight::default();
        for finding in 0..MAX_DECISIONS as u64 {
            // The highest id is the oldest.
            let at = 1_000_000 - i64::try_from(finding).unwrap();
            insight.apply(&decide(finding, at)).unwrap();
        }
        insight.apply(&decide(1_000_000, 2_000_000)).unwrap();
        assert_eq!(insight.decisions.len(), MAX_DECISIONS);
        let oldest = MAX_DECISIONS as u64 - 1;
        assert!(!insight.decisions.contains_key(&oldest));
        assert!(insight.decisions.contains_key(&1_000_000));
        let read = Insight::read(1, &insight.write().unwrap()).unwrap();
        assert_eq!(read, insight);
    }
}
