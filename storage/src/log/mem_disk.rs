//! A disk that loses power: it keeps what was synced, and any part of what was not.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

#[derive(Clone, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// The live contents after each change since the last sync.
    changes: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Inner {
    files: Vec<File>,
    live: BTreeMap<PathBuf, usize>,
    /// The names after the last directory sync and after each change since.
    names: Vec<BTreeMap<PathBuf, usize>>,
    /// Changes and syncs until the power fails.
    fuse: u64,
}

impl Inner {
    fn burn(&mut self) -> io::Result<()> {
        if self.fuse == 0 {
            return Err(io::Error::other("the power is off"));
        }
        self.fuse -= 1;
        Ok(())
    }
}

#[derive(Clone, Default)]
pub(super) struct MemDisk {
    inner: Arc<Mutex<Inner>>,
}

struct MemFile {
    disk: MemDisk,
    id: usize,
}

/// A small generator: the same seed damages the same way.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

impl MemDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Lets the power fail after `operations` changes and syncs.
    pub(super) fn set_fuse(&self, operations: u64) {
        self.inner().fuse = operations;
    }

    /// The power is back: synced bytes are there, of the others some.
    pub(super) fn crash(&self, dice: &mut Dice) {
        let mut inner = self.inner();
        if !inner.names.is_empty() {
            let at = dice.below(inner.names.len());
            let names = inner.names.swap_remove(at);
            inner.names = vec![names.clone()];
            inner.live = names;
        }
        for file in &mut inner.files {
            let kept = survive(file, dice);
            *file = File {
                live: kept.clone(),
                durable: kept,
                changes: vec![],
            };
        }
        inner.fuse = u64::MAX;
    }

    /// Flips one bit of one file.
    pub(super) fn flip(&self, dice: &mut Dice) -> String {
        let mut inner = self.inner();
        let files: Vec<(PathBuf, usize)> =
            inner.live.iter().map(|(p, id)| (p.clone(), *id)).collect();
        let (path, id) = files[dice.below(files.len())].clone();
        let file = &mut inner.files[id];
        if file.live.is_empty() {
            return "nothing".to_owned();
        }
        // Half of the flips hit the used start of a file: a marker is mostly padding.
        let span = [file.live.len(), file.live.len().min(100)][dice.below(2)];
        let (at, bit) = (dice.below(span), dice.below(8));
        file.live[at] ^= 1 << bit;
        file.durable = file.live.clone();
        format!("bit {bit} of byte {at} of {}", path.display())
    }
}

/// What a file holds after a power cut.
fn survive(file: &File, dice: &mut Dice) -> Vec<u8> {
    if file.changes.is_empty() {
        return file.durable.clone();
    }
    match dice.below(3) {
        // Some changes, the last one up to any byte, or, where the file had bytes before, any
        // sector.
        0 => {
            let done = dice.below(file.changes.len() + 1);
            let before = match done {
                0 => &file.durable,
                done => &file.changes[done - 1],
            };
            let Some(next) = file.changes.get(done) else {
                return before.clone();
            };
            let same = before.iter().zip(next).take_while(|(a, b)| a == b).count();
            let mut cut = same + dice.below(next.len() - same + 1);
            if cut < before.len() {
                cut -= cut % SECTOR;
            }
            let mut kept = next[..cut].to_vec();
            kept.extend(before.get(cut..).unwrap_or_default());
            kept
        }
        // The length of the last change, but any of its sectors missing.
        1 => {
            let mut kept = file.live.clone();
            for (at, sector) in kept.chunks_mut(SECTOR).enumerate() {
                if dice.below(2) == 0 {
                    for (i, byte) in sector.iter_mut().enumerate() {
                        let old = file.durable.get(at * SECTOR + i);
                        *byte = old.copied().unwrap_or(0);
                    }
                }
            }
            kept
        }
        _ => [&file.durable, &file.live][dice.below(2)].clone(),
    }
}

impl Disk for MemDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        Ok(Box::new(()))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(self.inner().live.keys().map(name).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let id = self.inner().live.get(path).copied();
        let id = id.ok_or(io::ErrorKind::NotFound)?;
        let disk = self.clone();
        Ok(Box::new(MemFile { disk, id }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.burn()?;
        if inner.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if inner.names.is_empty() {
            inner.names.push(BTreeMap::new());
        }
        let id = inner.files.len();
        inner.files.push(File::default());
        inner.live.insert(path.to_owned(), id);
        let names = inner.live.clone();
        inner.names.push(names);
        drop(inner);
        let disk = self.clone();
        Ok(Box::new(MemFile { disk, id }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.burn()?;
        inner.live.remove(path).ok_or(io::ErrorKind::NotFound)?;
        let names = inner.live.clone();
        inner.names.push(names);
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.burn()?;
        inner.names = vec![inner.live.clone()];
        Ok(())
    }
}

impl DiskFile for MemFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.inner().files[self.id].live.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.disk.inner();
        let live = &inner.files[self.id].live;
        let from = live.get(offset as usize..).unwrap_or_default();
        let n = from.len().min(buf.len());
        buf[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.burn()?;
        let file = &mut inner.files[self.id];
        let (from, upto) = (offset as usize, offset as usize + bytes.len());
        file.live.resize(file.live.len().max(upto), 0);
        file.live[from..upto].copy_from_slice(bytes);
        file.changes.push(file.live.clone());
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.burn()?;
        let file = &mut inner.files[self.id];
        file.live.truncate(length as usize);
        file.changes.push(file.live.clone());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.burn()?;
        let file = &mut inner.files[self.id];
        file.durable = file.live.clone();
        file.changes.clear();
        Ok(())
    }
}
