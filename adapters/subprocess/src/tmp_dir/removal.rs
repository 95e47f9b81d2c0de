//! Removes a folder with its contents.
//!
//! Folders may be nested to any depth. The removal moves each nested folder to the top folder
//! instead of recursing.
//!
//! Another user may change the contents during the removal. Every folder is therefore opened
//! relative to its open parent. Links are never followed.
//!
//! A file system that is mounted in the folder may contain files of the system. A folder with a
//! mount is therefore not removed.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

/// The maximum duration of a removal, enough for several hundred thousand files. A guard reports
/// the end of a command only after the removal. After a request to kill the command, the run waits
/// 5 s for the report and then kills the guard.
const TIMEOUT: Duration = Duration::from_secs(4);

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes the folder, file or link at `path`, if any.
///
/// # Errors
/// If a file system is mounted in the folder, a part of the contents cannot be removed, or the
/// removal takes longer than [`TIMEOUT`].
pub(super) fn remove(path: &Path) -> io::Result<()> {
    remove_within(path, TIMEOUT)
}

fn remove_within(path: &Path, timeout: Duration) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.is_dir() {
        return fs::remove_file(path);
    }
    // An empty folder, the usual case, needs no search for mounts.
    if fs::remove_dir(path).is_ok() {
        return Ok(());
    }
    refuse_mounts(path)?;
    let name = CString::new(path.as_os_str().as_bytes())?;
    Removal { top: open(CWD, &name)?, deadline: Instant::now() + timeout, moved: 0 }.empty()?;
    fs::remove_dir(path)
}

struct Removal {
    top: OwnedFd,
    deadline: Instant,
    moved: u64,
}

impl Removal {
    fn empty(&mut self) -> io::Result<()> {
        loop {
            let names = names_in(self.top.as_fd())?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                if !self.remove_entry(self.top.as_fd(), &name)? {
                    self.take_apart(&name)?;
                }
            }
        }
    }

    /// Removes a folder in the top folder. First moves its nonempty subfolders to the top folder.
    fn take_apart(&mut self, name: &CStr) -> io::Result<()> {
        let folder = open(self.top.as_fd(), name)?;
        for below in names_in(folder.as_fd())? {
            if !self.remove_entry(folder.as_fd(), &below)? {
                // A folder that is moved must be writable, because its entry `..` changes.
                make_accessible(folder.as_fd(), &below);
                let new = self.new_name()?;
                renameat(&folder, &below, &self.top, &new)?;
            }
        }
        Ok(unlinkat(&self.top, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a file, a link or an empty folder. Returns false for a nonempty folder.
    fn remove_entry(&self, folder: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
        if Instant::now() >= self.deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "there are too many files, or the disk is too slow"));
        }
        let error = match unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(true),
            Err(error) => error,
        };
        // For a folder, Linux reports EISDIR. Other systems report EPERM, which may also mean a
        // file that must not be changed.
        match unlinkat(folder, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(Errno::NOTDIR) => Err(error.into()),
            Err(other) => Err(other.into()),
        }
    }

    fn new_name(&mut self) -> io::Result<CString> {
        loop {
            self.moved += 1;
            let name = CString::new(format!("moved-{}", self.moved))?;
            if matches!(statat(&self.top, &name, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT)) {
                return Ok(name);
            }
        }
    }
}

fn open(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    make_accessible(parent, name);
    Ok(openat(parent, name, FOLDER.union(OFlags::RDONLY), Mode::empty())?)
}

/// Sets the mode of a folder to 0700, if this user owns the folder and lacks a permission. Does not
/// follow links. Ignores errors, because the removal reports them.
#[cfg(target_os = "linux")]
pub(super) fn make_accessible(parent: BorrowedFd<'_>, name: &CStr) {
    use std::os::fd::AsRawFd;

    use rustix::fs::{chmod, fstat};
    use rustix::process::geteuid;

    // `O_PATH` needs no permission. If the folder is replaced, the descriptor still refers to it.
    let Ok(folder) = openat(parent, name, FOLDER.union(OFlags::PATH), Mode::empty()) else { return };
    let is_closed = |folder: &OwnedFd| {
        let stat = fstat(folder).ok()?;
        let is_own = stat.st_uid == geteuid().as_raw();
        Some(is_own && !Mode::from_raw_mode(stat.st_mode).contains(Mode::RWXU))
    };
    if is_closed(&folder) == Some(true) {
        let _ = chmod(format!("/proc/self/fd/{}", folder.as_raw_fd()), Mode::RWXU);
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn make_accessible(_: BorrowedFd<'_>, _: &CStr) {}

fn names_in(folder: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Fails if a file system is mounted on the folder or in it.
fn refuse_mounts(path: &Path) -> io::Result<()> {
    let Ok(mounts) = fs::read("/proc/self/mountinfo") else { return Ok(()) };
    match mount_below(&mounts, &fs::canonicalize(path)?) {
        Some(mount) => Err(io::Error::other(format!("a file system is mounted on {}", mount.display()))),
        None => Ok(()),
    }
}

/// Returns the first mount point at or below the folder. `mounts` is the content of
/// `/proc/self/mountinfo`.
fn mount_below(mounts: &[u8], folder: &Path) -> Option<PathBuf> {
    let points = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(unescaped).find(|point| point.starts_with(folder))
}

/// Decodes octal escapes, such as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::with_capacity(field.len()), field);
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(folder: &Path) -> u32 {
        folder.metadata().expect("there").mode() & 0o777
    }

    #[test]
    fn folders_of_any_mode_are_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (top, outside) = (dir.path().join("top"), dir.path().join("outside"));
        let folders = [top.clone(), top.join("a"), top.join("a/b"), top.join("a/b/c"), outside.clone()];
        for folder in &folders {
            fs::create_dir(folder).expect("a folder");
        }
        fs::write(top.join("a/b/c/file"), "").expect("a file");
        symlink(&outside, top.join("a/link")).expect("a link");
        for folder in folders.iter().rev() {
            fs::set_permissions(folder, Permissions::from_mode(0o0)).expect("changed");
        }
        remove(&top).expect("removed");
        assert!(!top.exists());
        assert_eq!(mode(&outside), 0, "a link is not followed");
        remove(&top).expect("nothing to remove");
    }

    #[test]
    fn a_closed_folder_is_made_accessible_but_not_through_a_link() {
        let dir = tempfile::tempdir().expect("a folder");
        let (closed, link) = (dir.path().join("closed"), dir.path().join("link"));
        fs::create_dir(&closed).expect("a folder");
        fs::set_permissions(&closed, Permissions::from_mode(0o500)).expect("changed");
        symlink(&closed, &link).expect("a link");
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        make_accessible(CWD, &name(&link));
        assert_eq!(mode(&closed), 0o500);
        make_accessible(CWD, &name(&closed));
        assert_eq!(mode(&closed), 0o700);
    }

    #[test]
    fn a_deep_tree_is_removed() {
        const LEVELS: usize = 5_000;
        let dir = tempfile::tempdir().expect("a folder");
        let top = dir.path().join("top");
        fs::create_dir(&top).expect("a folder");
        let mut folder = open(CWD, &CString::new(top.as_os_str().as_bytes()).expect("no NUL")).expect("open");
        for _ in 0..LEVELS {
            rustix::fs::mkdirat(&folder, "d", Mode::RWXU).expect("a folder");
            let file = openat(&folder, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR);
            drop(file.expect("a file"));
            folder = openat(&folder, "d", FOLDER, Mode::empty()).expect("open");
        }
        drop(folder);
        remove_within(&top, Duration::from_secs(3600)).expect("removed");
        assert!(!top.exists());
    }

    #[test]
    fn a_removal_that_takes_too_long_is_given_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let top = dir.path().join("top");
        for name in ["moved-1/moved-1/moved-2", "moved-2/a/b", "c/moved-1/d"] {
            fs::create_dir_all(top.join(name)).expect("folders");
        }
        let error = remove_within(&top, Duration::ZERO).expect_err("no time");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(top.exists());
        remove(&top).expect("removed");
        assert!(!top.exists());
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_removed_and_a_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        fs::create_dir(&target).expect("a folder");
        symlink(&target, &link).expect("a link");
        remove(&link).expect("removed");
        assert!(!link.is_symlink() && target.exists());
        fs::write(&link, "").expect("a file");
        remove(&link).expect("removed");
        assert!(!link.exists());
    }

    #[test]
    fn mounts_in_a_folder_are_found() {
        let line = |point: &str| format!("36 35 98:0 / {point} rw,noatime - ext3 /dev/root rw\n");
        let mounts = |points: &[&str]| points.iter().map(|point| line(point)).collect::<String>().into_bytes();
        let found = |points: &[&str]| mount_below(&mounts(points), Path::new("/tmp/my dir"));
        assert_eq!(found(&["/", "/tmp", "/tmp/my\\040dirs", "/tmp/other"]), None);
        assert_eq!(found(&["/tmp", "/tmp/my\\040dir"]), Some("/tmp/my dir".into()));
        assert_eq!(found(&["/tmp/my\\040dir/a\\134b"]), Some("/tmp/my dir/a\\b".into()));
        assert_eq!(unescaped(b"a\\9"), Path::new("a\\9"));
    }
}
