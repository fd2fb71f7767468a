//! Names of what is proposed.

use serde::{Deserialize, Serialize};

/// Name of a large push that is split over several entries: random, chosen by the receiving node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub u128);

/// Name of one proposal: random, drawn where it is proposed, the same in every attempt to get it
/// into the log.
///
/// If an attempt's outcome is lost and the proposal is repeated, the second copy has no effect and
/// answers as the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalId(pub u128);
