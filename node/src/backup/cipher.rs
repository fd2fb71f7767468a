//! Archives under a passphrase.
//!
//! The key is Argon2id of the passphrase and a salt of the archive's own (RFC 9106), so that it
//! seals this archive alone. A chunk is sealed with AES-256-GCM, its number as the nonce; its part
//! and the SHA-256 of the archive's head are associated data. So no chunk can be changed, moved,
//! left out or taken from another archive; the manifest comes last and tells that nothing is
//! missing at the end.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use pga_cluster::pki::read_private_file;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::head::Encryption;
use crate::secrets::pki;
use crate::{Error, Result};

/// Most memory that an archive may ask for, in KiB.
const MAX_MEMORY_KIB: u32 = 1 << 20;
/// Most passes.
const MAX_PASSES: u32 = 64;
/// Shortest passphrase, in bytes.
const MIN_PASSPHRASE: usize = 12;

/// A passphrase. `Debug` does not print it.
pub(crate) struct Passphrase(Vec<u8>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Passphrase {
    /// Reads the file of a passphrase: its first line.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = read_private_file(path).map_err(pki)?;
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() < MIN_PASSPHRASE {
            return Err(Error::Refused(format!(
                "the passphrase in {} is shorter than {MIN_PASSPHRASE} bytes",
                path.display()
            )));
        }
        Ok(Self(line.to_vec()))
    }

    #[cfg(test)]
    pub(crate) fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// What seals and opens the chunks of one archive.
pub(crate) struct Cipher {
    key: LessSafeKey,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

/// Of which chunk a body is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// SHA-256 of the archive's head.
    pub(crate) head: &'a [u8],
    /// The part's number.
    pub(crate) part: u8,
    /// The chunk's number.
    pub(crate) number: u64,
}

impl Place<'_> {
    fn nonce(self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        if let Some(end) = nonce.last_chunk_mut() {
            *end = self.number.to_be_bytes();
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn context(self) -> Aad<Vec<u8>> {
        Aad::from([self.head, &[self.part]].concat())
    }
}

impl Encryption {
    /// For a new archive.
    pub(crate) fn new() -> Self {
        let cost = Params::DEFAULT;
        Self {
            salt: hex::encode(pga_runtime::random::<[u8; 16]>()),
            memory_kib: cost.m_cost(),
            passes: cost.t_cost(),
            lanes: cost.p_cost(),
        }
    }
}

impl Cipher {
    /// Derives the key; takes tens of milliseconds. `None` if nobody would have written such
    /// parameters.
    pub(crate) fn new(passphrase: &Passphrase, encryption: &Encryption) -> Option<Self> {
        if encryption.memory_kib > MAX_MEMORY_KIB || encryption.passes > MAX_PASSES {
            return None;
        }
        let params = Params::new(
            encryption.memory_kib,
            encryption.passes,
            encryption.lanes,
            Some(32),
        );
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok()?);
        let salt = hex::decode(&encryption.salt).ok()?;
        let mut key = [0; 32];
        argon
            .hash_password_into(&passphrase.0, &salt, &mut key)
            .ok()?;
        let key = UnboundKey::new(&AES_256_GCM, &key).ok()?;
        Some(Self {
            key: LessSafeKey::new(key),
        })
    }

    /// Seals a body in its place.
    pub(crate) fn seal(&self, place: Place<'_>, body: &mut Vec<u8>) -> Result<()> {
        let sealed = self
            .key
            .seal_in_place_append_tag(place.nonce(), place.context(), body);
        sealed.map_err(|_| Error::Internal("a chunk cannot be sealed".to_owned()))
    }

    /// Opens a body; `None` with another passphrase, or if it is not the chunk of this place.
    pub(crate) fn open(&self, place: Place<'_>, body: &mut Vec<u8>) -> Option<()> {
        let opened = self
            .key
            .open_in_place(place.nonce(), place.context(), body)
            .ok()?
            .len();
        body.truncate(opened);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_opens_in_its_own_place_with_its_passphrase_alone() {
        let encryption = Encryption::new();
        let cipher = |text| Cipher::new(&Passphrase::new(text), &encryption).unwrap();
        let place = |head: &'static [u8], part, number| Place { head, part, number };
        let right = place(b"head", 1, 7);
        let mut sealed = b"body".to_vec();
        cipher("right").seal(right, &mut sealed).unwrap();
        let opens = |text, place| cipher(text).open(place, &mut sealed.clone()).is_some();
        assert!(opens("right", right));
        assert!(!opens("wrong", right));
        for other in [
            place(b"other", 1, 7),
            place(b"head", 2, 7),
            place(b"head", 1, 8),
        ] {
            assert!(!opens("right", other), "{other:?}");
        }
    }

    #[test]
    fn an_archive_cannot_ask_for_all_memory() {
        let mut hostile = Encryption::new();
        hostile.memory_kib = u32::MAX;
        assert!(Cipher::new(&Passphrase::new("right"), &hostile).is_none());
    }
}
