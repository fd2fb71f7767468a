//! TLS: the files of a target, and the connector made of them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::settings::Settings;
use crate::ssl_mode::SslMode;
use crate::verifier::{Authorities, Verifier};
use crate::{ConnectError, Environment};

const SYSTEM: &str = "system";

/// What a target says about TLS.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) mode: SslMode,
    /// Whether TLS begins at once, without PostgreSQL's request for it.
    pub(crate) is_direct: bool,
    roots: Option<Roots>,
    certificate: Option<[PathBuf; 2]>,
}

/// Where the authorities are.
#[derive(Clone, Debug)]
enum Roots {
    /// In a file that the target names: a server's own certificate may be in it, too.
    File(PathBuf),
    /// Where the system keeps them, or in the file that `SSL_CERT_FILE` names.
    System(Option<PathBuf>),
}

impl Tls {
    pub(crate) fn read(
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Self, ConnectError> {
        let root = settings.get("sslrootcert");
        let is_system = root == Some(SYSTEM);
        let mode = settings
            .word("sslmode", &SslMode::WORDS)?
            .unwrap_or(if is_system {
                SslMode::VerifyFull
            } else {
                SslMode::Prefer
            });
        if is_system && mode != SslMode::VerifyFull {
            let problem = "too weak for sslrootcert=system, which anyone can get a certificate of";
            return Err(settings.bad("sslmode", problem, "use verify-full"));
        }
        let is_direct = settings
            .word("sslnegotiation", &[("postgres", false), ("direct", true)])?
            .unwrap_or(false);
        if is_direct && mode.attempts().len() + usize::from(mode == SslMode::Disable) > 1 {
            let fix = "use sslmode=require, verify-ca or verify-full";
            return Err(settings.bad("sslnegotiation", "it needs TLS", fix));
        }
        let or_home = |name, default| match settings.get(name) {
            Some(path) => Some(PathBuf::from(path)),
            None => environment.at_home(default).filter(|path| path.is_file()),
        };
        let roots = if is_system {
            let named = environment.get("SSL_CERT_FILE").map(PathBuf::from);
            Some(Roots::System(named))
        } else {
            or_home("sslrootcert", ".postgresql/root.crt").map(Roots::File)
        };
        if roots.is_none() && mode.needs_authorities() {
            let fix = "name the file of the server's authority in sslrootcert, or use \
                       sslrootcert=system (with verify-full)";
            return Err(settings.bad("sslmode", "there is no authority to check against", fix));
        }
        let key = or_home("sslkey", ".postgresql/postgresql.key");
        let certificate = match (or_home("sslcert", ".postgresql/postgresql.crt"), key) {
            (Some(certificate), Some(key)) => Some([certificate, key]),
            (Some(_), None) => {
                let fix = "name the file of the private key in sslkey";
                return Err(settings.bad("sslcert", "there is no key for it", fix));
            }
            (None, _) => None,
        };
        Ok(Self {
            mode,
            is_direct,
            roots,
            certificate,
        })
    }

    /// A connector of the files as they are now.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, ConnectError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = self.roots.as_ref();
        let authorities = authorities
            .map(|roots| roots.authorities(&provider))
            .transpose()?;
        let verifier = Arc::new(Verifier {
            provider: Arc::clone(&provider),
            authorities,
            checks_name: self.mode == SslMode::VerifyFull,
        });
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("sslmode", self.mode.word(), &error, "use another build"))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.certificate {
            Some([certificate, key]) => {
                let chain = certificates("sslcert", certificate)?;
                builder
                    .with_client_auth_cert(chain, private_key(key)?)
                    .map_err(|error| {
                        let fix = "name a certificate and its key";
                        bad("sslcert", &certificate.display().to_string(), &error, fix)
                    })?
            }
            None => builder.with_no_client_auth(),
        };
        if self.is_direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }
}

impl Roots {
    fn authorities(&self, provider: &Arc<CryptoProvider>) -> Result<Authorities, ConnectError> {
        const FIX: &str = "name a PEM file of certificates";
        let (shown, pinned) = match self {
            Self::File(path) => {
                let pinned = certificates("sslrootcert", path)?;
                (path.display().to_string(), pinned)
            }
            Self::System(_) => (SYSTEM.to_owned(), Vec::new()),
        };
        let mut store = rustls::RootCertStore::empty();
        if let Self::System(named) = self {
            // What this TLS library does not read is left out.
            store.add_parsable_certificates(system_certificates(named.as_deref())?);
        }
        for certificate in &pinned {
            let added = store.add(certificate.clone());
            added.map_err(|error| bad("sslrootcert", &shown, &error, FIX))?;
        }
        let chain =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
                .build()
                .map_err(|error| bad("sslrootcert", &shown, &error, FIX))?;
        Ok(Authorities { chain, pinned })
    }
}

fn system_certificates(named: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let found = match named {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_native_certs(),
    };
    if !found.certs.is_empty() {
        return Ok(found.certs);
    }
    let problem: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
    let problem = match problem.as_slice() {
        [] => "the system has no certificate authorities".to_owned(),
        some => some.join("; "),
    };
    let fix = "name a PEM file, or set SSL_CERT_FILE";
    Err(bad("sslrootcert", SYSTEM, &problem, fix))
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    const FIX: &str = "name a PEM file of certificates";
    let shown = path.display().to_string();
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(found) if found.is_empty() => Err(bad(key, &shown, &"no certificate in it", FIX)),
        Ok(found) => Ok(found),
        Err(error) => Err(bad(key, &shown, &error, FIX)),
    }
}

/// The key, from a file that only its owner can read; one of root's may be read by its group.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    let shown = path.display().to_string();
    let metadata = std::fs::metadata(path)
        .map_err(|error| bad("sslkey", &shown, &error, "name the file of the private key"))?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.permissions().mode() & forbidden != 0 {
        let problem = "others can read or write it";
        return Err(bad("sslkey", &shown, &problem, "make its mode 0600"));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        bad(
            "sslkey",
            &shown,
            &error,
            "use a PEM key without a passphrase",
        )
    })
}

fn bad(key: &str, value: &str, problem: &dyn std::fmt::Display, fix: &str) -> ConnectError {
    ConnectError::setting(key, value, problem, fix)
}
