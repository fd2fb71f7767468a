//! What nodes noticed about collectors: the last push that was refused, and how far a clock is off.

use std::collections::BTreeMap;

use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Why a push was refused, or elements of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorError {
    /// As the metric names it: `json`, `series_limit`, …
    pub reason: String,
    /// What the collector was told.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// Which node refused it.
    pub node: NodeId,
}

/// What nodes noticed about one collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorHealth {
    /// The last error.
    pub last_error: Option<CollectorError>,
    /// How far its clock was ahead of a node's, in milliseconds, as the times of its pushes say:
    /// negative where it is behind, or where its pushes are on their way for so long.
    pub ahead_ms: Option<i64>,
}

/// Notes about collectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectorHealthCommand {
    /// What is new about one that is known; what is `None` stays.
    Note {
        /// Which.
        collector: CollectorId,
        /// What.
        health: CollectorHealth,
    },
}

/// All notes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct CollectorsHealth(
    pub(in crate::state) BTreeMap<CollectorId, CollectorHealth>,
);

impl CollectorsHealth {
    /// Applies a note, if `is_known`.
    pub(in crate::state) fn apply(
        &mut self,
        command: &CollectorHealthCommand,
        is_known: impl Fn(CollectorId) -> bool,
    ) -> Result<(), Refusal> {
        let CollectorHealthCommand::Note { collector, health } = command;
        // Those that were deleted are nobody's to look at any more.
        self.0.retain(|id, _| is_known(*id));
        if !is_known(*collector) {
            return Err(Refusal::NotFound);
        }
        let known = self.0.entry(*collector).or_default();
        if let Some(error) = &health.last_error {
            known.last_error = Some(error.clone());
        }
        if let Some(ahead) = health.ahead_ms {
            known.ahead_ms = Some(ahead);
        }
        Ok(())
    }
}

plain_section!(
    CollectorsHealth,
    "collector_health",
    FeatureLevel::COLLECTOR_HEALTH
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    #[test]
    fn the_last_of_each_is_kept_of_those_that_are_known() {
        let [ours, other] = ["a", "b"].map(CollectorId::from_external);
        let error = |reason: &str| CollectorError {
            reason: reason.into(),
            message: "no".into(),
            at: Timestamp::from_micros(1),
            node: NodeId::new(1),
        };
        let note = |collector, last_error, ahead_ms| CollectorHealthCommand::Note {
            collector,
            health: CollectorHealth {
                last_error,
                ahead_ms,
            },
        };
        let mut all = CollectorsHealth::default();
        let known = |id| id == ours;
        assert!(
            all.apply(&note(ours, Some(error("json")), None), known)
                .is_ok()
        );
        assert!(all.apply(&note(ours, None, Some(-5)), known).is_ok());
        let refused = all.apply(&note(other, None, Some(1)), known);
        assert!(matches!(refused, Err(Refusal::NotFound)), "{refused:?}");
        let noted = &all.0[&ours];
        assert_eq!(noted.last_error, Some(error("json")));
        assert_eq!(noted.ahead_ms, Some(-5));
        let read = CollectorsHealth::read(1, &all.write().unwrap()).unwrap();
        assert_eq!(read, all);
        assert!(
            all.apply(&note(other, None, Some(1)), |id| id == other)
                .is_ok()
        );
        assert_eq!(
            all.0.keys().collect::<Vec<_>>(),
            [&other],
            "one was deleted"
        );
    }
}
