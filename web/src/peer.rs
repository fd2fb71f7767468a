//! Who asks.

use std::net::SocketAddr;

use crate::tls::ClientCertificate;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) addr: SocketAddr,
    /// The certificate of a collector, if it showed one.
    pub(crate) certificate: Option<ClientCertificate>,
}
