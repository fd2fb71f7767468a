//! Making a backup of a running cluster, through a node on this machine.

use pga_storage::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pga_cluster::{FeatureLevel, State};
use pga_config::Config;
use pga_storage::store::inspect_copy;

use super::archive::{ArchiveWriter, Contents};
use super::cipher::{Cipher, Passphrase};
use super::head::{Encryption, Head, StoreKind, Text};
use super::manifest::{Manifest, Part, count};
use super::progress::Progress;
use super::verify::check;
use crate::admin::{Staged, Staging};
use crate::data_dir::file_error;
use crate::secrets::opener;
use crate::{Error, Result, VERSION};

/// What to make.
#[derive(Debug)]
pub(crate) struct BackupOptions<'a> {
    /// The settings of a node that runs on this machine.
    pub(crate) config: &'a Config,
    /// Where it goes.
    pub(crate) file: &'a Path,
    /// Encrypts it, and puts the cluster key in.
    pub(crate) passphrase: Option<Passphrase>,
    /// Whether a file that is there may be replaced.
    pub(crate) replaces: bool,
    /// Whether nothing is shown meanwhile.
    pub(crate) is_quiet: bool,
}

/// Makes a backup, reads it back, and only then gives it its name. Blocks.
///
/// # Errors
/// [`Error`]; the file at the place is then as it was before.
pub(crate) fn create(options: &BackupOptions<'_>) -> Result<Contents> {
    let file = options.file;
    if file.exists() && !(options.replaces && file.is_file()) {
        return Err(Error::Refused(format!("{} exists", file.display())));
    }
    let draft = draft(file)?;
    let mut progress = Progress::new(options.is_quiet);
    progress.begin("asking the node", 0);
    let mut staging = Staging::begin(&options.config.node.data_dir)?;
    let staged = staging.wait(|what| progress.waits(what))?;
    let made = write(options, &staged, &draft, &mut progress)
        .and_then(|manifest| prove(options, &draft, &manifest, &mut progress));
    // Only now may the node remove what it staged.
    drop(staging);
    let contents = match made {
        Ok(contents) => contents,
        Err(error) => {
            drop(fs::remove_file(&draft));
            return Err(error);
        }
    };
    fs::rename(&draft, file).map_err(|error| file_error("rename", &draft, error))?;
    sync_parent(file)?;
    Ok(contents)
}

/// Where the file is written, until it is known to be good.
fn draft(file: &Path) -> Result<PathBuf> {
    let name = file.file_name();
    let name = name.ok_or_else(|| Error::Refused(format!("{} is no file", file.display())))?;
    let mut name = name.to_owned();
    name.push(".new");
    Ok(file.with_file_name(name))
}

fn write(
    options: &BackupOptions<'_>,
    staged: &Staged,
    draft: &Path,
    progress: &mut Progress,
) -> Result<Manifest> {
    let encryption = options.passphrase.as_ref().map(|_| Encryption::new());
    let cipher = match (&options.passphrase, &encryption) {
        (Some(passphrase), Some(encryption)) => Cipher::new(passphrase, encryption),
        _ => None,
    };
    let head = head(staged, encryption);
    let store = match &staged.store_file {
        None => None,
        Some(path) => {
            progress.begin("checking the copy of the store", 0);
            Some(inspect_copy(path, staged.cluster.get())?.1)
        }
    };
    let bytes = fs::read(&staged.state_file);
    let bytes = bytes.map_err(|error| file_error("read", &staged.state_file, error))?;
    let state = State::restored(&bytes, FeatureLevel::CURRENT)
        .map_err(|error| Error::Internal(error.to_string()))?;
    let counts = count(&state);
    let key = opener(&options.config.cluster_key_file(), &state);
    drop(state);
    let out = create_private(draft).map_err(|error| file_error("create", draft, error))?;
    let mut writer = ArchiveWriter::new(BufWriter::with_capacity(1 << 20, out), &head, cipher)?;
    writer.part(Part::State, bytes.as_slice(), |_| ())?;
    drop(bytes);
    if let Some(path) = &staged.store_file {
        let from = File::open(path).map_err(|error| file_error("open", path, error))?;
        let length = from.metadata().map_or(0, |meta| meta.len());
        progress.begin("writing the backup", length);
        writer.part(Part::Store, from, |bytes| progress.at(bytes))?;
    }
    if options.passphrase.is_some() {
        let key = key?;
        writer.part(Part::ClusterKey, key.as_bytes().as_slice(), |_| ())?;
    }
    let (manifest, out) = writer.finish(|parts| Manifest {
        parts,
        state: counts,
        store,
    })?;
    let sync = || -> io::Result<()> { out.into_inner()?.sync_all() };
    sync().map_err(|error| file_error("write", draft, error))?;
    Ok(manifest)
}

fn head(staged: &Staged, encryption: Option<Encryption>) -> Head {
    Head {
        cluster: staged.cluster,
        node: staged.node,
        position: Text(staged.position),
        watermark: Text(staged.watermark),
        store: match &staged.store_file {
            Some(_) => StoreKind::Embedded,
            None => StoreKind::TimescaleDb,
        },
        feature_level: staged.feature_level,
        since: staged.since.clone(),
        program: VERSION.to_owned(),
        created_at: Timestamp::now().to_string(),
        encryption,
    }
}

/// Reads back what was written: it has to be what was meant.
fn prove(
    options: &BackupOptions<'_>,
    draft: &Path,
    manifest: &Manifest,
    progress: &mut Progress,
) -> Result<Contents> {
    let found = check(draft, options.passphrase.as_ref(), progress)?.contents;
    if found.manifest.as_ref() == Some(manifest) {
        return Ok(found);
    }
    Err(Error::Internal(
        "what was read back is not what was written".to_owned(),
    ))
}

/// A new file with mode 0600; one that is there is replaced.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}

fn sync_parent(file: &Path) -> Result<()> {
    let parent = file.parent().unwrap_or(Path::new(""));
    pga_runtime::sync_dir(parent).map_err(|error| file_error("sync", parent, error))
}
