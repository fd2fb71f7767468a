//! Files that only their owner may read: mode 0600 in directories of mode 0700.

use std::fs::{self, DirBuilder};
use std::io::{self};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::PkiError;

/// Creates a directory, and its parents, with mode 0700; an existing one stays as it is.
///
/// # Errors
/// [`PkiError::File`]
pub fn create_private_dir(dir: &Path) -> Result<(), PkiError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(dir)
        .map_err(|source| failed("create", dir, source))
}

/// Writes a file with mode 0600 so that a crash leaves the old content or the new one: written
/// beside, fsynced, renamed.
///
/// # Errors
/// [`PkiError::File`]
pub fn write_private_file(path: &Path, bytes: &[u8]) -> Result<(), PkiError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    create_private_dir(parent)?;
    pga_runtime::replace_file(path, bytes).map_err(|source| failed("replace", path, source))
}

/// Reads a file with a secret.
///
/// # Errors
/// [`PkiError::Exposed`] if group or others have any right on it, [`PkiError::File`] if it cannot
/// be read.
pub fn read_private_file(path: &Path) -> Result<Vec<u8>, PkiError> {
    let metadata = fs::metadata(path).map_err(|source| failed("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PkiError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    fs::read(path).map_err(|source| failed("read", path, source))
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::File {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_exposed_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/secret");
        write_private_file(&path, b"one").unwrap();
        write_private_file(&path, b"two").unwrap();
        assert_eq!(read_private_file(&path).unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            read_private_file(&path),
            Err(PkiError::Exposed { mode: 0o640, .. })
        ));
    }
}
