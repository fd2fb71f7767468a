//! The registry of collectors.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::{Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::image_error::ImageError;
use crate::state::record_head::RecordHead;
use crate::state::section::{Section, decode, encode};

/// What the cluster knows about one collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collector {
    /// The id as the client last wrote it; empty for one that was registered and never pushed.
    pub external_id: String,
    /// Its host, as it last said.
    pub hostname: String,
    /// Its version, as it last said.
    pub version: String,
    /// When it was first heard of.
    pub first_seen: Timestamp,
    /// When its last push arrived; zero if it never pushed.
    pub last_seen: Timestamp,
    /// Pushes that were stored.
    pub pushes: u64,
    /// Elements that were stored.
    pub accepted: u64,
    /// Elements that had been acknowledged before.
    pub repeated: u64,
    /// Its registration, if it has one.
    pub registration: Option<Registration>,
    /// Where its last push stands in the log, if this process applied it. Not part of a snapshot.
    #[serde(skip)]
    pub pushed_at: Option<Position>,
}

/// A collector's registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Display name.
    pub name: String,
    /// Address, if known.
    pub address: Option<String>,
    /// SHA-256 of the certificate's DER.
    pub certificate_sha256: [u8; 32],
    /// When.
    pub at: Timestamp,
}

/// All collectors.
#[derive(Debug, Default)]
pub(in crate::state) struct Collectors {
    pub(in crate::state) known: BTreeMap<CollectorId, Collector>,
    /// How many there may be, once the log has said so: the same at the same place of the log on
    /// every node.
    pub(in crate::state) max: Option<u64>,
}

impl Collectors {
    /// Whether this collector is known, or may become so (LIM-1).
    pub(in crate::state) fn admits(&self, id: CollectorId) -> bool {
        let has_room = self.max.is_none_or(|max| (self.known.len() as u64) < max);
        has_room || self.known.contains_key(&id)
    }

    /// Notes a stored push.
    pub(in crate::state) fn pushed(
        &mut self,
        position: Position,
        head: &RecordHead<'_>,
        (accepted, repeated): (u32, u32),
    ) {
        let collector = self.known.entry(head.collector).or_default();
        if collector.pushes == 0 && collector.registration.is_none() {
            collector.first_seen = head.received_at;
        }
        set(&mut collector.external_id, head.external_id);
        set(&mut collector.hostname, head.hostname);
        set(&mut collector.version, head.version);
        collector.last_seen = collector.last_seen.max(head.received_at);
        collector.pushes += 1;
        collector.accepted += u64::from(accepted);
        collector.repeated += u64::from(repeated);
        collector.pushed_at = Some(position);
    }

    /// Adds or renews a registration.
    pub(in crate::state) fn register(
        &mut self,
        id: CollectorId,
        hostname: &str,
        version: Option<&str>,
        registration: Registration,
    ) {
        let collector = self.known.entry(id).or_default();
        if collector.pushes == 0 && collector.registration.is_none() {
            collector.first_seen = registration.at;
        }
        set(&mut collector.hostname, hostname);
        set(&mut collector.version, version.unwrap_or_default());
        collector.registration = Some(registration);
    }
}

impl Section for Collectors {
    const NAME: &'static str = "collectors";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(&(&self.known, self.max))
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        let (known, max) = decode(body)?;
        Ok(Self { known, max })
    }
}

/// Texts rarely change: no allocation then.
fn set(old: &mut String, new: &str) {
    if old != new && !new.is_empty() {
        new.clone_into(old);
    }
}
