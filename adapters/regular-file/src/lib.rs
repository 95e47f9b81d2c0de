//! Opens files that other programs or users may have replaced.
//!
//! A plain open(2) follows a symbolic link to any file of the machine, and blocks on a FIFO until
//! another process opens its other end. The functions of this crate refuse FIFOs and devices and,
//! with [`Links::Refuse`], symbolic links.
//!
//! Files and folders that root creates through this crate belong to the owner of the folder that
//! contains them. Otherwise a single `sudo autoproc queue add` would lock a user out of the user's
//! own queue.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Gid, OFlags, Uid, fchown};
use rustix::io::Errno;

/// The treatment of a path whose last component is a symbolic link. Links in earlier components are
/// always followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The link is followed. Suits files that users place.
    Follow,
    /// The link is an error. Suits files that only autoproc creates.
    Refuse,
}

/// Opens a regular file with `options`, and overwrites the custom flags of `options`.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if the path names anything other than a regular file, for
/// instance a FIFO, a device, a folder or, with [`Links::Refuse`], a symbolic link. In this case
/// nothing was created, even if the options create missing files. Otherwise any error of open(2),
/// or of giving a new file to its owner.
pub fn open(options: &mut OpenOptions, links: Links, path: &Path) -> io::Result<File> {
    // NONBLOCK affects only the opening of a FIFO or device; regular files ignore it (open(2)).
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if links == Links::Refuse {
        flags |= OFlags::NOFOLLOW;
    }
    match options.custom_flags(flags.bits().cast_signed()).open(path) {
        Ok(file) if file.metadata()?.is_file() => {
            give_to_owner_of_folder(&file, path)?;
            Ok(file)
        }
        Ok(_) => Err(irregular("it is not a regular file")),
        Err(error) if links == Links::Refuse && is_loop(&error) && path.is_symlink() => {
            Err(irregular("it is a symbolic link"))
        }
        // open(2) returns `ENXIO` for a FIFO without a reader, and for a device without a driver.
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            Err(irregular("it is not a regular file"))
        }
        Err(error) => Err(error),
    }
}

/// Gives a file or folder that root has just created to the owner of the folder that contains it.
/// Does nothing if this process is not root, or if the file existed before.
fn give_to_owner_of_folder(new: &File, path: &Path) -> io::Result<()> {
    let metadata = new.metadata()?;
    // A file with contents or with a second name is not new: another user may have linked it here.
    let is_new = metadata.is_dir() || (metadata.len() == 0 && metadata.nlink() == 1);
    if metadata.uid() != 0 || !is_new || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).metadata()?;
    if folder.uid() != 0 {
        fchown(new, Some(Uid::from_raw(folder.uid())), Some(Gid::from_raw(folder.gid())))?;
    }
    Ok(())
}

/// Creates a folder with this mode, less the umask.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the path exists; otherwise any error of mkdir(2), or of
/// giving the new folder to its owner.
pub fn create_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
    let created = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    give_to_owner_of_folder(&created, path)
}

/// Creates a folder and the missing folders above it, all with this mode, less the umask. Returns
/// how many folders were created.
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

    /// A folder with a file, a link to it, a folder, a FIFO, and a link to `/dev/zero`.
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
        let append = |links, name: &str| open(OpenOptions::new().append(true).create(true), links, &path(name));
        for name in ["fifo", "zero", "link", "loop"] {
            assert_eq!(refused(append(Links::Refuse, name)), io::ErrorKind::InvalidInput, "{name}");
        }
        assert!(append(Links::Follow, "folder").is_err() && append(Links::Follow, "loop").is_err());
        append(Links::Refuse, "new").expect("a new file");
        append(Links::Follow, "link").expect("the file");
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

    /// Runs only as root: another user cannot give files away.
    #[test]
    fn what_root_creates_belongs_to_the_owner_of_the_folder() {
        const OWNER: u32 = 12_345;
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("old"), "text").expect("a file of root");
        fs::write(path("linked"), "").expect("a file of root");
        fs::hard_link(path("linked"), path("link")).expect("a second name");
        std::os::unix::fs::chown(folder.path(), Some(OWNER), Some(OWNER)).expect("root can");
        create_folders(&path("a/b"), 0o700).expect("created");
        for name in ["new", "a/b/new", "old", "link"] {
            open(OpenOptions::new().append(true).create(true), Links::Refuse, &path(name)).expect("opened");
        }
        let owner =
            |name: &str| path(name).metadata().map(|metadata| (metadata.uid(), metadata.gid())).expect("it exists");
        for name in ["new", "a", "a/b", "a/b/new"] {
            assert_eq!(owner(name), (OWNER, OWNER), "{name}");
        }
        for name in ["old", "link"] {
            assert_eq!(owner(name), (0, 0), "{name}");
        }
    }
}
