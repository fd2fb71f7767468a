//! What holds for every connection to a receiver.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;

/// How long a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// How long all of it may take.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// Bytes of a receiver's answer that are read; what comes after them is not waited for.
pub(super) const MAX_READ: u64 = 64 << 10;

/// Speaks TLS 1.3 or 1.2 to those whose certificate one of `roots` has signed.
pub(super) fn trusting(roots: rustls::RootCertStore) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()).into())
}
