//! Replaces small files atomically.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoproc_regular_file::{self as regular_file, folder_of};
use tempfile::{Builder, NamedTempFile, TempPath};

/// A file that is replaced many times, always in the same folder.
///
/// The first replacement creates missing folders. Later replacements fail if the folder was
/// removed, renamed or replaced. So a running program does not recreate a folder that a user has
/// removed.
#[derive(Debug)]
pub struct ReplacedFile {
    path: PathBuf,
    /// The device and inode of the folder. Locked during each replacement.
    folder: Mutex<Option<(u64, u64)>>,
}

impl ReplacedFile {
    /// Creates a `ReplacedFile` for `path` without accessing the file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), folder: Mutex::new(None) }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file like [`replace`], with the content that `encode` returns. Calls of several
    /// threads do not overlap, so old content never overwrites newer content.
    ///
    /// # Errors
    /// The errors of `encode` and of [`replace`]. Also fails if the folder is no longer the one
    /// that the first replacement used.
    pub fn replace(&self, encode: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<()> {
        // Poisoning is ignored, because a panic leaves no inconsistent state.
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = encode()?;
        let Some(known) = *folder else {
            replace(&self.path, &bytes)?;
            *folder = Some(identity_of_folder(&self.path)?);
            return Ok(());
        };
        if identity_of_folder(&self.path).ok() != Some(known) {
            return Err(io::Error::other("its folder was removed, renamed or replaced"));
        }
        persist(temporary_file(folder_of(&self.path))?, &self.path, &bytes)
    }
}

fn identity_of_folder(path: &Path) -> io::Result<(u64, u64)> {
    folder_of(path).metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Atomically replaces the file at `path`: a reader sees either the old or the new content. Creates
/// missing folders.
///
/// Nothing is synced, so a power cut may restore the old content. This is acceptable for reports,
/// and for requests that a user can repeat.
///
/// # Errors
/// If the file cannot be written or renamed; the old content stays, and no temporary file is left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let file = temporary_file(folder).or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
        regular_file::create_folders(folder, 0o777)?;
        temporary_file(folder)
    })?;
    persist(file, path, bytes)
}

/// Replaces the file at `path` like [`replace`], but the new content survives a power cut, and no
/// folder is created. Without `permissions`, only the owner can read the new file.
///
/// # Errors
/// The errors of [`replace`]. Also fails if the permissions cannot be set, or if the file or its
/// folder cannot be synced. If only syncing the folder fails, the file has the new content.
pub fn replace_durably(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let folder = folder_of(path);
    let (mut file, temporary) = temporary_file_with(0o600, folder)?;
    file.write_all(bytes)?;
    permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
    file.sync_all()?;
    temporary.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Writes new contents for a file piece by piece. If the value is dropped before
/// [`finish`](Self::finish), the file is unchanged, and no temporary file is left.
#[derive(Debug)]
pub struct Replacement {
    file: BufWriter<File>,
    temporary: TempPath,
    path: PathBuf,
}

impl Replacement {
    /// Creates a temporary file in the folder of `path`, which must exist.
    ///
    /// # Errors
    /// If the temporary file cannot be created.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let (file, temporary) = temporary_file(folder_of(path))?;
        Ok(Self { file: BufWriter::new(file), temporary, path: path.to_owned() })
    }

    /// Replaces the file atomically: a reader sees either the old or the new contents. The new
    /// contents survive a power cut. Without `permissions`, the permissions follow the umask.
    ///
    /// # Errors
    /// If the contents cannot be written, synced or renamed, or if the permissions cannot be set;
    /// the old contents stay. If only syncing the folder fails, the file has the new contents.
    pub fn finish(self, permissions: Option<Permissions>) -> io::Result<()> {
        let file = self.file.into_inner()?;
        permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
        file.sync_all()?;
        self.temporary.persist(&self.path)?;
        File::open(folder_of(&self.path))?.sync_all()
    }
}

impl io::Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Creates an unnamed temporary file, for data that may not fit in memory. The system removes the
/// file when it is closed.
///
/// # Errors
/// If the file cannot be created in the folder for temporary files.
pub fn nameless_file() -> io::Result<File> {
    tempfile::tempfile()
}

fn persist((mut file, temporary): (File, TempPath), path: &Path, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    temporary.persist(path)?;
    Ok(())
}

/// Calls `create` to create a file or a folder at `path`. If the parent folder is missing, creates
/// the parent folder and calls `create` again. Creates no folders above the parent, because that
/// could recreate a project folder that a user has removed.
///
/// # Errors
/// The error of `create`, or the error of creating the folder.
pub fn creating_folder<T>(path: &Path, mut create: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    create().or_else(|error| {
        let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound).ok_or(error)?;
        match regular_file::create_folder(folder, 0o777) {
            // `AlreadyExists` is not a failure: another process has created the folder meanwhile.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        create()
    })
}

/// Creates a temporary file. Other users may read it if the umask allows.
fn temporary_file(folder: &Path) -> io::Result<(File, TempPath)> {
    temporary_file_with(0o666, folder)
}

/// Creates a temporary file. The file is a plain `File`, because the errors of a `NamedTempFile`
/// name its random path, which no user knows.
pub(crate) fn temporary_file_with(mode: u32, folder: &Path) -> io::Result<(File, TempPath)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(mode);
    let file = Builder::new().suffix(".tmp").make_in(folder, |path| regular_file::create(&mut options, path));
    file.map(NamedTempFile::into_parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_replacement_creates_the_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("a/b");
        let file = ReplacedFile::new(folder.join("file"));
        for text in ["first", "second"] {
            file.replace(|| Ok(text.into())).expect("written");
            assert_eq!(std::fs::read_to_string(file.path()).expect("there"), text);
        }
        std::fs::rename(&folder, dir.path().join("moved")).expect("renamed");
        file.replace(|| Ok(Vec::new())).expect_err("the folder is missing");
        assert!(!folder.exists());
        std::fs::create_dir(&folder).expect("another folder");
        file.replace(|| Ok(Vec::new())).expect_err("another folder");
        assert!(!file.path().exists());
    }

    #[test]
    fn an_unfinished_replacement_changes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        std::fs::write(&path, "old").expect("written");
        let written = |text: &[u8]| {
            let mut content = Replacement::begin(&path).expect("a temporary file");
            content.write_all(text).expect("written");
            content
        };
        drop(written(b"half"));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "old");
        written(b"new").finish(None).expect("finished");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "new");
        assert_eq!(dir.path().read_dir().expect("a folder").count(), 1, "no temporary file is left");
    }

    #[test]
    fn only_the_folder_of_an_entry_is_created() {
        let dir = tempfile::tempdir().expect("a folder");
        let create = |path: &Path| creating_folder(path, || std::fs::write(path, ""));
        create(&dir.path().join("logs/file")).expect("created");
        create(&dir.path().join("gone/logs/file")).expect_err("no folder above");
        assert!(!dir.path().join("gone").exists());
    }
}
