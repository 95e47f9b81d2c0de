//! Gives each command a private folder for temporary files.
//!
//! # Theory of operation
//!
//! A guard is a process that supervises commands. The guard creates the folder before a command
//! starts, and removes the folder after the last process of the command has ended. An untouched
//! folder is reused for the next command. The folder of a failed command may be kept.
//!
//! The folder has mode 0700 and a name that cannot be guessed. The guard holds an exclusive
//! flock(2) on the folder. The lock keeps sweeps and systemd-tmpfiles(8) from removing the folder.
//!
//! The record of the guard names the folder. If the guard is killed, its run or a later sweep
//! removes the folder.
//!
//! # Limits
//!
//! The folder of a killed guard stays if the guard has no record. The folder also stays if the path
//! of the parent folder is not UTF-8 or is longer than [`MAX_RECORDED_PARENT`].

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

/// The prefix of folder names; 16 hexadecimal digits follow. Names are short, because the path of a
/// socket has at most 107 bytes (unix(7)).
const PREFIX: &str = "autoproc-";

const KEPT_PREFIX: &str = "autoproc-kept-";

pub(crate) const NAME_LENGTH: usize = PREFIX.len() + 16;

/// The maximum length of the parent folder's path, in bytes. Escaped as JSON, a longer path might
/// not fit into a record.
pub(crate) const MAX_RECORDED_PARENT: usize = 512;

const MODE: u32 = 0o700;

/// New folders are backdated by this time. Any later change then alters the modification time, even
/// with the 2 s resolution of FAT.
const DATED_BACK: Duration = Duration::from_secs(60);

/// A folder for temporary files that this process created and keeps locked.
#[derive(Debug)]
pub(crate) struct TmpDir {
    path: PathBuf,
    /// Closing this file releases the lock.
    _folder: File,
    state: State,
}

/// Tells whether a folder was replaced or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    mode: u32,
    owner: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl TmpDir {
    /// Creates a folder at a path from [`new_path`].
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

    /// True if nothing in the folder was created, removed or renamed, and the folder itself was not
    /// replaced or changed.
    pub(crate) fn is_untouched(&self) -> bool {
        State::of(&self.path).is_ok_and(|state| state == self.state)
    }

    /// Removes the folder if it is empty. Returns true if the folder is gone.
    pub(crate) fn remove_if_empty(&self) -> bool {
        match fs::remove_dir(&self.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Renames the folder to save it from sweeps. Returns the folder's path.
    pub(crate) fn keep(self) -> PathBuf {
        let name = self.path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
        let kept = self.path.with_file_name(format!("{KEPT_PREFIX}{}", name.unwrap_or_default()));
        if fs::rename(&self.path, &kept).is_ok() { kept } else { self.path }
    }

    /// Removes the folder with its contents. Does not follow links.
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

/// Returns the absolute path of the parent folder: `TMPDIR`, or `/tmp` if `TMPDIR` is unset or
/// empty.
pub(crate) fn parent() -> io::Result<PathBuf> {
    let own = std::env::var_os(TMPDIR_VARIABLE).filter(|own| !own.is_empty());
    std::path::absolute(own.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from))
}

/// Returns a path in `parent` with a name that cannot be guessed.
pub(crate) fn new_path(parent: &Path) -> PathBuf {
    parent.join(format!("{PREFIX}{:016x}", RandomState::new().hash_one(std::process::id())))
}

/// True if `name` has the form of the names that [`new_path`] chooses.
pub(crate) fn is_name(name: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.len() == NAME_LENGTH && name.strip_prefix(PREFIX).is_some_and(|digits| digits.bytes().all(is_digit))
}

/// Removes the folder named in the record of a killed guard. All processes of the guard must have
/// ended. `owner` is the id of the user who owns the record.
pub(crate) fn remove_of_record(record: &Contents, owner: u32) {
    if let Some(path) = record.tmp_dir() {
        remove_abandoned(&path, owner);
    }
}

/// Removes the folder at `path`. Spares a folder that a living guard has locked, and a folder that
/// belongs neither to this user nor to `record_owner`.
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
        // It does no harm if the folder remains.
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
