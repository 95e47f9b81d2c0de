//! Opens files that other users may have replaced.
//!
//! A plain open(2) follows symbolic links, and blocks on a FIFO. The functions of this crate refuse
//! FIFOs and devices. With [`Links::Refuse`], they also refuse symbolic links.
//!
//! A file or folder that root creates belongs to the owner of its parent folder. Otherwise
//! `sudo autoproc queue add` would lock users out of their own queue.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Gid, OFlags, Uid, fchown};
use rustix::io::Errno;

/// What to do if the last component of a path is a symbolic link. Links in earlier components are
/// always followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Follows the link. Suits files that users create.
    Follow,
    /// Rejects the link. Suits files that only autoproc creates.
    Refuse,
}

/// Opens a regular file with `options`, whose custom flags are replaced. To create a file, use
/// [`create`] or [`open_or_create`].
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if the path names something other than a regular file: a FIFO, a
/// device, a folder or, with [`Links::Refuse`], a symbolic link. [`io::ErrorKind::IsADirectory`] if
/// a folder is opened for writing. Otherwise any error of open(2).
pub fn open(options: &mut OpenOptions, links: Links, path: &Path) -> io::Result<File> {
    // NONBLOCK affects only the opening of a FIFO or device; regular files ignore it (open(2)).
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if links == Links::Refuse {
        flags |= OFlags::NOFOLLOW;
    }
    match options.custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(irregular("it is not a regular file")),
        Err(error) if links == Links::Refuse && is_loop(&error) && path.is_symlink() => {
            Err(irregular("it is a symbolic link"))
        }
        // open(2) returns `ENXIO` for a FIFO without a reader, for a socket, and for a device
        // without a driver.
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            Err(irregular("it is not a regular file"))
        }
        Err(error) => Err(error),
    }
}

/// Creates a file with `options`, and opens it.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the path exists, even as a link. Otherwise any error of
/// open(2), or of changing the owner of the new file. After an error, no new file is left.
pub fn create(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = open(options.create_new(true), Links::Refuse, path)?;
    give_to_owner_of_folder(&file, path).inspect_err(|_| drop(std::fs::remove_file(path)))?;
    Ok(file)
}

/// Opens a regular file with `options`, or creates it if it is missing. Refuses symbolic links.
///
/// # Errors
/// The errors of [`open`] and [`create`].
pub fn open_or_create(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    loop {
        match open(options, Links::Refuse, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        match create(&mut options.clone(), path) {
            // Another process has created the file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
}

/// Returns the parent folder of `path` without accessing the file system. Returns `.` if the path
/// has only one component.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a new file or folder to the owner and the group of the folder that contains `path`. Does
/// nothing unless this process is root and another user owns the folder. This process must have
/// just created `new`, either at `path` or without a name. [`create`] and [`create_folder`] call
/// this function themselves.
///
/// # Errors
/// If the owner of the folder cannot be determined, or the owner of `new` cannot be changed.
pub fn give_to_owner_of_folder(new: &File, path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = folder_of(path).metadata()?;
    if folder.uid() != 0 {
        fchown(new, Some(Uid::from_raw(folder.uid())), Some(Gid::from_raw(folder.gid())))?;
    }
    Ok(())
}

/// Creates a folder with this mode, less the umask.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the path exists. Otherwise any error of mkdir(2), of opening
/// the new folder, or of changing its owner. The new folder stays if it cannot be opened or its
/// owner cannot be changed.
pub fn create_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
    let created = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    give_to_owner_of_folder(&created, path)
}

/// Creates a folder and its missing parents, all with this mode, less the umask. Returns the number
/// of folders created.
///
/// # Errors
/// The errors of [`create_folder`]. A folder that another process creates meanwhile is not an
/// error.
pub fn create_folders(path: &Path, mode: u32) -> io::Result<usize> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(0);
    }
    let above = path.parent().map_or(Ok(0), |parent| create_folders(parent, mode))?;
    match create_folder(path, mode) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(above),
        created => created.map(|()| above + 1),
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// The errors of [`open`].
pub fn open_to_read(links: Links, path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), links, path)
}

/// Returns the contents of a regular file.
///
/// # Errors
/// The errors of [`open`], and any error of reading the file.
pub fn read(links: Links, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_to_read(links, path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn irregular(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, detail)
}

fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use rustix::fs::{FileType, Mode, mknodat};

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").expect("the file");
        symlink("file", path("link")).expect("the link");
        symlink("/dev/zero", path("zero")).expect("the link");
        symlink("loop", path("loop")).expect("the link");
        fs::create_dir(path("folder")).expect("the folder");
        mknodat(rustix::fs::CWD, path("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("the FIFO");
        folder
    }

    fn refused(result: io::Result<File>) -> io::ErrorKind {
        result.expect_err("it is refused").kind()
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = folder();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        for links in [Links::Follow, Links::Refuse] {
            assert_eq!(read(links, &path("file")).expect("the contents"), b"text");
            for name in ["fifo", "zero", "folder"] {
                assert_eq!(refused(open_to_read(links, &path(name))), io::ErrorKind::InvalidInput, "{name}");
            }
            assert_eq!(refused(open_to_read(links, &path("missing"))), io::ErrorKind::NotFound);
        }
        assert_eq!(read(Links::Follow, &path("link")).expect("the contents"), b"text");
        assert_eq!(refused(open_to_read(Links::Refuse, &path("link"))), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn only_regular_files_are_written() {
        let folder = folder();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        let append = |name: &str| open_or_create(OpenOptions::new().append(true), &path(name));
        for name in ["fifo", "zero", "link", "loop"] {
            assert_eq!(refused(append(name)), io::ErrorKind::InvalidInput, "{name}");
            assert_eq!(refused(create(OpenOptions::new().append(true), &path(name))), io::ErrorKind::AlreadyExists);
        }
        append("folder").expect_err("a folder is no file");
        append("new").expect("a new file");
        append("file").expect("the file");
    }

    #[test]
    fn the_folder_of_a_name_is_the_current_one() {
        for (path, folder) in [("a", "."), ("./a", "."), ("a/b", "a"), ("/a", "/"), ("a/../b", "a/..")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
    }

    #[test]
    fn missing_folders_are_created_with_their_mode() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a/b/c");
        assert_eq!(create_folders(&path, 0o700).expect("created"), 3);
        assert_eq!(create_folders(&path, 0o700).expect("it exists"), 0);
        assert_eq!(folder.path().join("a").metadata().expect("a folder").mode() & 0o777, 0o700);
        assert_eq!(create_folder(&path, 0o700).expect_err("it exists").kind(), io::ErrorKind::AlreadyExists);
        fs::write(folder.path().join("file"), "").expect("a file");
        create_folders(&folder.path().join("file/below"), 0o700).expect_err("a file is no folder");
    }

    #[test]
    fn what_root_creates_belongs_to_the_owner_of_the_folder() {
        const OWNER: u32 = 12_345;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("old"), "").expect("a file of root");
        let elsewhere = tempfile::tempdir().expect("a folder of root");
        let target = elsewhere.path().join("target");
        fs::write(&target, "").expect("a file of root");
        symlink(&target, path("link")).expect("a link");
        std::os::unix::fs::chown(folder.path(), Some(OWNER), Some(OWNER)).expect("root can");
        create_folders(&path("a/b"), 0o700).expect("created");
        for name in ["new", "a/b/new", "old"] {
            open_or_create(OpenOptions::new().append(true), &path(name)).expect("opened");
        }
        read(Links::Follow, &path("link")).expect("read");
        let owner =
            |name: &str| path(name).metadata().map(|metadata| (metadata.uid(), metadata.gid())).expect("it exists");
        for name in ["new", "a", "a/b", "a/b/new"] {
            assert_eq!(owner(name), (OWNER, OWNER), "{name}");
        }
        assert_eq!(owner("old"), (0, 0), "it existed");
        assert_eq!(target.metadata().expect("it exists").uid(), 0, "a file that was read through a link");
    }
}
