//! Who this collector is to the cluster: its id, its token and its certificate, kept over restarts.

use std::fs;
use std::io;
use std::path::Path;

use pga_cluster::pki;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

const FILE: &str = "identity.json";

/// What the cluster gave at the registration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The id.
    pub(super) collector_id: String,
    /// The token that is good now.
    pub(super) token: String,
    /// By which it shows who it is to nodes with TLS; none in what older versions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<Certificate>,
}

/// A certificate that the cluster issued to this collector.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Certificate {
    /// PEM.
    pub(super) certificate: String,
    /// PEM, PKCS#8.
    pub(super) private_key: String,
}

impl Certificate {
    /// When it is to be renewed; `None` for one that cannot be read or names no collector, as older
    /// nodes issued them: at once.
    pub(super) fn renew_at(&self) -> Option<Timestamp> {
        let (chain, key) = (self.certificate.as_bytes(), self.private_key.as_bytes());
        let identity = pki::Identity::from_pem(chain, key).ok()?;
        pki::named_collector(identity.certificate())?;
        identity.renew_at().ok()
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate")
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.collector_id)
    }
}

impl Identity {
    /// The one in `dir`; `None` if there is none yet.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is one in `dir`.
    pub(super) fn is_there(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// Puts it in `dir`, for the owner's eyes only, in place of the one before.
    ///
    /// # Errors
    /// If it cannot be written; then the one before is whole.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        pga_runtime::replace_file(&dir.join(FILE), &serde_json::to_vec(self)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_identity_is_read_again_and_is_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Identity::read(dir.path()).unwrap(), None);
        let identity = Identity {
            collector_id: "c".into(),
            token: "t".into(),
            certificate: Some(Certificate {
                certificate: "cert".into(),
                private_key: "secret".into(),
            }),
        };
        assert_eq!(identity.certificate.as_ref().unwrap().renew_at(), None);
        identity.write(dir.path()).unwrap();
        assert_eq!(Identity::read(dir.path()).unwrap(), Some(identity.clone()));
        let mode = fs::metadata(dir.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let shown = format!("{identity:?} {:?}", identity.certificate);
        assert!(
            !shown.contains("\"t\"") && !shown.contains("secret"),
            "{shown}"
        );
        let older = br#"{"collector_id":"c","token":"t"}"#;
        fs::write(dir.path().join(FILE), older).unwrap();
        let older = Identity::read(dir.path()).unwrap().unwrap();
        assert_eq!(older.certificate, None);
        fs::write(dir.path().join(FILE), "{").unwrap();
        Identity::read(dir.path()).unwrap_err();
    }
}
