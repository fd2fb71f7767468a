//! Making sure that an archive is whole, and that this program can do something with it.

use std::path::Path;

use pga_cluster::{FeatureLevel, ImageError, State};

use super::ArchiveError;
use super::archive::{Archive, Contents};
use super::cipher::Passphrase;
use super::head::{Head, StoreKind};
use super::manifest::{Part, count};
use super::progress::Progress;
use crate::{Error, Result};

/// Largest state that is taken into memory: a gigabyte, several times what its bounds allow.
const MAX_STATE_BYTES: usize = 1 << 30;

/// An archive that is whole, with what a restore needs in memory.
pub(super) struct Verified {
    pub(super) contents: Contents,
    /// The state; none if the archive is encrypted and stayed closed.
    pub(super) state: Option<State>,
    /// The cluster key, if it is in the archive.
    pub(super) key: Option<Vec<u8>>,
}

/// Reads the archive at `path` from its first byte to its last.
///
/// # Errors
/// [`ArchiveError`] says where it is damaged, or why it is refused otherwise.
pub(crate) fn verify(
    path: &Path,
    passphrase: Option<&Passphrase>,
    is_quiet: bool,
) -> Result<Contents> {
    let mut progress = Progress::new(is_quiet);
    Ok(check(path, passphrase, &mut progress)?.contents)
}

/// As [`verify`], and keeps the state.
pub(super) fn check(
    path: &Path,
    passphrase: Option<&Passphrase>,
    progress: &mut Progress,
) -> Result<Verified> {
    let archive = Archive::open(path)?;
    level(path, archive.head())?;
    progress.begin("reading the backup", archive.size());
    let (mut state, mut key) = (Vec::new(), Vec::new());
    let contents = archive.read(
        passphrase,
        &mut |part, piece| {
            match part {
                Part::State if state.len() + piece.len() > MAX_STATE_BYTES => {
                    let what = "its state is larger than any cluster's";
                    return Err(Error::Refused(what.to_owned()));
                }
                Part::State => state.extend_from_slice(piece),
                Part::ClusterKey => key.extend_from_slice(piece),
                Part::Store | Part::Manifest => {}
            }
            Ok(())
        },
        &mut |bytes| progress.at(bytes),
    )?;
    let Some(manifest) = &contents.manifest else {
        return Ok(Verified {
            contents,
            state: None,
            key: None,
        });
    };
    let damaged = |what: String| {
        Error::Archive(ArchiveError::Damaged {
            path: path.to_owned(),
            offset: 0,
            what,
        })
    };
    let state = State::restored(&state, FeatureLevel::CURRENT).map_err(|error| match error {
        ImageError::Outdated(source) => Error::Archive(ArchiveError::Outdated {
            path: path.to_owned(),
            source,
        }),
        error => damaged(error.to_string()),
    })?;
    if count(&state) != manifest.state || state.applied() != contents.head.position.0 {
        return Err(damaged(
            "its state is not the one that was written".to_owned(),
        ));
    }
    let has_store = contents.head.store == StoreKind::Embedded;
    let stores = manifest.parts.iter().filter(|sum| sum.part == Part::Store);
    if manifest.store.is_some() != has_store || (stores.count() == 1) != has_store {
        return Err(damaged("it has no copy of the store".to_owned()));
    }
    Ok(Verified {
        contents,
        state: Some(state),
        key: (!key.is_empty()).then_some(key),
    })
}

/// Refuses the archive of a cluster that is ahead of this program, before anything else of it is
/// looked at.
fn level(path: &Path, head: &Head) -> Result<()> {
    let checked = State::check_level(head.feature_level, &head.since, FeatureLevel::CURRENT);
    checked.map_err(|source| {
        Error::Archive(ArchiveError::Outdated {
            path: path.to_owned(),
            source,
        })
    })
}
