//! The key that seals what the cluster replicates but nobody may read from a log file, a snapshot
//! or a backup.
//!
//! Sealed form: format version (1 byte), nonce (12 random bytes), ciphertext, tag (16 bytes);
//! AES-256-GCM, the context as associated data.

use std::fmt;
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::{PkiError, read_private_file, write_private_file};

const FORMAT: u8 = 1;
const HEAD: usize = 1 + NONCE_LEN;

/// 32 random bytes each node of the cluster holds in a file of its own. `Debug` prints nothing of
/// them.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterKey([u8; 32]);

impl ClusterKey {
    /// Draws the key of a new cluster.
    ///
    /// # Errors
    /// [`PkiError::Random`]
    pub fn random() -> Result<Self, PkiError> {
        let mut bytes = [0; 32];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| PkiError::Random)?;
        Ok(Self(bytes))
    }

    /// Wraps key bytes that came over a protected channel.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key bytes: a secret.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its name, which tells nothing about it: HMAC-SHA256 of a fixed text.
    pub fn id(&self) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, b"pganalytics cluster key id");
        let mut id = [0; 32];
        id.copy_from_slice(tag.as_ref());
        id
    }

    /// Reads the key file: 64 hex digits, readable by its owner alone.
    ///
    /// # Errors
    /// [`PkiError`]
    pub fn read(path: &Path) -> Result<Self, PkiError> {
        let text = read_private_file(path)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim_ascii(), &mut bytes).map_err(|_| PkiError::Malformed {
            what: "cluster key",
        })?;
        Ok(Self(bytes))
    }

    /// Writes the key file with mode 0600.
    ///
    /// # Errors
    /// [`PkiError::File`]
    pub fn write(&self, path: &Path) -> Result<(), PkiError> {
        write_private_file(path, format!("{}\n", hex::encode(self.0)).as_bytes())
    }

    /// Seals a secret; it opens again with the same `context` alone, for example `ca-key`.
    ///
    /// # Errors
    /// [`PkiError::Random`]
    pub fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, PkiError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| PkiError::Random)?;
        let mut body = secret.to_vec();
        self.aead()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut body,
            )
            .map_err(|_| PkiError::Malformed { what: "secret" })?;
        let mut sealed = Vec::with_capacity(HEAD + body.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens a sealed secret.
    ///
    /// # Errors
    /// [`PkiError::Unseal`] for another key, another context, or a damaged text.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, PkiError> {
        let (head, body) = sealed.split_at_checked(HEAD).ok_or(PkiError::Unseal)?;
        let (&format, nonce) = head.split_first().ok_or(PkiError::Unseal)?;
        if format != FORMAT {
            return Err(PkiError::Unseal);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| PkiError::Unseal)?;
        let mut body = body.to_vec();
        let opened = self
            .aead()?
            .open_in_place(nonce, Aad::from(context), &mut body)
            .map_err(|_| PkiError::Unseal)?
            .len();
        body.truncate(opened);
        Ok(body)
    }

    fn aead(&self) -> Result<LessSafeKey, PkiError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).map_err(|_| PkiError::Malformed {
            what: "cluster key",
        })?;
        Ok(LessSafeKey::new(key))
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_context_alone() {
        let key = ClusterKey::random().unwrap();
        let sealed = key.seal("ca-key", b"the secret").unwrap();
        assert_eq!(key.open("ca-key", &sealed).unwrap(), b"the secret");
        assert_ne!(
            sealed,
            key.seal("ca-key", b"the secret").unwrap(),
            "nonces are fresh"
        );

        let refused = |key: &ClusterKey, context: &str, sealed: &[u8]| {
            matches!(key.open(context, sealed), Err(PkiError::Unseal))
        };
        assert!(refused(&key, "token-key", &sealed), "other context");
        assert!(
            refused(&ClusterKey::random().unwrap(), "ca-key", &sealed),
            "other key"
        );
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(refused(&key, "ca-key", &damaged), "bit flipped at {at}");
            assert!(refused(&key, "ca-key", &sealed[..at]), "cut at {at}");
        }
    }

    #[test]
    fn the_key_file_comes_back_and_debug_shows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        let key = ClusterKey::random().unwrap();
        key.write(&path).unwrap();
        assert_eq!(ClusterKey::read(&path).unwrap(), key);
        assert_eq!(format!("{key:?}"), "ClusterKey");
    }
}
