//! Collectors that show who they are by a certificate (contract 4.4).
//!
//! The handshake has found that the cluster's authority issued it, and that the client has its key.
//! Whether it is still good the replicated state says, at each request: it holds the fingerprint of
//! the one certificate that each collector has now, so that a collector that was deleted, or whose
//! certificate was renewed, is refused on every node as soon as the node has applied that.

use pga_config::CollectorId;
use pga_storage::Timestamp;

use crate::context::Context;
use crate::control_plane::view;
use crate::peer::Peer;
use crate::refusal::Refusal;

/// The collector whose certificate the client showed; `None` if it showed none.
///
/// # Errors
/// 401 for a certificate that is not good any more: its collector was deleted or superseded, it was
/// renewed, or it has ended.
pub(crate) fn shown(context: &Context, peer: &Peer) -> Result<Option<CollectorId>, Refusal> {
    let Some(certificate) = &peer.certificate else {
        return Ok(None);
    };
    let id = certificate.collector;
    let is_bound = view(&*context.api, |state| {
        let registration = state.collector(id)?.registration.as_ref()?;
        let is_current = registration.certificate_sha256 == certificate.sha256;
        Some(is_current && state.collector_entry(id).superseded_by.is_none())
    });
    let is_good = is_bound.flatten() == Some(true) && Timestamp::now() < certificate.not_after;
    match is_good {
        true => Ok(Some(id)),
        false => Err(Refusal::unauthorized("Invalid certificate")),
    }
}

/// Whether only certificates will do.
pub(crate) fn are_required(context: &Context) -> bool {
    let certificates = context.options.collector_certificates.as_ref();
    certificates.is_some_and(|certificates| certificates.are_required)
}

/// The refusal of a collector that has a token, and needs a certificate.
pub(crate) fn missing() -> Refusal {
    Refusal::unauthorized("A client certificate of this cluster is needed here")
}
