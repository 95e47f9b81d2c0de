//! Removes a folder with its contents.
//!
//! Programs that build a root folder for chroot(2) mount file systems in a temporary folder, and
//! leave them mounted if they are killed. A removal that enters such a mount would remove files of
//! the system. So a folder that contains a mount is not removed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Removes a folder, or a file or link in its place. It is no error if nothing exists at `path`.
///
/// # Errors
/// If a file system is mounted in the folder, or if a part of the contents cannot be removed.
pub(super) fn remove(path: &Path) -> io::Result<()> {
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
    fs::remove_dir_all(path).or_else(|_| {
        make_accessible(path);
        fs::remove_dir_all(path)
    })
}

/// Fails if a file system is mounted on the folder or in it. Succeeds if the system does not list
/// its mounts.
fn refuse_mounts(path: &Path) -> io::Result<()> {
    let Ok(mounts) = fs::read("/proc/self/mountinfo") else { return Ok(()) };
    match mount_below(&mounts, &fs::canonicalize(path)?) {
        Some(mount) => Err(io::Error::other(format!("a file system is mounted on {}", mount.display()))),
        None => Ok(()),
    }
}

/// Returns the first mount point on the folder or in it. `mounts` is in the format of
/// `/proc/self/mountinfo` (proc(5)), whose fifth field is the mount point.
fn mount_below(mounts: &[u8], folder: &Path) -> Option<PathBuf> {
    let points = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(unescaped).find(|point| point.starts_with(folder))
}

/// Replaces the octal escapes of blanks and backslashes, as in `\040`.
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

/// Gives the folder and all folders in it mode 0700, without following links. Without write and
/// search permission, the contents of a folder cannot be removed. Errors are ignored: the removal
/// reports them.
fn make_accessible(path: &Path) {
    // The mode of a folder is changed before its contents are read. From then on, no other user can
    // replace an entry by a link.
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|entry| entry.is_dir()));
        folders.extend(below.map(|entry| entry.path()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    /// Root may remove the contents of a folder of any mode, so the modes are checked as well.
    #[test]
    fn folders_of_any_mode_are_made_accessible_and_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (top, outside) = (dir.path().join("top"), dir.path().join("outside"));
        let folders = [top.clone(), top.join("a"), top.join("a/b"), outside.clone()];
        for folder in &folders {
            fs::create_dir(folder).expect("a folder");
        }
        fs::write(top.join("a/b/file"), "").expect("a file");
        symlink(&outside, top.join("link")).expect("a link");
        fs::set_permissions(&outside, Permissions::from_mode(0o555)).expect("changed");
        for folder in folders[..3].iter().rev() {
            fs::set_permissions(folder, Permissions::from_mode(0o0)).expect("changed");
        }
        make_accessible(&top);
        let mode = |folder: &PathBuf| folder.metadata().expect("there").mode() & 0o777;
        assert_eq!(folders.each_ref().map(mode), [0o700, 0o700, 0o700, 0o555]);
        for folder in folders[1..3].iter().rev() {
            fs::set_permissions(folder, Permissions::from_mode(0o500)).expect("changed");
        }
        remove(&top).expect("removed");
        assert!(!top.exists() && outside.exists());
        remove(&top).expect("nothing to remove");
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
