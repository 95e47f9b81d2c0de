//! Replaces small files atomically, and creates missing folders.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Replaces the file at `path`, so that a reader sees either the old or the new content. Creates
/// the folder if it is missing.
///
/// Nothing is synced: a power cut may restore the old content. This is acceptable for reports, and
/// for requests that a user can repeat.
///
/// # Errors
/// If the file cannot be written or renamed; the old content stays, and no temporary file is left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = creating_folder(path, || temporary_file(folder))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Creates an entry at `path` with `create`. If the folder of `path` is missing, creates it and
/// tries once more.
///
/// # Errors
/// The error of `create`, or the error of creating the folder.
pub fn creating_folder<T>(path: &Path, mut create: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    create().or_else(|error| {
        let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
        std::fs::create_dir_all(folder)?;
        create()
    })
}

/// Creates the temporary file that will replace the target. Its permissions are limited only by the
/// umask, so that other users can read a report.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    Builder::new().suffix(".tmp").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
}
