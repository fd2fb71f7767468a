//! The way into a cluster, for a node that has only a join token.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use quinn::{Endpoint, VarInt};

use super::super::metrics::TransportMetrics;
use super::super::{RpcKind, TransportError};
use super::dialer::{Dialer, GOODBYE};
use super::error::QuicError;
use super::wire::Caller;
use super::{QuicLimits, tls};
use crate::FeatureLevel;
use crate::pki::{JoinAnswer, JoinBundle, JoinRequest, PkiError};

/// How long the cluster may take to let a node in: the token is spent through the log.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a node was not let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The token is unusable or the answer unreadable.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// No socket, or unusable certificates.
    #[error(transparent)]
    Quic(#[from] QuicError),
    /// The last node asked did not let us in. After [`TransportError::Timeout`] or
    /// [`TransportError::Broken`] the token may be spent.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The token names no node.
    #[error("join token names no node")]
    NoMembers,
}

/// Asks the nodes of `bundle` in turn to let this node in; `quic` and `http` are where it will
/// listen.
///
/// The next node is asked only while it is certain that the token was not used.
///
/// # Errors
/// [`JoinError`]
pub async fn join(bundle: &JoinBundle, quic: &str, http: &str) -> Result<JoinAnswer, JoinError> {
    if bundle.is_expired() {
        return Err(PkiError::Expired.into());
    }
    let request = JoinRequest {
        quic: quic.to_owned(),
        http: http.to_owned(),
        feature_level: FeatureLevel::CURRENT,
    }
    .encode()?;
    let limits = QuicLimits::default();
    let roots = tls::roots(std::slice::from_ref(&bundle.authority))?;
    let config = tls::client_config(&bundle.identity, &roots, &limits)?;
    let metrics = TransportMetrics::register(&Registry::new()).map_err(QuicError::from)?;
    let caller = Caller::Joiner(bundle.token);
    let endpoint = any_endpoint().map_err(QuicError::Socket)?;
    let dialer = Dialer::new(
        endpoint.clone(),
        config,
        bundle.cluster,
        caller,
        limits,
        metrics,
    );
    let dialer = Arc::new(dialer);

    let mut outcome = Err(JoinError::NoMembers);
    for member in &bundle.members {
        let body = request.clone();
        match dialer
            .call(member.node, &member.quic, RpcKind::Join, body, JOIN_TIMEOUT)
            .await
        {
            Ok(answer) => {
                outcome = JoinAnswer::decode(&answer).map_err(JoinError::from);
                break;
            }
            Err(error) => {
                let may_go_on = error.is_without_effect();
                tracing::warn!(peer = %member.node, %error, "node did not let us in");
                outcome = Err(error.into());
                if !may_go_on {
                    break;
                }
            }
        }
    }
    endpoint.close(VarInt::from_u32(0), b"done");
    tokio::time::timeout(GOODBYE, endpoint.wait_idle())
        .await
        .ok();
    outcome
}

/// Both address families where the system has them, else IPv4 alone.
fn any_endpoint() -> std::io::Result<Endpoint> {
    Endpoint::client(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))
        .or_else(|_| Endpoint::client(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))))
}
