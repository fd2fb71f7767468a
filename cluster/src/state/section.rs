//! A state in parts: each has a name, a version and bytes of its own.
//!
//! # Layout
//! ```text
//! section := name length: u8, name, version: u16 le, body length: u64 le, body
//! ```
//! A body is MessagePack (`rmp_serde::to_vec`: positional, frozen for a version; a new field means
//! a new version of that section only). A part that is missing is empty: it was written before
//! there was one.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::image_error::ImageError;
use crate::feature_level::{FeatureLevel, Outdated};

/// A part of the state that has a name of its own in a snapshot.
pub(super) trait Section: Default {
    /// Its name: never changed, and never given to anything else.
    const NAME: &'static str;
    /// The version that is written; all up to it are read.
    const VERSION: u16;
    /// The feature level that brought it: below it the part is empty, and is not written.
    const SINCE: FeatureLevel = FeatureLevel::BASE;

    /// Its bytes.
    fn write(&self) -> Result<Vec<u8>, ImageError>;

    /// The part in `body`, of version `version`, which is at most [`Section::VERSION`].
    fn read(version: u16, body: &[u8]) -> Result<Self, ImageError>;
}

/// A body of plain data.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    rmp_serde::to_vec(value).map_err(|error| ImageError::Encode(error.to_string()))
}

/// The plain data in a body.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ImageError> {
    pga_storage::from_whole_msgpack(body).map_err(|error| ImageError::Damaged(error.to_string()))
}

/// Makes a [`Section`] of a type whose body is the type itself, at version 1.
macro_rules! plain_section {
    ($part:ty, $name:literal, $since:expr) => {
        impl $crate::state::section::Section for $part {
            const NAME: &'static str = $name;
            const VERSION: u16 = 1;
            const SINCE: $crate::feature_level::FeatureLevel = $since;

            fn write(&self) -> Result<Vec<u8>, $crate::state::ImageError> {
                $crate::state::section::encode(self)
            }

            fn read(_version: u16, body: &[u8]) -> Result<Self, $crate::state::ImageError> {
                $crate::state::section::decode(body)
            }
        }
    };
}
pub(super) use plain_section;

/// Puts a part at the end of `out`, if a cluster of this level has it.
pub(super) fn put<T: Section>(
    part: &T,
    level: FeatureLevel,
    out: &mut Vec<u8>,
) -> Result<(), ImageError> {
    if level < T::SINCE {
        return Ok(());
    }
    let body = part.write()?;
    let name = T::NAME.as_bytes();
    let length = u8::try_from(name.len()).map_err(|error| ImageError::Encode(error.to_string()))?;
    out.put_u8(length);
    out.put_slice(name);
    out.put_u16_le(T::VERSION);
    out.put_u64_le(body.len() as u64);
    out.put_slice(&body);
    Ok(())
}

/// The parts in some bytes, by name.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    parts: BTreeMap<&'a str, (u16, &'a [u8])>,
    /// The first version that knows the level of the cluster that wrote them.
    since: String,
}

impl<'a> Sections<'a> {
    /// Finds the parts in `bytes`.
    pub(super) fn parse(mut bytes: &'a [u8]) -> Result<Self, ImageError> {
        let mut parts = BTreeMap::new();
        while !bytes.is_empty() {
            let (name, version, body) = take(&mut bytes).ok_or_else(|| damaged("it is cut off"))?;
            if parts.insert(name, (version, body)).is_some() {
                return Err(damaged("a section is there twice"));
            }
        }
        Ok(Self {
            parts,
            since: "later than this one".to_owned(),
        })
    }

    /// Notes which version wrote the parts: what is not known here is known there.
    pub(super) fn written_since(&mut self, since: &str) {
        if !since.is_empty() {
            since.clone_into(&mut self.since);
        }
    }

    /// Takes a part out.
    pub(super) fn take<T: Section>(&mut self) -> Result<T, ImageError> {
        match self.parts.remove(T::NAME) {
            None => Ok(T::default()),
            Some((version, body)) if version <= T::VERSION => T::read(version, body),
            Some((version, _)) => Err(self.outdated(T::NAME, version, Some(T::VERSION))),
        }
    }

    /// Refuses what nobody took: it would be lost.
    pub(super) fn end(&self) -> Result<(), ImageError> {
        match self.parts.iter().next() {
            None => Ok(()),
            Some((name, (version, _))) => Err(self.outdated(name, *version, None)),
        }
    }

    fn outdated(&self, name: &str, found: u16, known: Option<u16>) -> ImageError {
        ImageError::Outdated(Outdated::Section {
            name: name.to_owned(),
            found,
            known,
            since: self.since.clone(),
        })
    }
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<(&'a str, u16, &'a [u8])> {
    let name = bytes.try_get_u8().ok()?;
    let name = std::str::from_utf8(bytes.split_off(..usize::from(name))?).ok()?;
    let version = bytes.try_get_u16_le().ok()?;
    let length = usize::try_from(bytes.try_get_u64_le().ok()?).ok()?;
    Some((name, version, bytes.split_off(..length)?))
}

fn damaged(what: &str) -> ImageError {
    ImageError::Damaged(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Part(u64);

    impl Section for Part {
        const NAME: &'static str = "part";
        const VERSION: u16 = 2;

        fn write(&self) -> Result<Vec<u8>, ImageError> {
            encode(&self.0)
        }

        fn read(_: u16, body: &[u8]) -> Result<Self, ImageError> {
            decode(body).map(Self)
        }
    }

    /// The bytes of a part under another name and version.
    fn section(name: &str, version: u16, body: &[u8]) -> Vec<u8> {
        let mut out = vec![name.len() as u8];
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&version.to_le_bytes());
        out.extend_from_slice(&(body.len() as u64).to_le_bytes());
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn a_part_is_read_again_and_one_that_is_missing_is_empty() {
        let mut bytes = Vec::new();
        put(&Part(7), FeatureLevel::BASE, &mut bytes).unwrap();
        assert_eq!(bytes, section("part", 2, &[7]));
        let mut parts = Sections::parse(&bytes).unwrap();
        assert_eq!(parts.take::<Part>().unwrap(), Part(7));
        assert_eq!(parts.take::<Part>().unwrap(), Part(0));
        parts.end().unwrap();
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it_and_the_version_to_install() {
        let newer = section("part", 3, &[7]);
        let mut parts = Sections::parse(&newer).unwrap();
        parts.written_since("3.4.0");
        let error = parts.take::<Part>().unwrap_err().to_string();
        assert!(error.contains("section part of version 3"), "{error}");
        assert!(error.contains("up to 2"), "{error}");
        assert!(error.ends_with("install version 3.4.0 or later"), "{error}");
        let unknown = section("silences", 1, &[7]);
        let error = Sections::parse(&unknown).unwrap().end().unwrap_err();
        assert!(error.to_string().contains("section silences"), "{error}");
        assert!(matches!(error, ImageError::Outdated(_)), "{error}");
    }

    #[test]
    fn damage_is_an_error() {
        let good = section("part", 2, &[7]);
        for end in 1..good.len() {
            assert!(Sections::parse(&good[..end]).is_err(), "cut at {end}");
        }
        let twice = [good.clone(), good].concat();
        assert!(Sections::parse(&twice).is_err(), "twice");
        let longer = section("part", 2, &[7, 7]);
        assert!(Sections::parse(&longer).unwrap().take::<Part>().is_err());
    }
}
