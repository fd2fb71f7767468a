//! The state as bytes, for snapshots.
//!
//! # Layout
//! `format: u8`, then a body of that format. Formats 1 and 2 are one piece (`image/positional.rs`);
//! format 3 is named sections (`image/parts.rs`, `section.rs`). Below feature level 1 format 2 is
//! written, because a member of an earlier version may have to read it. Everything is ordered, so
//! equal states have equal bytes. The golden files are in `tests/golden/`.

mod parts;
mod positional;

use super::image_error::ImageError;
use super::{State, StateLimits};
use crate::feature_level::{FeatureLevel, Outdated};

const POSITIONAL: u8 = 2;
const SECTIONS: u8 = 3;

impl State {
    /// The state as bytes; equal states have equal bytes.
    ///
    /// # Errors
    /// [`ImageError::Encode`]
    pub fn to_bytes(&self) -> Result<Vec<u8>, ImageError> {
        let (format, body) = if self.level.level >= FeatureLevel::SECTIONS {
            (SECTIONS, parts::write(self)?)
        } else {
            (POSITIONAL, positional::write(self)?)
        };
        let mut out = Vec::with_capacity(1 + body.len());
        out.push(format);
        out.extend(body);
        Ok(out)
    }

    /// The state in `bytes`.
    ///
    /// # Errors
    /// [`ImageError`] if the bytes are damaged or from a newer version.
    pub fn from_bytes(bytes: &[u8], limits: StateLimits) -> Result<Self, ImageError> {
        match bytes.split_first() {
            Some((1..=POSITIONAL, body)) => positional::read(body, limits),
            Some((&SECTIONS, body)) => parts::read(body, limits),
            Some((&found, _)) => Err(ImageError::Outdated(Outdated::Format {
                found,
                known: SECTIONS,
            })),
            None => Err(ImageError::Damaged("empty".to_owned())),
        }
    }
}
