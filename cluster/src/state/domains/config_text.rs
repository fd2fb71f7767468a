//! The text of a configuration, as the replicated state holds it.
//!
//! # Format
//! TOML; or, from feature level 7 on, `sealed:{key}:{text}`: the first eight bytes of the name of
//! the cluster key that sealed it, in hex, and the TOML that it sealed, in base64 (RFC 4648); or
//! `deleted`. No TOML is like that: a key is followed by `=` or a dot.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::pki::{ClusterKey, PkiError};

/// What a sealed text begins with.
const SEALED: &str = "sealed:";
/// In place of a configuration that was deleted.
const DELETED: &str = "deleted";
/// What it is sealed for.
const CONTEXT: &str = "collector-config";

/// A configuration, which may hold passwords: sealed, or as it was written in a cluster of a lower
/// level. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigText(String);

impl ConfigText {
    /// As it was written.
    pub fn plain(toml: impl Into<String>) -> Self {
        Self(toml.into())
    }

    /// That there is none any more.
    pub fn deleted() -> Self {
        Self(DELETED.to_owned())
    }

    /// Whether there is none any more.
    pub fn is_deleted(&self) -> bool {
        self.0 == DELETED
    }

    /// Sealed with a cluster key.
    ///
    /// # Errors
    /// [`PkiError::Random`]
    pub fn sealed(key: &ClusterKey, toml: &str) -> Result<Self, PkiError> {
        let sealed = key.seal(CONTEXT, toml.as_bytes())?;
        let (name, text) = (name(key), STANDARD.encode(sealed));
        Ok(Self(format!("{SEALED}{name}:{text}")))
    }

    /// Whether this key sealed it.
    pub fn is_sealed_with(&self, key: &ClusterKey) -> bool {
        let name = name(key);
        let rest = self.0.strip_prefix(SEALED);
        rest.is_some_and(|rest| rest.starts_with(&name))
    }

    /// Whether any key sealed it.
    pub fn is_sealed(&self) -> bool {
        self.0.starts_with(SEALED)
    }

    /// The TOML, empty for one that was deleted; `open` opens what is sealed for a context.
    ///
    /// # Errors
    /// What `open` answers, [`PkiError::Malformed`] if it is damaged.
    pub fn open(
        &self,
        open: impl FnOnce(&str, &[u8]) -> Result<Vec<u8>, PkiError>,
    ) -> Result<String, PkiError> {
        if self.is_deleted() {
            return Ok(String::new());
        }
        let Some(rest) = self.0.strip_prefix(SEALED) else {
            return Ok(self.0.clone());
        };
        let malformed = || PkiError::Malformed {
            what: "configuration of a collector",
        };
        let (_, text) = rest.split_once(':').ok_or_else(malformed)?;
        let sealed = STANDARD.decode(text).map_err(|_| malformed())?;
        String::from_utf8(open(CONTEXT, &sealed)?).map_err(|_| malformed())
    }
}

/// How a key is named in a text that it sealed.
fn name(key: &ClusterKey) -> String {
    let id = key.id();
    hex::encode(id.get(..8).unwrap_or(&id))
}

impl fmt::Debug for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigText")
            .field("is_sealed", &self.is_sealed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_alone_and_what_is_plain_is_as_it_was() {
        let [key, other] = [1, 2].map(|n| ClusterKey::from_bytes([n; 32]));
        let toml = "[postgres]\npassword = \"geheim\"\n";
        let plain = ConfigText::plain(toml);
        let sealed = ConfigText::sealed(&key, toml).unwrap();
        assert!(!plain.is_sealed() && sealed.is_sealed());
        assert!(sealed.is_sealed_with(&key) && !sealed.is_sealed_with(&other));
        assert!(!plain.is_sealed_with(&key));
        let open = |text: &ConfigText, key: &ClusterKey| text.open(|c, sealed| key.open(c, sealed));
        assert_eq!(open(&sealed, &key).unwrap(), toml);
        assert_eq!(open(&plain, &other).unwrap(), toml);
        open(&sealed, &other).unwrap_err();
        for shown in [format!("{plain:?}"), format!("{sealed:?}{}", sealed.0)] {
            assert!(!shown.contains("geheim"), "{shown}");
        }
        for damaged in ["sealed:", "sealed:00:%", "sealed:00:AAAA"] {
            open(&ConfigText::plain(damaged), &key).unwrap_err();
        }
    }

    /// The bytes are those of the text that stood here before.
    #[test]
    fn a_text_is_written_as_text() {
        let bytes = rmp_serde::to_vec(&ConfigText::plain("a = 1")).unwrap();
        assert_eq!(bytes, rmp_serde::to_vec("a = 1").unwrap());
        let read: ConfigText = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(read, ConfigText::plain("a = 1"));
    }
}
