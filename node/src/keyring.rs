//! The cluster keys of one node: the one in use, and others while one takes another's place.
//!
//! # File
//! `pki/cluster.key`, mode 0600: a key a line, in 64 hex digits; those that come after the one in
//! use may be in use next. It is replaced as a whole, so that a crash leaves the keys before or
//! those after. A key is added before anything is sealed with it, and those before the one in use
//! go an hour after nothing needs them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use pga_cluster::KeyInUse;
use pga_cluster::pki::{ClusterKey, PkiError, read_private_file, write_private_file};

use crate::{Error, Result};

/// Most keys at a time: each try to change the key that fails leaves one.
const MAX_KEYS: usize = 64;

/// The keys of this node. `Debug` prints none.
pub(crate) struct Keyring {
    path: PathBuf,
    keys: RwLock<Vec<ClusterKey>>,
    /// Held while the file is written.
    writing: Mutex<()>,
}

impl Keyring {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, others may read it, or it holds no keys.
    pub(crate) fn read(path: &Path) -> std::result::Result<Self, PkiError> {
        let malformed = || PkiError::Malformed {
            what: "cluster key",
        };
        let text = read_private_file(path)?;
        let text = std::str::from_utf8(&text).map_err(|_| malformed())?;
        let mut keys = Vec::new();
        for line in text.split_whitespace() {
            let mut bytes = [0; 32];
            hex::decode_to_slice(line, &mut bytes).map_err(|_| malformed())?;
            keys.push(ClusterKey::from_bytes(bytes));
        }
        match keys.is_empty() {
            true => Err(malformed()),
            false => Ok(Self {
                path: path.to_owned(),
                keys: RwLock::new(keys),
                writing: Mutex::default(),
            }),
        }
    }

    /// Opens a sealed secret, whichever key sealed it.
    ///
    /// # Errors
    /// [`PkiError::Unseal`] if none of them did, or for another context.
    pub(crate) fn open(
        &self,
        context: &str,
        sealed: &[u8],
    ) -> std::result::Result<Vec<u8>, PkiError> {
        let keys = self.all();
        let mut opened = keys.iter().map(|key| key.open(context, sealed));
        opened
            .find(std::result::Result::is_ok)
            .unwrap_or(Err(PkiError::Unseal))
    }

    /// The key that sealed a secret.
    pub(crate) fn opener(&self, context: &str, sealed: &[u8]) -> Option<ClusterKey> {
        let mut keys = self.all().into_iter();
        keys.find(|key| key.open(context, sealed).is_ok())
    }

    /// The key of this name.
    pub(crate) fn get(&self, id: &[u8; 32]) -> Option<ClusterKey> {
        self.all().into_iter().find(|key| key.id() == *id)
    }

    /// The key that seals: the one that the replicated state names, else the first.
    ///
    /// # Errors
    /// `Unavailable` if this node has not got it yet.
    pub(crate) fn in_use(&self, named: Option<KeyInUse>) -> Result<ClusterKey> {
        let found = match named {
            Some(named) => self.get(&named.id),
            None => self.all().into_iter().next(),
        };
        found.ok_or_else(|| {
            let text = "this node has not got the cluster's new key yet; it asks the others for it";
            Error::Unavailable(text.to_owned())
        })
    }

    /// Adds a key that may be in use next: on return it is on disk. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written, or holds too many.
    pub(crate) fn add(&self, key: ClusterKey) -> Result<()> {
        self.insert(usize::MAX, key)
    }

    /// Adds the key in use, which this node had not got: after the one that it goes by, and before
    /// those that may be next. Blocks.
    ///
    /// # Errors
    /// As [`Keyring::add`].
    pub(crate) fn learn(&self, key: ClusterKey) -> Result<()> {
        self.insert(1, key)
    }

    fn insert(&self, place: usize, key: ClusterKey) -> Result<()> {
        self.change(|keys| {
            if keys.contains(&key) {
                return Ok(());
            }
            if keys.len() >= MAX_KEYS {
                let path = self.path.display();
                let text = format!("{path} holds {MAX_KEYS} keys of changes that failed");
                return Err(Error::Refused(text));
            }
            keys.insert(place.min(keys.len()), key);
            Ok(())
        })
    }

    /// Forgets the keys before the one of this name. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn forget_before(&self, id: &[u8; 32]) -> Result<()> {
        self.change(|keys| {
            let place = keys.iter().position(|key| key.id() == *id);
            keys.drain(..place.unwrap_or(0));
            Ok(())
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<ClusterKey>) -> Result<()>) -> Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.all();
        let mut keys = before.clone();
        change(&mut keys)?;
        if keys == before {
            return Ok(());
        }
        let line = |key: &ClusterKey| format!("{}\n", hex::encode(key.as_bytes()));
        let text: String = keys.iter().map(line).collect();
        write_private_file(&self.path, text.as_bytes())
            .map_err(|error| Error::Pki(pga_runtime::error_chain(&error)))?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn all(&self) -> Vec<ClusterKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pga_storage::Timestamp;

    use super::*;

    fn ring() -> (tempfile::TempDir, Keyring, ClusterKey) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        let key = ClusterKey::from_bytes([1; 32]);
        key.write(&path).unwrap();
        let ring = Keyring::read(&path).unwrap();
        (dir, ring, key)
    }

    fn named(key: &ClusterKey) -> Option<KeyInUse> {
        Some(KeyInUse {
            id: key.id(),
            at: Timestamp::from_micros(1),
        })
    }

    #[test]
    fn both_keys_open_until_one_goes_also_after_a_restart() {
        let (_dir, ring, first) = ring();
        let second = ClusterKey::from_bytes([2; 32]);
        let sealed = [&first, &second].map(|key| key.seal("c", b"secret").unwrap());
        assert!(ring.open("c", &sealed[1]).is_err());
        ring.in_use(named(&second)).unwrap_err();
        ring.add(second.clone()).unwrap();
        ring.add(second.clone()).unwrap();
        for ring in [&ring, &Keyring::read(&ring.path).unwrap()] {
            for sealed in &sealed {
                assert_eq!(ring.open("c", sealed).unwrap(), b"secret");
                assert!(ring.open("another", sealed).is_err());
            }
            assert_eq!(ring.opener("c", &sealed[1]), Some(second.clone()));
            assert_eq!(ring.in_use(None).unwrap(), first);
            assert_eq!(ring.in_use(named(&second)).unwrap(), second);
        }
        ring.forget_before(&[9; 32]).unwrap();
        assert_eq!(ring.all().len(), 2, "nothing is known of that one");
        ring.forget_before(&second.id()).unwrap();
        // As older versions read it.
        assert_eq!(ClusterKey::read(&ring.path).unwrap(), second);
        assert!(ring.open("c", &sealed[0]).is_err());
        assert!(!format!("{ring:?}").contains("0202"));
    }

    /// The next change may be under way when an older key goes.
    #[test]
    fn a_key_that_may_be_next_stays() {
        let (_dir, ring, first) = ring();
        let [second, third] = [2, 3].map(|n| ClusterKey::from_bytes([n; 32]));
        ring.add(third.clone()).unwrap();
        ring.learn(second.clone()).unwrap();
        assert_eq!(ring.all(), [first, second.clone(), third.clone()]);
        ring.forget_before(&second.id()).unwrap();
        assert_eq!(ring.all(), [second, third]);
    }

    #[test]
    fn keys_of_failed_changes_have_an_end() {
        let (_dir, ring, _) = ring();
        for n in 2..=MAX_KEYS as u8 {
            ring.add(ClusterKey::from_bytes([n; 32])).unwrap();
        }
        let refused = ring.add(ClusterKey::from_bytes([200; 32])).unwrap_err();
        assert!(refused.to_string().contains("64 keys"), "{refused}");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        for text in ["", "\n", "00", "zz"] {
            write_private_file(&path, text.as_bytes()).unwrap();
            assert!(Keyring::read(&path).is_err(), "{text:?}");
        }
    }
}
