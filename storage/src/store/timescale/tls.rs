//! TLS towards the database: rustls with the system's authorities, or one PEM file of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, Result};

/// Where distributions keep the authorities, in one PEM file.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A TLS connector that checks the server's certificate and name.
///
/// # Errors
/// `Schema` if there are no authorities to check against: without them no server can be trusted.
pub(super) fn connector(roots: Option<&Path>) -> Result<MakeRustlsConnect> {
    let bundle = match roots {
        Some(path) => path.to_owned(),
        None => system_bundle()?,
    };
    let mut store = rustls::RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(&bundle).map_err(|error| bad(&bundle, &error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(&bundle, &error))?;
        let added = store.add(certificate);
        if roots.is_some() {
            added.map_err(|error| bad(&bundle, &error))?;
        }
    }
    if store.is_empty() {
        return Err(bad(&bundle, &"no certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&bundle, &error))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn system_bundle() -> Result<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named
        .into_iter()
        .chain(BUNDLES.iter().map(PathBuf::from))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Argument {
            key: "sslrootcert",
            what: "the system has no certificate authorities; name a PEM file".to_owned(),
        })
}

fn bad(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::Argument {
        key: "sslrootcert",
        what: format!("{}: {what}", path.display()),
    }
}
