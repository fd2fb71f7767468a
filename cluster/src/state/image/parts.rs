//! The state as named sections: format 3, written from feature level 1 on.

use pga_storage::Position;

use crate::feature_level::ClusterLevel;
use crate::state::domains::Domains;
use crate::state::image_error::ImageError;
use crate::state::section::{Section, Sections, decode, encode, put};
use crate::state::{State, StateLimits};

/// How far the state has come.
#[derive(Default)]
struct Progress {
    applied: Position,
    flushed: Position,
}

impl Section for Progress {
    const NAME: &'static str = "progress";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(&(self.applied, self.flushed))
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        let (applied, flushed) = decode(body)?;
        Ok(Self { applied, flushed })
    }
}

impl Section for ClusterLevel {
    /// Frozen: it tells programs that know nothing else of what they read which version they lack.
    const NAME: &'static str = "level";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(self)
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        decode(body)
    }
}

/// The bytes after the format.
pub(super) fn write(state: &State) -> Result<Vec<u8>, ImageError> {
    let level = state.level.level;
    let mut out = Vec::new();
    put(&state.level, level, &mut out)?;
    let progress = Progress {
        applied: state.applied,
        flushed: state.flushed,
    };
    put(&progress, level, &mut out)?;
    put(&state.windows, level, &mut out)?;
    put(&state.idempotency, level, &mut out)?;
    put(&state.recent, level, &mut out)?;
    put(&state.uploads, level, &mut out)?;
    state.domains.put(level, &mut out)?;
    Ok(out)
}

/// The state in the bytes after the format.
pub(super) fn read(body: &[u8], limits: StateLimits) -> Result<State, ImageError> {
    let mut sections = Sections::parse(body)?;
    let level: ClusterLevel = sections.take()?;
    sections.written_since(&level.since);
    let progress: Progress = sections.take()?;
    let state = State {
        limits,
        level,
        applied: progress.applied,
        flushed: progress.flushed,
        windows: sections.take()?,
        idempotency: sections.take()?,
        recent: sections.take()?,
        uploads: sections.take()?,
        domains: Domains::take(&mut sections)?,
    };
    sections.end()?;
    Ok(state)
}
