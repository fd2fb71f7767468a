//! The cluster's certificate authority.

use std::fmt;

use pga_config::{CollectorId, NodeId};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::certificate::{
    COLLECTOR_SUFFIX, RESERVED_SUFFIX, collector_name, join_server_name, node_server_name,
};
use super::{Identity, PkiError, Validity, identity};
use crate::ClusterId;

/// What a node's certificate is for.
const NODE_USAGES: [ExtendedKeyUsagePurpose; 2] = [
    ExtendedKeyUsagePurpose::ServerAuth,
    ExtendedKeyUsagePurpose::ClientAuth,
];

/// The authority that issues every certificate of one cluster. Whoever holds its key can become any
/// node.
///
/// Its key is kept sealed in the replicated state, and opened on the node that issues.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl CertificateAuthority {
    /// Makes the authority of a new cluster.
    ///
    /// # Errors
    /// [`PkiError::Issue`]
    pub fn create(cluster: ClusterId, validity: Validity) -> Result<Self, PkiError> {
        let mut params = authority_params(cluster);
        (params.not_before, params.not_after) = validity.bounds();
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// The authority of an existing cluster, from its certificate and its key (PKCS#8).
    ///
    /// # Errors
    /// [`PkiError::KeyMismatch`] if they do not belong together, [`PkiError::Issue`] if the key is
    /// malformed.
    pub fn restore(
        cluster: ClusterId,
        certificate: CertificateDer<'static>,
        key: &[u8],
    ) -> Result<Self, PkiError> {
        let key = KeyPair::try_from(key)?;
        let public = key.public_key_raw();
        if !certificate
            .windows(public.len())
            .any(|window| window == public)
        {
            return Err(PkiError::KeyMismatch);
        }
        Ok(Self {
            issuer: Issuer::new(authority_params(cluster), key),
            certificate,
        })
    }

    /// The authority's own certificate: what everybody trusts.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The same as PEM.
    pub fn certificate_pem(&self) -> String {
        identity::pem("CERTIFICATE", &self.certificate)
    }

    /// The private key, PKCS#8: the cluster's greatest secret.
    pub fn key_der(&self) -> &[u8] {
        self.issuer.key().serialized_der()
    }

    /// A certificate for a node: server and client, for `node-<id>.cluster`.
    ///
    /// # Errors
    /// [`PkiError::Issue`]
    pub fn issue_node(&self, node: NodeId, validity: Validity) -> Result<Identity, PkiError> {
        self.of_node(node, &KeyPair::generate()?, validity)
    }

    /// Another certificate for a node, of the key that it has: one file changes, so that no crash
    /// leaves a certificate beside the key of another.
    ///
    /// # Errors
    /// [`PkiError::Issue`]
    pub fn renew_node(
        &self,
        node: NodeId,
        held: &Identity,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        self.of_node(node, &KeyPair::try_from(held.key_der())?, validity)
    }

    fn of_node(
        &self,
        node: NodeId,
        key: &KeyPair,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        let name = node_server_name(node);
        let names = vec![name.clone()];
        self.issue(&name, names, NODE_USAGES.to_vec(), key, validity)
    }

    /// A certificate that proves a join token: client only, for `join-<hex>.cluster`.
    ///
    /// # Errors
    /// [`PkiError::Issue`]
    pub fn issue_join(&self, token: [u8; 16], validity: Validity) -> Result<Identity, PkiError> {
        let name = join_server_name(token);
        self.issue(
            &name,
            vec![name.clone()],
            vec![ExtendedKeyUsagePurpose::ClientAuth],
            &KeyPair::generate()?,
            validity,
        )
    }

    /// A certificate for a collector: client only, the host's name as common name, for
    /// `<uuid>.collector`.
    ///
    /// # Errors
    /// [`PkiError::Issue`]
    pub fn issue_collector(
        &self,
        collector: CollectorId,
        hostname: &str,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        self.issue(
            hostname,
            vec![collector_name(collector)],
            vec![ExtendedKeyUsagePurpose::ClientAuth],
            &KeyPair::generate()?,
            validity,
        )
    }

    /// A certificate for the HTTPS side: server only, for these DNS names and IP addresses.
    ///
    /// # Errors
    /// [`PkiError::Name`] for a name under `.cluster` or `.collector` or without any name,
    /// [`PkiError::Issue`] for one that is no DNS name.
    pub fn issue_https(&self, names: &[String], validity: Validity) -> Result<Identity, PkiError> {
        self.of_https(names, &KeyPair::generate()?, validity)
    }

    /// Another certificate for the HTTPS side, of the key that it has.
    ///
    /// # Errors
    /// As [`CertificateAuthority::issue_https`].
    pub fn renew_https(
        &self,
        names: &[String],
        held: &Identity,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        self.of_https(names, &KeyPair::try_from(held.key_der())?, validity)
    }

    fn of_https(
        &self,
        names: &[String],
        key: &KeyPair,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        let reserved = |name: &&String| {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name.ends_with(RESERVED_SUFFIX) || name.ends_with(COLLECTOR_SUFFIX)
        };
        if let Some(name) = names.iter().find(reserved) {
            return Err(PkiError::Name { name: name.clone() });
        }
        let first = names.first().ok_or_else(|| PkiError::Name {
            name: String::new(),
        })?;
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(first, names.to_vec(), usages, key, validity)
    }

    fn issue(
        &self,
        common_name: &str,
        names: Vec<String>,
        usages: Vec<ExtendedKeyUsagePurpose>,
        key: &KeyPair,
        validity: Validity,
    ) -> Result<Identity, PkiError> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity.bounds();
        let certificate = params.signed_by(key, &self.issuer)?.der().clone();
        Ok(Identity::new(
            certificate,
            PrivatePkcs8KeyDer::from(key.serialize_der()),
        ))
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .finish_non_exhaustive()
    }
}

/// What is the same each time the authority of a cluster is put together: its name and rights.
fn authority_params(cluster: ClusterId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(
        DnType::CommonName,
        format!("pgAnalytics cluster CA {cluster}"),
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
