//! Who asks.

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) addr: SocketAddr,
    /// Its certificate, verified in the handshake, if it showed one.
    #[expect(dead_code, reason = "read by the routes that match certificates")]
    pub(crate) certificate: Option<CertificateDer<'static>>,
}
