//! The private folder for the temporary files of a process, named by `TMPDIR` in its environment.
//!
//! # Theory of operation
//!
//! A guard creates the folder before it starts the process, and removes the folder when no process
//! is left. It gives an untouched folder to its next process instead, and may keep the folder of a
//! process that failed. The folder has mode 0700 and a name that cannot be guessed. The guard holds
//! an exclusive flock(2) on the folder. So the folder of a living guard is never taken for one that
//! a killed guard left, and systemd-tmpfiles(8) does not remove it.
//!
//! The record of the guard names the folder. If the guard is killed, its run removes the folder, or
//! the sweep of a later run does.
//!
//! # Limits
//!
//! A killed guard leaves its folder behind if it has no record, or if the path of the parent is not
//! UTF-8 or is longer than [`MAX_RECORDED_PARENT`].

mod removal;

use std::ffi::CString;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FlockOperation, OFlags, flock};
use rustix::process::geteuid;

use crate::guard_record::Contents;

pub(crate) const TMPDIR_VARIABLE: &str = "TMPDIR";

/// The beginning of the names of folders. 16 lower-case hexadecimal digits follow: a longer name
/// would leave less room for sockets, whose paths have at most 107 bytes (unix(7)).
const PREFIX: &str = "autoproc-";

/// The beginning of the names of folders that are kept after the end of their process. 16
/// lower-case hexadecimal digits follow.
const KEPT_PREFIX: &str = "autoproc-kept-";

pub(crate) const NAME_LENGTH: usize = PREFIX.len() + 16;

/// The maximum length of a parent's path in a guard's record, in bytes. Escaped in JSON, a longer
/// path might exceed the maximum length of a record.
pub(crate) const MAX_RECORDED_PARENT: usize = 512;

const MODE: u32 = 0o700;

/// The time by which a new folder is backdated. Any change in the folder then changes its
/// modification time, even within the resolution of the file system's times, which is 2 s on FAT.
const DATED_BACK: Duration = Duration::from_secs(60);

/// A folder for temporary files, which this process has created and holds locked.
#[derive(Debug)]
pub(crate) struct TmpDir {
    path: PathBuf,
    /// The open folder. The lock lasts until it is closed.
    _folder: File,
    state: State,
}

/// The attributes of a folder that tell whether it was replaced or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    mode: u32,
    owner: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl TmpDir {
    /// Creates a folder at a path that [`new_path`] has returned.
    ///
    /// # Errors
    /// If the folder cannot be created, or cannot be opened and backdated. In the second case, the
    /// folder is removed.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        DirBuilder::new().mode(MODE).create(&path)?;
        let prepared = prepare(&path).inspect_err(|_| {
            // The folder is empty, so it does no harm if it remains.
            let _ = fs::remove_dir(&path);
        });
        let (folder, state) = prepared?;
        Ok(Self { path, _folder: folder, state })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True if nothing has been created, removed or renamed in the folder since its creation, and
    /// the folder itself is in place and unchanged.
    pub(crate) fn is_untouched(&self) -> bool {
        State::of(&self.path).is_ok_and(|state| state == self.state)
    }

    /// Removes the folder if it is empty. Returns true if the folder no longer exists.
    pub(crate) fn remove_if_empty(&self) -> bool {
        match fs::remove_dir(&self.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Renames the folder, so that no sweep removes it, and returns its new path. If the folder
    /// cannot be renamed, returns its old path.
    pub(crate) fn keep(self) -> PathBuf {
        let name = self.path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
        let kept = self.path.with_file_name(format!("{KEPT_PREFIX}{}", name.unwrap_or_default()));
        if fs::rename(&self.path, &kept).is_ok() { kept } else { self.path }
    }

    /// Removes the folder with its contents. Links in it are removed and not followed. If a process
    /// has replaced the folder by a link or a file, removes the link or the file.
    ///
    /// # Errors
    /// If a file system is mounted in the folder, if a part of the contents cannot be removed, or
    /// if the removal takes longer than some seconds.
    pub(crate) fn remove(&self) -> io::Result<()> {
        removal::remove(&self.path)
    }
}

impl State {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self {
            file: (metadata.dev(), metadata.ino()),
            mode: metadata.mode(),
            owner: metadata.uid(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

fn prepare(path: &Path) -> io::Result<(File, State)> {
    let folder = open(path)?;
    // If the file system has no locks, the folder stays unlocked.
    let _ = flock(&folder, FlockOperation::NonBlockingLockExclusive);
    let dated_back = folder.metadata()?.modified()?.checked_sub(DATED_BACK);
    let dated_back =
        dated_back.ok_or_else(|| io::Error::other("the modification time of the folder is out of range"))?;
    folder.set_times(FileTimes::new().set_modified(dated_back))?;
    Ok((folder, State::of(path)?))
}

/// Opens a folder; refuses a link.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

/// Returns the absolute path of the folder in which the folders of processes are created: `TMPDIR`
/// of this process, or `/tmp` if `TMPDIR` is unset or empty.
///
/// # Errors
/// If `TMPDIR` is a relative path, and the working directory of this process does not exist.
pub(crate) fn parent() -> io::Result<PathBuf> {
    let own = std::env::var_os(TMPDIR_VARIABLE).filter(|own| !own.is_empty());
    std::path::absolute(own.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from))
}

/// Returns a new path in `parent`. Its name cannot be guessed.
pub(crate) fn new_path(parent: &Path) -> PathBuf {
    parent.join(format!("{PREFIX}{:016x}", RandomState::new().hash_one(std::process::id())))
}

/// True if a file name has the form of the names that [`new_path`] chooses.
pub(crate) fn is_name(name: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.len() == NAME_LENGTH && name.strip_prefix(PREFIX).is_some_and(|digits| digits.bytes().all(is_digit))
}

/// Removes the folder that the guard with this record left. The guard must have been killed, and
/// all its processes must have ended. `owner` is the number of the user who owns the record.
pub(crate) fn remove_of_record(record: &Contents, owner: u32) {
    if let Some(path) = record.tmp_dir() {
        remove_abandoned(&path, owner);
    }
}

/// Removes the folder that a killed guard left at `path`. All processes of the guard must have
/// ended. `record_owner` is the number of the user who owns the guard's record. Removes nothing if
/// `path` is not a folder, if it belongs to neither this user nor `record_owner`, or if a living
/// guard holds its lock.
fn remove_abandoned(path: &Path, record_owner: u32) {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return };
    let Ok(parent) = File::open(parent) else { return };
    // If a user replaces the parent meanwhile, the path still names the folder in the old parent.
    let anchored = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string()).join(name);
    let path = if cfg!(target_os = "linux") { &anchored } else { path };
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    let (owner, own) = (metadata.uid(), geteuid().as_raw());
    if !metadata.is_dir() || owner != own && owner != record_owner {
        return;
    }
    if let Ok(name) = CString::new(path.as_os_str().as_bytes()) {
        // The folder cannot be opened if a process has removed its permissions.
        removal::make_accessible(CWD, &name);
    }
    if let Ok(folder) = open(path)
        && flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok()
    {
        // A folder that cannot be removed remains; nothing else depends on it.
        let _ = removal::remove(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn created(parent: &Path) -> TmpDir {
        TmpDir::create(new_path(parent)).expect("a folder")
    }

    #[test]
    fn any_change_touches_a_folder() {
        let parent = tempfile::tempdir().expect("a folder");
        let changes: [fn(&Path) -> io::Result<()>; 5] = [
            |path| fs::write(path.join("file"), ""),
            |path| fs::write(path.join("file"), "").and_then(|()| fs::remove_file(path.join("file"))),
            |path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)),
            |path| fs::rename(path, path.with_extension("moved")),
            |path| fs::remove_dir(path).and_then(|()| fs::create_dir(path)),
        ];
        for (number, change) in changes.iter().enumerate() {
            let folder = created(parent.path());
            assert!(folder.is_untouched());
            change(folder.path()).expect("changed");
            assert!(!folder.is_untouched(), "change {number}");
        }
    }

    /// If a new folder were not backdated, a change within the resolution of the file times would
    /// go unnoticed.
    #[test]
    fn a_new_folder_is_older_than_any_change() {
        let parent = tempfile::tempdir().expect("a folder");
        let modified = |path: &Path| fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        let later = modified(parent.path()).expect("a time");
        let folder = created(parent.path());
        assert!(modified(folder.path()).expect("a time") < later);
    }

    #[test]
    fn a_folder_is_private_and_its_name_is_recognised() {
        let parent = tempfile::tempdir().expect("a folder");
        let [one, other] = [(); 2].map(|()| created(parent.path()));
        assert_ne!(one.path(), other.path());
        assert_eq!(fs::symlink_metadata(one.path()).expect("there").mode() & 0o777, MODE);
        let name = |folder: &TmpDir| folder.path().file_name().and_then(|name| name.to_str()).map(str::to_owned);
        assert!(is_name(&name(&one).expect("a name")));
        for other in ["", "autoproc-", "autoproc-0123456789abcdeF", "../proc-0123456789abcdef", "x"] {
            assert!(!is_name(other), "{other}");
        }
    }

    #[test]
    fn only_an_abandoned_folder_of_the_same_user_is_removed() {
        let parent = tempfile::tempdir().expect("a folder");
        let own = geteuid().as_raw();
        let folder = created(parent.path());
        let path = folder.path().to_owned();
        fs::write(path.join("file"), "").expect("written");
        remove_abandoned(&path, own);
        assert!(path.join("file").exists(), "its guard is alive");
        drop(folder);
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        remove_abandoned(&link, own);
        assert!(path.join("file").exists() && link.is_symlink(), "a link is not followed");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("changed");
        remove_abandoned(&path, own);
        assert!(!path.exists());
    }
}
