//! Moments to compare that were deleted, so that nobody makes them again by itself: the leader
//! makes one before a change and one after it, once.
//!
//! A domain of its own beside [`super::Insight`], whose section is frozen since feature level 4.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::insight::Moment;
use crate::feature_level::FeatureLevel;
use crate::state::section::plain_section;

/// Deleted moments that are remembered; those of the lowest numbers go first.
const MAX_DELETED: usize = 1_000;

/// All of them, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct DeletedMoments(pub(in crate::state) BTreeMap<u64, Moment>);

impl DeletedMoments {
    /// Remembers of what kind a moment was, and when; not what people wrote about it.
    pub(in crate::state) fn note(&mut self, id: u64, moment: Moment) {
        let bare = Moment {
            name: String::new(),
            description: String::new(),
            ..moment
        };
        self.0.insert(id, bare);
        if self.0.len() > MAX_DELETED {
            self.0.pop_first();
        }
    }
}

plain_section!(
    DeletedMoments,
    "deleted_moments",
    FeatureLevel::DELETED_MOMENTS
);

#[cfg(test)]
mod tests {
    use pga_storage::Timestamp;

    use super::*;
    use crate::outcome::Refusal;
    use crate::state::domains::insight::{Insight, InsightCommand};
    use crate::state::section::Section;

    fn moment(kind: &str) -> Moment {
        Moment {
            name: "before".into(),
            description: "what I did".into(),
            kind: kind.into(),
            from: Timestamp::from_micros(1),
            to: Timestamp::from_micros(2),
            metadata: None,
            by: "ann".into(),
            at: Timestamp::from_micros(3),
        }
    }

    #[test]
    fn a_deleted_moment_is_gone_and_its_number_is_not_given_again() {
        let mut insight = Insight::default();
        let mut apply = |command| insight.apply(&command);
        let put = |kind| InsightCommand::PutMoment {
            moment: moment(kind),
        };
        apply(put("pre_deploy")).unwrap();
        apply(put("manual")).unwrap();
        let delete = InsightCommand::DeleteMoment { id: 2 };
        let gone = apply(delete.clone()).unwrap();
        assert_eq!(gone, Some((2, moment("manual"))));
        assert_eq!(apply(delete), Err(Refusal::NotFound));
        apply(put("post_deploy")).unwrap();
        let left: Vec<_> = insight.moments.keys().collect();
        assert_eq!(left, [&1, &3]);
    }

    #[test]
    fn the_last_are_remembered_without_what_people_wrote() {
        let mut deleted = DeletedMoments::default();
        for id in 0..=MAX_DELETED as u64 {
            deleted.note(id, moment("post_change"));
        }
        assert_eq!(deleted.0.len(), MAX_DELETED);
        assert!(!deleted.0.contains_key(&0));
        let one = &deleted.0[&1];
        assert_eq!((&*one.kind, &*one.name), ("post_change", ""));
        assert_eq!(one.description, "");
        let read = DeletedMoments::read(1, &deleted.write().unwrap()).unwrap();
        assert_eq!(read, deleted);
    }
}
