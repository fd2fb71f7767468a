//! Snapshots on disk.
//!
//! # Layout (version 1)
//! ```text
//! <dir>/<index, 20 digits>-<number>/state.bin
//!                                       magic "PGASNAP1", format: u32 le, crc: u32 le of all that follows,
//!                                       length of meta: u32 le, meta (MessagePack), state (see `state/image.rs`)
//! <dir>/<index, 20 digits>-<number>/store.db
//!                                       a copy of the node's own store, if each node has its own
//! <dir>/new-*                           being made
//! ```
//! # Who writes, who deletes
//! The builder, and the installer of a snapshot that came from the leader; each makes `new-*` and
//! renames it when all of it is durable. An older snapshot goes when the last reader has let it go.
//! # What a crash leaves
//! `new-*` directories, removed at start; two snapshots, of which the newer counts. A damaged
//! newest one is an error: the log below it is gone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use openraft::alias::SnapshotMetaOf;

use crate::consensus::type_config::TypeConfig;
use crate::error::Error;
use crate::error::Result;
use crate::feature_level::FeatureLevel;
use crate::state::{ImageError, State, StateLimits};

/// With what a state is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knows {
    /// Bounds of the state.
    pub(crate) limits: StateLimits,
    /// What this program knows.
    pub(crate) level: FeatureLevel,
}

pub(crate) type Meta = SnapshotMetaOf<TypeConfig>;

/// What was found at start: the place, the state's bytes, the files.
pub(crate) type Newest = (Meta, Vec<u8>, SnapshotDir);

/// Name of the state's file.
pub(crate) const STATE_FILE: &str = "state.bin";
/// Name of the copy of the node's own store.
pub(crate) const STORE_FILE: &str = "store.db";
const MAGIC: &[u8; 8] = b"PGASNAP1";
const FORMAT: u32 = 1;
const HEAD_BYTES: usize = 8 + 4 + 4;

/// A directory with the files of one snapshot; removed with the last handle once it is obsolete.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotDir(Arc<Dir>);

#[derive(Debug)]
struct Dir {
    path: PathBuf,
    obsolete: AtomicBool,
}

impl Drop for Dir {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Acquire)
            && let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove an old snapshot");
        }
    }
}

impl SnapshotDir {
    fn new(path: PathBuf) -> Self {
        Self(Arc::new(Dir {
            path,
            obsolete: AtomicBool::new(false),
        }))
    }

    /// A directory that goes with its last handle, unless it is installed.
    pub(crate) fn received(path: PathBuf) -> Self {
        let dir = Self::new(path);
        dir.retire();
        dir
    }

    /// The file of the state.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.0.path.join(STATE_FILE)
    }

    /// The copy of the node's own store, if there is one.
    pub(crate) fn store_file(&self) -> Option<PathBuf> {
        let path = self.0.path.join(STORE_FILE);
        path.exists().then_some(path)
    }

    /// Where the copy of the node's own store goes.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.0.path.join(STORE_FILE)
    }

    /// Lets the directory go with its last handle.
    pub(crate) fn retire(&self) {
        self.0.obsolete.store(true, Ordering::Release);
    }

    /// Bytes of all files.
    pub(crate) fn size_bytes(&self) -> u64 {
        [Some(self.state_file()), self.store_file()]
            .into_iter()
            .flatten()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|file| file.len())
            .sum()
    }
}

/// The directory of all snapshots.
#[derive(Debug)]
pub(crate) struct Snapshots {
    dir: PathBuf,
    next: AtomicU64,
}

impl Snapshots {
    /// Opens `dir`, removes what a crash left half-made, and finds the newest snapshot.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Option<Newest>)> {
        fs::create_dir_all(dir).map_err(|source| file_error("create", dir, source))?;
        let mut found: Vec<(u64, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(dir).map_err(|source| file_error("list", dir, source))? {
            let path = entry
                .map_err(|source| file_error("list", dir, source))?
                .path();
            let name = path.file_name().and_then(|name| name.to_str());
            match name.and_then(parse_name) {
                Some((index, number)) => found.push((index, number, path)),
                None => remove(&path)?,
            }
        }
        found.sort();
        let next = found.iter().map(|(_, number, _)| number + 1).max();
        let newest = found.pop();
        for (_, _, old) in found {
            remove(&old)?;
        }
        let snapshots = Self {
            dir: dir.to_owned(),
            next: AtomicU64::new(next.unwrap_or(0)),
        };
        let Some((_, _, path)) = newest else {
            return Ok((snapshots, None));
        };
        let dir = SnapshotDir::new(path);
        let (meta, state) = read_state_file(&dir.state_file())?;
        Ok((snapshots, Some((meta, state, dir))))
    }

    /// An empty directory for a snapshot that is being made; it goes with its last handle unless it
    /// is published.
    pub(crate) fn prepare(&self) -> Result<SnapshotDir> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("new-{number}"));
        remove(&path)?;
        fs::create_dir_all(&path).map_err(|source| file_error("create", &path, source))?;
        Ok(SnapshotDir::received(path))
    }

    /// Makes the files in `made` durable and the snapshot of `index`. Durable on return.
    pub(crate) fn publish(&self, made: &SnapshotDir, index: u64) -> Result<SnapshotDir> {
        let from = &made.0.path;
        for entry in fs::read_dir(from).map_err(|source| file_error("list", from, source))? {
            let path = entry
                .map_err(|source| file_error("list", from, source))?
                .path();
            sync(&path)?;
        }
        sync(from)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let target = self.dir.join(format!("{index:020}-{number}"));
        fs::rename(from, &target).map_err(|source| file_error("rename", from, source))?;
        sync(&self.dir)?;
        Ok(SnapshotDir::new(target))
    }
}

/// Writes the file of a state; not yet durable.
pub(crate) fn write_state_file(path: &Path, meta: &Meta, state: &[u8]) -> Result<()> {
    let meta = rmp_serde::to_vec(meta).map_err(|error| damaged(path, error))?;
    let length = u32::try_from(meta.len()).map_err(|error| damaged(path, error))?;
    let length = length.to_le_bytes();
    let crc = crc32c::crc32c(&length);
    let crc = crc32c::crc32c_append(crc, &meta);
    let crc = crc32c::crc32c_append(crc, state);
    let mut file = File::create(path).map_err(|source| file_error("create", path, source))?;
    for part in [
        MAGIC.as_slice(),
        &FORMAT.to_le_bytes(),
        &crc.to_le_bytes(),
        &length,
        &meta,
        state,
    ] {
        file.write_all(part)
            .map_err(|source| file_error("write", path, source))?;
    }
    Ok(())
}

/// Reads the file of a state: its meta, and the state's bytes.
pub(crate) fn read_state_file(path: &Path) -> Result<(Meta, Vec<u8>)> {
    let bytes = fs::read(path).map_err(|source| file_error("read", path, source))?;
    parse_state(path, bytes)
}

/// The same from the bytes of the file at `path`.
pub(crate) fn parse_state(path: &Path, mut bytes: Vec<u8>) -> Result<(Meta, Vec<u8>)> {
    if bytes.len() < HEAD_BYTES + 4 || !bytes.starts_with(MAGIC) {
        return Err(damaged(path, "not a snapshot"));
    }
    let format = word(&bytes, 8);
    if format != FORMAT {
        return Err(Error::Storage(pga_storage::Error::NewerFormat {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        }));
    }
    let crc = word(&bytes, 12);
    let mut body = bytes.split_off(HEAD_BYTES);
    if crc32c::crc32c(&body) != crc {
        return Err(damaged(path, "wrong checksum"));
    }
    let length = word(&body, 0) as usize;
    if body.len() - 4 < length {
        return Err(damaged(path, "too short"));
    }
    let state = body.split_off(4 + length);
    let meta = pga_storage::from_msgpack(body.get(4..).unwrap_or_default())
        .map_err(|error| damaged(path, error))?;
    Ok((meta, state))
}

/// Checks the file of a state that came from a peer: whole, of this version, and of the place the
/// peer says. What is installed has to be readable, or this node would be left without any state.
pub(crate) fn check_received(path: &Path, meta: &Meta, knows: Knows) -> Result<()> {
    let (found, state) = read_state_file(path)?;
    if found.last_log_id != meta.last_log_id || found.last_membership != meta.last_membership {
        return Err(damaged(path, "it is of another place than its header says"));
    }
    decode_state(path, &state, knows)?;
    Ok(())
}

/// The state in the bytes of the file at `path`.
pub(crate) fn decode_state(path: &Path, bytes: &[u8], knows: Knows) -> Result<State> {
    let state = State::from_bytes(bytes, knows.limits).map_err(|error| match error {
        ImageError::Outdated(outdated) => Error::Outdated(outdated),
        error => damaged(path, error),
    })?;
    let level = state.cluster_level();
    level.check(knows.level).map_err(Error::Outdated)?;
    Ok(state)
}

/// Index and number of a published snapshot.
fn parse_name(name: &str) -> Option<(u64, u64)> {
    let (index, number) = name.split_once('-')?;
    Some((index.parse().ok()?, number.parse().ok()?))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    if let Some(source) = bytes.get(at..at + 4) {
        word.copy_from_slice(source);
    }
    u32::from_le_bytes(word)
}

fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| file_error("sync", path, source))
}

fn remove(path: &Path) -> Result<()> {
    let outcome = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match outcome {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(file_error("remove", path, source))
        }
        _ => Ok(()),
    }
}

fn file_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path, what: impl ToString) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        what: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::type_config::LogId;

    fn meta(index: u64) -> Meta {
        Meta {
            last_log_id: Some(LogId::new_term_index(3, index)),
            ..Meta::default()
        }
    }

    fn publish(snapshots: &Snapshots, index: u64, state: &[u8]) -> SnapshotDir {
        let made = snapshots.prepare().unwrap();
        write_state_file(&made.state_file(), &meta(index), state).unwrap();
        snapshots.publish(&made, index).unwrap()
    }

    #[test]
    fn the_newest_published_snapshot_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let (snapshots, none) = Snapshots::open(dir.path()).unwrap();
        assert!(none.is_none());
        publish(&snapshots, 9, b"nine");
        publish(&snapshots, 10, b"ten");
        let half = snapshots.prepare().unwrap();
        fs::write(half.state_file(), b"half").unwrap();
        std::mem::forget(half);
        let (_, found) = Snapshots::open(dir.path()).unwrap();
        let (found, state, _) = found.unwrap();
        assert_eq!((found, state.as_slice()), (meta(10), b"ten".as_slice()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_damaged_byte_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (snapshots, _) = Snapshots::open(dir.path()).unwrap();
        let path = publish(&snapshots, 9, b"some state").state_file();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(Snapshots::open(dir.path()).is_err(), "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert!(Snapshots::open(dir.path()).is_err(), "length {at}");
        }
    }

    /// A state at level 1, and programs that know it and that do not.
    #[test]
    fn a_snapshot_of_a_level_that_the_program_does_not_know_is_refused_as_that() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(STATE_FILE);
        let golden = include_bytes!("../../tests/golden/state/v3.bin");
        write_state_file(&path, &meta(9), golden).unwrap();
        let check = |level| {
            let knows = Knows {
                limits: StateLimits::default(),
                level: FeatureLevel::new(level),
            };
            check_received(&path, &meta(9), knows)
        };
        check(1).unwrap();
        let error = check(0).unwrap_err();
        assert!(matches!(error, Error::Outdated(_)), "{error}");
    }

    #[test]
    fn a_retired_snapshot_goes_with_its_last_handle() {
        let dir = tempfile::tempdir().unwrap();
        let (snapshots, _) = Snapshots::open(dir.path()).unwrap();
        let handle = publish(&snapshots, 9, b"x");
        let reader = handle.clone();
        handle.retire();
        drop(handle);
        assert!(reader.state_file().exists());
        let path = reader.state_file();
        drop(reader);
        assert!(!path.exists());
    }
}
