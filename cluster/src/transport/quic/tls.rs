//! TLS 1.3 with certificates on both sides, and what of an endpoint must survive a restart.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, ServerConfig};
use ring::hmac;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;

use super::QuicLimits;
use super::error::QuicError;
use crate::pki::Identity;

/// Protocol name both ends must offer.
pub(super) const ALPN: &[u8] = b"pga-raft/1";

pub(super) fn roots(trusted: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, QuicError> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.clone())?;
    }
    Ok(Arc::new(roots))
}

pub(super) fn server_config(
    identity: &Identity,
    roots: &Arc<RootCertStore>,
    limits: &QuicLimits,
) -> Result<ServerConfig, QuicError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| QuicError::Crypto(error.to_string()))?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.private_key())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would skip the look at the certificate's end; there is no early data
    // either.
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    let crypto =
        QuicServerConfig::try_from(tls).map_err(|error| QuicError::Crypto(error.to_string()))?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(limits.transport_config())
        .migration(false)
        .max_incoming(limits.handshakes);
    Ok(config)
}

pub(super) fn client_config(
    identity: &Identity,
    roots: &Arc<RootCertStore>,
    limits: &QuicLimits,
) -> Result<ClientConfig, QuicError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(identity.chain(), identity.private_key())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    let crypto =
        QuicClientConfig::try_from(tls).map_err(|error| QuicError::Crypto(error.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(limits.transport_config());
    Ok(config)
}

/// A key derived from the node's private key: a restarted node can tell its peers at once
/// (stateless reset) that the connections of its former incarnation are gone, instead of leaving
/// them to the idle timeout.
pub(super) fn endpoint_config(identity: &Identity) -> EndpointConfig {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, identity.key_der());
    let reset = hmac::sign(&secret, b"pganalytics quic reset key");
    let mut config =
        EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset.as_ref())));
    config.cid_generator(|| Box::new(RandomIds));
    config
}

/// Random connection ids of eight bytes. Any is taken for possible: packets to an id of a former
/// incarnation get an answer instead of being dropped.
#[derive(Debug)]
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&pga_runtime::random::<[u8; 8]>())
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
