//! What an archive holds, as its last part says.

use std::collections::BTreeMap;

use pga_cluster::State;
use pga_storage::store::CopySummary;
use serde::{Deserialize, Serialize};

/// A part of an archive, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// The replicated state.
    State,
    /// The copy of a node's own store.
    Store,
    /// The cluster key; only under a passphrase.
    ClusterKey,
    /// The manifest.
    Manifest,
}

impl Part {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::State, Self::Store, Self::ClusterKey, Self::Manifest];

    /// Its number in a chunk.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::State => 1,
            Self::Store => 2,
            Self::ClusterKey => 3,
            Self::Manifest => 4,
        }
    }

    /// The part of this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.number() == number)
    }
}

/// How long a part is, and its hash, before compression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartSum {
    /// Which.
    pub(crate) part: Part,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Their SHA-256, as hex.
    pub(crate) sha256: String,
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// All parts but the manifest, in their order.
    pub(crate) parts: Vec<PartSum>,
    /// How many there are of what the state holds.
    pub(crate) state: BTreeMap<String, u64>,
    /// What the copy of the store holds, if there is one.
    pub(crate) store: Option<CopySummary>,
}

/// How many there are of what the state holds.
pub(crate) fn count(state: &State) -> BTreeMap<String, u64> {
    let configurations: usize = state
        .config_groups()
        .map(|group| pga_cluster::ConfigTarget::Group(group.to_owned()))
        .chain(
            state
                .collectors()
                .keys()
                .map(|id| pga_cluster::ConfigTarget::Collector(*id)),
        )
        .map(|target| state.config_versions(&target).len())
        .sum();
    let counts = [
        ("alert rules", state.alert_rules().len()),
        ("alerts", state.alerts().len()),
        ("API tokens", state.api_tokens().len()),
        ("audit entries", state.audit().count()),
        ("channels", state.channels().len()),
        ("collectors", state.watched().count()),
        ("configuration versions", configurations),
        ("decisions", state.decisions().len()),
        ("moments", state.moments().len()),
        ("notifications", state.notifications().len()),
        ("remembered content keys", state.dedup_keys()),
        ("silences", state.silences().len()),
        ("users", state.users().len()),
    ];
    let counts = counts.into_iter();
    counts
        .map(|(name, count)| (name.to_owned(), count as u64))
        .collect()
}
