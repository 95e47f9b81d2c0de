//! Atomic replacement of a small file.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Replaces the file at `path`, so that a reader sees either the old or the new content. Creates
/// the folder if it is missing.
///
/// Nothing is synced: a power cut may bring back the old content. That suits reports, and requests
/// that a person can repeat.
///
/// # Errors
/// If the file cannot be written or renamed; the old content stays, and no temporary file is left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = temporary_file(folder).or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
        std::fs::create_dir_all(folder)?;
        temporary_file(folder)
    })?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Unlike other temporary files it is readable by all whom the umask allows, because it becomes the
/// report.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    Builder::new().suffix(".tmp").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
}
