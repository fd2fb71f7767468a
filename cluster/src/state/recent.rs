//! Answers of the last proposals, for those that reach the log twice.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::StateLimits;
use super::image_error::ImageError;
use super::section::{Section, decode, encode};
use crate::outcome::Reply;
use crate::proposal_id::ProposalId;

/// Answers of the last proposals, bounded by the outcomes in them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    replies: BTreeMap<ProposalId, Reply>,
    order: VecDeque<ProposalId>,
    weight: usize,
}

/// One answer in a snapshot, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecentImage(ProposalId, Reply);

impl Recent {
    /// What this proposal answered when it first took effect.
    pub(super) fn reply(&self, id: ProposalId) -> Option<&Reply> {
        self.replies.get(&id)
    }

    /// Remembers an answer; `id` is new.
    pub(super) fn remember(&mut self, id: ProposalId, reply: Reply, limits: &StateLimits) {
        self.weight += weight(&reply);
        self.order.push_back(id);
        self.replies.insert(id, reply);
        while self.weight > limits.recent_outcomes {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            if let Some(reply) = self.replies.remove(&oldest) {
                self.weight -= weight(&reply);
            }
        }
    }

    /// For a snapshot.
    pub(super) fn image(&self) -> Vec<RecentImage> {
        let image = |id: &ProposalId| Some(RecentImage(*id, self.replies.get(id)?.clone()));
        self.order.iter().filter_map(image).collect()
    }

    /// From a snapshot.
    pub(super) fn from_image(images: Vec<RecentImage>) -> Self {
        let mut recent = Self::default();
        for RecentImage(id, reply) in images {
            recent.weight += weight(&reply);
            recent.order.push_back(id);
            recent.replies.insert(id, reply);
        }
        recent
    }
}

impl Section for Recent {
    const NAME: &'static str = "recent";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(&self.image())
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        decode(body).map(Self::from_image)
    }
}

fn weight(reply: &Reply) -> usize {
    match reply {
        Reply::Ingested(outcomes) => outcomes.len().max(1),
        Reply::Done | Reply::NodeId(_) | Reply::Refused(_) => 1,
    }
}
