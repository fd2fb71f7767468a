//! The state in one piece: formats 1 and 2, written below feature level 1.
//!
//! MessagePack of `Image` (`rmp_serde::to_vec`: positional, frozen). Format 1, which ends before
//! `max_collectors`, is read.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Position;
use serde::{Deserialize, Serialize};

use crate::feature_level::ClusterLevel;
use crate::proposal_id::UploadId;
use crate::state::dedup::{WindowImage, Windows};
use crate::state::domains::{Collector, Collectors, Domains, Nodes, Sealed, Secrets, User, Users};
use crate::state::idempotency::{IdempotencyImage, IdempotencyKeys};
use crate::state::image_error::ImageError;
use crate::state::recent::{Recent, RecentImage};
use crate::state::section::encode;
use crate::state::uploads::{Upload, Uploads};
use crate::state::{State, StateLimits};

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
    secrets: Option<Sealed>,
    /// Since format 2.
    #[serde(default)]
    max_collectors: Option<u64>,
}

/// The bytes after the format.
pub(super) fn write(state: &State) -> Result<Vec<u8>, ImageError> {
    let domains = &state.domains;
    encode(&Image {
        applied: state.applied,
        flushed: state.flushed,
        collectors: domains.collectors.known.clone(),
        windows: state.windows.image(),
        next_seq: state.windows.next_seq(),
        idempotency: state.idempotency.image(),
        recent: state.recent.image(),
        uploads: state.uploads.0.clone(),
        users: domains.users.0.clone(),
        nodes: domains.nodes.clone(),
        secrets: domains.secrets.sealed().cloned(),
        max_collectors: domains.collectors.max,
    })
}

/// The state in the bytes after the format.
pub(super) fn read(body: &[u8], limits: StateLimits) -> Result<State, ImageError> {
    let image: Image =
        pga_storage::from_msgpack(body).map_err(|error| ImageError::Damaged(error.to_string()))?;
    Ok(State {
        limits,
        level: ClusterLevel::default(),
        applied: image.applied,
        flushed: image.flushed,
        windows: Windows::from_image(image.windows, image.next_seq),
        idempotency: IdempotencyKeys::from_image(image.idempotency),
        recent: Recent::from_image(image.recent),
        uploads: Uploads(image.uploads),
        domains: Domains {
            users: Users(image.users),
            collectors: Collectors {
                known: image.collectors,
                max: image.max_collectors,
            },
            nodes: image.nodes,
            secrets: Secrets::new(image.secrets),
            ..Domains::default()
        },
    })
}
