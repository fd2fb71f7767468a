//! The head of an archive: what everybody may know who has the file.

use pga_cluster::{ClusterId, FeatureLevel};
use pga_config::NodeId;
use pga_storage::Position;
use serde::{Deserialize, Serialize};

/// Where the elements of a cluster are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreKind {
    /// Each node has its own; a backup holds a copy.
    Embedded,
    /// A database of its own; a backup names the position it has to be at.
    TimescaleDb,
}

/// How the bodies of the chunks are sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// Random bytes that the key is derived with, as hex.
    pub(crate) salt: String,
    /// Memory that the derivation takes, in KiB (Argon2id, RFC 9106).
    pub(crate) memory_kib: u32,
    /// Its passes over the memory.
    pub(crate) passes: u32,
    /// Its lanes.
    pub(crate) lanes: u32,
}

/// The head of an archive. It is not encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Whose backup it is.
    pub(crate) cluster: ClusterId,
    /// The node that made it.
    pub(crate) node: NodeId,
    /// Everything that was acknowledged up to here is in it; as text.
    pub(crate) position: Text,
    /// The store's watermark: there is no push between it and `position`.
    pub(crate) watermark: Text,
    /// Where the elements are.
    pub(crate) store: StoreKind,
    /// The cluster's feature level.
    pub(crate) feature_level: FeatureLevel,
    /// The first version of the program that knows this level.
    pub(crate) since: String,
    /// Version of the program that wrote it.
    pub(crate) program: String,
    /// When (RFC 3339).
    pub(crate) created_at: String,
    /// How it is encrypted, if it is.
    pub(crate) encryption: Option<Encryption>,
}

/// A position, written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Text(pub(crate) Position);

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.to_string()
    }
}

impl TryFrom<String> for Text {
    type Error = pga_storage::ParsePositionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}
