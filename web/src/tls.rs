//! TLS of the HTTP listener, and the certificates by which collectors show who they are.

use std::sync::Arc;

use pga_cluster::pki::{named_collector, not_after, thumbprint};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

/// TLS 1.2 and 1.3 with HTTP/1.1 and HTTP/2, as collectors need it (contract 2.3).
///
/// With `collectors`, clients are asked for a certificate, and served whatever they show: what it
/// is worth is found out afterwards. Collectors of older installations show certificates that
/// signed themselves (contract Q26), and are not to be cut off for it.
///
/// # Errors
/// If the key does not fit the certificate.
pub fn tls_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    collectors: Option<&CollectorCertificates>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match collectors {
        None => builder.with_no_client_auth(),
        Some(collectors) => {
            builder.with_client_cert_verifier(Arc::new(AnyClient(Arc::clone(&collectors.verifier))))
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // All that are offered are strong; the strongest is taken, whatever a client names first.
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// The certificates of collectors: those that the cluster's authority issued.
#[derive(Clone, Debug)]
pub struct CollectorCertificates {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Whether a push needs one, whatever token comes with it.
    pub(crate) are_required: bool,
}

impl CollectorCertificates {
    /// Those of `authority`.
    ///
    /// # Errors
    /// If it is no certificate of an authority.
    pub fn new(
        authority: CertificateDer<'static>,
        are_required: bool,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self {
            verifier,
            are_required,
        })
    }

    /// What a client showed in its handshake, if the authority issued it to a collector, and it
    /// holds now.
    pub(crate) fn verified(&self, chain: &[CertificateDer<'_>]) -> Option<ClientCertificate> {
        let (leaf, above) = chain.split_first()?;
        let verified = self
            .verifier
            .verify_client_cert(leaf, above, UnixTime::now());
        if let Err(error) = verified {
            tracing::debug!(%error, "a client showed a certificate that is none of this cluster");
            return None;
        }
        Some(ClientCertificate {
            collector: named_collector(leaf)?,
            sha256: thumbprint(leaf),
            not_after: not_after(leaf).ok()?,
        })
    }
}

/// A certificate that the cluster's authority issued to a collector, whose key the client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// Whom it names.
    pub(crate) collector: CollectorId,
    /// SHA-256 of its DER.
    pub(crate) sha256: [u8; 32],
    /// Its end: a connection may outlive it.
    pub(crate) not_after: Timestamp,
}

/// Lets every client in that has the key of what it shows.
#[derive(Debug)]
struct AnyClient(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
