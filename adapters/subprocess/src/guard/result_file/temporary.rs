//! Creates and removes the temporary files of results.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoproc_regular_file::{self as regular_file, Links, folder_of, give_to_owner_of_folder};
use rustix::fs::{FlockOperation, flock};

use crate::process::is_temporary_name;

/// Removes the temporary files of killed guards. Skips the folder of the previous call, because
/// reading a large folder takes long.
pub(super) fn remove_leftovers(folder: &Path) {
    static LAST: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.replace(folder.to_owned()).is_some_and(|last| last == folder) {
        return;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let leftovers = entries.filter(|entry| is_temporary_name(&entry.file_name()));
    leftovers.for_each(|entry| remove_if_unlocked(&entry.path()));
}

pub(super) fn remove_if_unlocked(temporary: &Path) {
    if let Ok(file) = regular_file::open_to_read(Links::Refuse, temporary)
        && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
    {
        let _ = fs::remove_file(temporary);
    }
}

/// Opens a new temporary file. Returns true if the file has a name.
pub(super) fn open(temporary: &Path, open_unnamed: fn(&Path) -> io::Result<File>) -> io::Result<(File, bool)> {
    let folder = folder_of(temporary);
    let open = || match open_unnamed(folder) {
        Ok(file) => {
            let _ = give_to_owner_of_folder(&file, temporary);
            Ok((file, false))
        }
        Err(_) => open_named(temporary).map(|file| (file, true)),
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            regular_file::create_folders(folder, 0o777)?;
            open()
        }
        opened => opened,
    }
}

#[cfg(target_os = "linux")]
pub(super) fn open_unnamed(folder: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    let flags = OFlags::TMPFILE.bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(folder)?;
    // Fails without `/proc`, which is needed to give the file a name later.
    fs::symlink_metadata(link_to(&file))?;
    Ok(file)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_unnamed(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives a nameless file the name `path`. Fails if `path` exists.
#[cfg(target_os = "linux")]
pub(super) fn link(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};

    Ok(linkat(CWD, link_to(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn link_to(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;

    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Creates and locks a named temporary file. Tries again if another guard removed the file before
/// it was locked.
pub(super) fn open_named(temporary: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
        lock(&file);
        let (opened, named) = (file.metadata()?, fs::symlink_metadata(temporary));
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())) {
            let _ = give_to_owner_of_folder(&file, temporary);
            return Ok(file);
        }
    }
}

pub(super) fn lock(file: &File) {
    let _ = flock(file, FlockOperation::LockExclusive);
}

/// Renames a file. Fails if the new name exists. Without hard links, a file that is created at the
/// same time may be replaced.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => {
            // The new name is in place, so an error is ignored.
            let _ = fs::remove_file(from);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}
