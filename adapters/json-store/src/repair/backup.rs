//! Copies the files of a damaged store before a repair.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use autoproc_domain::Timestamp;
use autoproc_domain::ports::StorageError;
use autoproc_regular_file::{self as regular_file, Links};

use crate::disk::Disk;
use crate::error::{classify, unreadable};
use crate::layout::{self, SNAPSHOT};

/// The maximum number of backups in one second.
const MAX_PER_SECOND: u32 = 100;

/// Returns the files that a repair replaces or removes.
pub(super) fn files<D: Disk>(disk: &D) -> Result<Vec<String>, StorageError> {
    let mut names = disk.list("").map_err(unreadable("the state folder"))?;
    names.retain(|name| name == SNAPSHOT || layout::is_journal(name) || layout::is_rescued(name));
    names.sort();
    Ok(names)
}

/// Copies files into a new folder. The copies are durable on return.
pub(super) fn copy(state_dir: &Path, names: &[String], now: Timestamp) -> Result<PathBuf, StorageError> {
    let folder = new_folder(state_dir, now).map_err(classify(layout::BACKUP_PREFIX))?;
    let copied = names.iter().try_for_each(|name| copy_file(state_dir, &folder, name));
    let copied = copied.and_then(|()| File::open(&folder)?.sync_all()).and_then(|()| File::open(state_dir)?.sync_all());
    copied.map_err(|error| {
        // An incomplete copy could be mistaken for a complete one.
        let _ = fs::remove_dir_all(&folder);
        classify(layout::BACKUP_PREFIX)(error)
    })?;
    Ok(folder)
}

fn copy_file(state_dir: &Path, folder: &Path, name: &str) -> io::Result<()> {
    let mut original = regular_file::open_to_read(Links::Refuse, &state_dir.join(name))?;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    let mut copy = regular_file::create(&mut options, &folder.join(name))?;
    io::copy(&mut original, &mut copy)?;
    copy.sync_all()
}

fn new_folder(state_dir: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let name = layout::backup(now);
    for number in 1..=MAX_PER_SECOND {
        let folder = state_dir.join(if number == 1 { name.clone() } else { format!("{name}-{number}") });
        match regular_file::create_folder(&folder, 0o700) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
