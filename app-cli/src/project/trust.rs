//! Decides whether to trust the project in a folder.
//!
//! In a folder like `/tmp`, any user can create a project. A search from a folder below `/tmp`
//! would find that project. Its workflows would then run with the rights of the caller.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::STATE_DIR;

/// The files and folders that determine the executed commands.
const PARTS: [&str; 8] =
    ["", ".claude", STATE_DIR, "core", "core/workflows", "engine", "engine/workflows", "autoproc.toml"];

#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) uid: u32,
    /// The user who called sudo(8). Trusted only if the caller is root.
    pub(super) sudo_uid: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) path: PathBuf,
    pub(super) why: Why,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    Owner(u32),
    Writable,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "belongs to another user (uid {uid})"),
            Self::Writable => f.write_str("can be changed by other users"),
        }
    }
}

impl Caller {
    /// Returns the first part of the project that an untrusted user can control. The caller and
    /// root are trusted. If root is the caller, the user who called sudo(8) is trusted too. Missing
    /// parts are skipped: if the other folders pass, an untrusted user can create such a part only
    /// in a sticky folder, and the next check finds it.
    pub(super) fn foreign_part(self, root: &Path) -> Option<Foreign> {
        PARTS.iter().find_map(|part| {
            let path = if part.is_empty() { root.to_owned() } else { root.join(part) };
            // A link and its target may have different owners, so both are checked.
            let looked_at = [fs::symlink_metadata(&path), fs::metadata(&path)];
            let why = looked_at.iter().flatten().find_map(|metadata| self.distrusts(metadata))?;
            Some(Foreign { path, why })
        })
    }

    fn distrusts(self, metadata: &Metadata) -> Option<Why> {
        let (owner, mode) = (metadata.uid(), metadata.permissions().mode());
        let is_ours = owner == self.uid || owner == 0 || (self.uid == 0 && self.sudo_uid == Some(owner));
        // By convention, a user and the user's private group have the same number.
        let is_private_group = metadata.gid() == owner;
        let is_writable = mode & 0o002 != 0 || (mode & 0o020 != 0 && !is_private_group);
        // A sticky folder may be writable, because users cannot replace the files of others there.
        // Its parts are checked separately.
        let is_sticky = metadata.is_dir() && mode & 0o1000 != 0;
        if !is_ours {
            Some(Why::Owner(owner))
        } else if is_writable && !is_sticky && !metadata.is_symlink() {
            Some(Why::Writable)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Caller) {
        let folder = tempfile::tempdir().expect("a folder for the test");
        fs::create_dir_all(folder.path().join(STATE_DIR)).expect("the state folder");
        fs::create_dir_all(folder.path().join("core/workflows")).expect("the workflows");
        for part in ["core", "core/workflows", ".claude", STATE_DIR] {
            set_mode(&folder.path().join(part), 0o755);
        }
        let uid = fs::metadata(folder.path()).expect("its owner").uid();
        (folder, Caller { uid, sudo_uid: None })
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    #[test]
    fn a_project_of_the_callers_is_trusted() {
        let (folder, caller) = project();
        assert_eq!(caller.foreign_part(folder.path()), None);
        set_mode(folder.path(), 0o1777);
        assert_eq!(caller.foreign_part(folder.path()), None, "as in /tmp");
    }

    #[test]
    fn a_part_that_others_may_write_is_not() {
        for part in PARTS {
            let (folder, caller) = project();
            fs::create_dir_all(folder.path().join("engine/workflows")).expect("the workflows");
            fs::write(folder.path().join("autoproc.toml"), "").expect("the table");
            let path = if part.is_empty() { folder.path().to_owned() } else { folder.path().join(part) };
            let modes: &[u32] = if path.is_dir() { &[0o757, 0o777] } else { &[0o646] };
            for mode in modes {
                set_mode(&path, *mode);
                assert_eq!(
                    caller.foreign_part(folder.path()),
                    Some(Foreign { path: path.clone(), why: Why::Writable })
                );
            }
        }
    }

    #[test]
    fn a_part_of_another_user_is_not() {
        let (folder, owner) = project();
        let other = Caller { uid: owner.uid + 1, sudo_uid: None };
        let is_root = owner.uid == 0;
        assert_eq!(other.foreign_part(folder.path()).is_none(), is_root, "root is trusted by everybody");
    }

    #[test]
    fn root_trusts_the_user_who_called_sudo() {
        let (folder, owner) = project();
        let trusts = |sudo_uid| Caller { uid: 0, sudo_uid }.foreign_part(folder.path()).is_none();
        assert!(trusts(Some(owner.uid)));
        assert_eq!(trusts(None), owner.uid == 0);
    }
}
