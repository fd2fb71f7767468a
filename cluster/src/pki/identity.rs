//! A certificate chain with its private key.

use std::fmt;
use std::fs;
use std::path::Path;

use pga_storage::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::private_file::failed;
use super::{PkiError, certificate, read_private_file, write_private_file};

/// A certificate chain, leaf first, with the private key of the leaf. `Debug` prints no key.
pub struct Identity {
    leaf: CertificateDer<'static>,
    above: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Puts a certificate and its key (PKCS#8) together.
    pub fn new(certificate: CertificateDer<'static>, key: PrivatePkcs8KeyDer<'static>) -> Self {
        Self {
            leaf: certificate,
            above: Vec::new(),
            key,
        }
    }

    /// From PEM texts: a chain, leaf first, and a PKCS#8 key.
    ///
    /// # Errors
    /// [`PkiError::Malformed`]
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let malformed = || PkiError::Malformed {
            what: "certificate",
        };
        let mut certificates = CertificateDer::pem_slice_iter(chain);
        let leaf = certificates
            .next()
            .ok_or_else(malformed)?
            .map_err(|_| malformed())?;
        let above = certificates
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| malformed())?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_| PkiError::Malformed {
            what: "private key",
        })?;
        Ok(Self { leaf, above, key })
    }

    /// Reads PEM files; the key must be readable by its owner alone.
    ///
    /// # Errors
    /// [`PkiError`]
    pub fn read(chain: &Path, key: &Path) -> Result<Self, PkiError> {
        let chain_pem = fs::read(chain).map_err(|source| failed("read", chain, source))?;
        Self::from_pem(&chain_pem, &read_private_file(key)?)
    }

    /// Writes PEM files with mode 0600.
    ///
    /// # Errors
    /// [`PkiError::File`]
    pub fn write(&self, chain: &Path, key: &Path) -> Result<(), PkiError> {
        write_private_file(key, self.key_pem().as_bytes())?;
        write_private_file(chain, self.chain_pem().as_bytes())
    }

    /// The leaf.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.leaf)
            .chain(&self.above)
            .cloned()
            .collect()
    }

    /// The key, as TLS wants it.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }

    /// The key's PKCS#8 bytes: a secret.
    pub fn key_der(&self) -> &[u8] {
        self.key.secret_pkcs8_der()
    }

    /// The chain as PEM.
    pub fn chain_pem(&self) -> String {
        self.chain()
            .iter()
            .map(|certificate| pem("CERTIFICATE", certificate))
            .collect()
    }

    /// The key as PEM: a secret.
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key_der())
    }

    /// SHA-256 of the leaf's DER.
    pub fn thumbprint(&self) -> [u8; 32] {
        certificate::thumbprint(self.certificate())
    }

    /// When the leaf ends.
    ///
    /// # Errors
    /// [`PkiError::Malformed`] if the leaf is no certificate.
    pub fn not_after(&self) -> Result<Timestamp, PkiError> {
        certificate::not_after(self.certificate())
    }

    /// When it is to be renewed: see [`certificate::renew_at`].
    ///
    /// # Errors
    /// [`PkiError::Malformed`] if the leaf is no certificate.
    pub fn renew_at(&self) -> Result<Timestamp, PkiError> {
        certificate::renew_at(self.certificate())
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            leaf: self.leaf.clone(),
            above: self.above.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("thumbprint", &hex::encode(self.thumbprint()))
            .finish_non_exhaustive()
    }
}

/// RFC 7468: base64 in lines of 64 between two labels.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
