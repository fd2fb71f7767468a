//! The state as bytes, for snapshots.
//!
//! # Layout
//! `version: u8 = 2`, then MessagePack of `Image` (`rmp_serde::to_vec`: positional, frozen; a new field means a new version).
//! Version 1, which ends before `max_collectors`, is read. Everything is ordered, so equal states have equal bytes. The golden
//! files are in `tests/golden/`.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Position;
use serde::{Deserialize, Serialize};

use super::collectors::{Collector, Collectors};
use super::control::Secrets;
use super::dedup::{WindowImage, Windows};
use super::idempotency::{IdempotencyImage, IdempotencyKeys};
use super::nodes::Nodes;
use super::recent::{Recent, RecentImage};
use super::uploads::{Upload, Uploads};
use super::users::{User, Users};
use super::{State, StateLimits};
use crate::command::UploadId;

const VERSION: u8 = 2;

/// Why bytes are no state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Written by a newer version of the program.
    #[error("state has format {found}, this program knows up to {known}")]
    Newer {
        /// The version in the bytes.
        found: u8,
        /// The newest version this program reads.
        known: u8,
    },
    /// Damaged.
    #[error("state does not decode: {0}")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
struct Image {
    applied: Position,
    flushed: Position,
    collectors: BTreeMap<CollectorId, Collector>,
    windows: Vec<WindowImage>,
    next_seq: u64,
    idempotency: Vec<IdempotencyImage>,
    recent: Vec<RecentImage>,
    uploads: BTreeMap<UploadId, Upload>,
    users: BTreeMap<String, User>,
    nodes: Nodes,
    secrets: Option<Secrets>,
    /// Since version 2.
    #[serde(default)]
    max_collectors: Option<u64>,
}

impl State {
    /// The state as bytes; equal states have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let image = Image {
            applied: self.applied,
            flushed: self.flushed,
            collectors: self.collectors.known.clone(),
            windows: self.windows.image(),
            next_seq: self.windows.next_seq(),
            idempotency: self.idempotency.image(),
            recent: self.recent.image(),
            uploads: self.uploads.0.clone(),
            users: self.users.0.clone(),
            nodes: self.nodes.clone(),
            secrets: self.secrets.clone(),
            max_collectors: self.collectors.max,
        };
        let mut out = vec![VERSION];
        // INVARIANT: plain data always encodes into a vector.
        out.extend(rmp_serde::to_vec(&image).unwrap_or_default());
        out
    }

    /// The state in `bytes`.
    ///
    /// # Errors
    /// [`ImageError`] if the bytes are damaged or from a newer version.
    pub fn from_bytes(bytes: &[u8], limits: StateLimits) -> Result<Self, ImageError> {
        let body = match bytes.split_first() {
            Some((1..=VERSION, body)) => body,
            Some((&found, _)) => {
                return Err(ImageError::Newer {
                    found,
                    known: VERSION,
                });
            }
            None => return Err(ImageError::Damaged("empty".to_owned())),
        };
        let image: Image = pga_storage::from_msgpack(body)
            .map_err(|error| ImageError::Damaged(error.to_string()))?;
        Ok(Self {
            limits,
            applied: image.applied,
            flushed: image.flushed,
            collectors: Collectors {
                known: image.collectors,
                max: image.max_collectors,
            },
            windows: Windows::from_image(image.windows, image.next_seq),
            idempotency: IdempotencyKeys::from_image(image.idempotency),
            recent: Recent::from_image(image.recent),
            uploads: Uploads(image.uploads),
            users: Users(image.users),
            nodes: image.nodes,
            secrets: image.secrets,
        })
    }
}
