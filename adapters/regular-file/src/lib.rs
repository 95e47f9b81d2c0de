//! Opens files that other programs or users may have replaced.
//!
//! A plain open(2) follows a symbolic link to any file of the machine, and blocks on a FIFO until
//! another process opens its other end. The functions of this crate refuse FIFOs and devices and,
//! with [`Links::Refuse`], symbolic links.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// The treatment of a path whose last component is a symbolic link. Links in earlier components are
/// always followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// For files that users place: the link is followed.
    Follow,
    /// For files that only autoproc creates: the link is an error.
    Refuse,
}

/// Opens a regular file with `options`, and overwrites the custom flags of `options`.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if the path names something else than a regular file, for
/// instance a FIFO, a device, a folder or, with [`Links::Refuse`], a symbolic link. Otherwise any
/// error of open(2). After an error, no file has been created, even if the options create missing
/// files.
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
        // open(2) returns `ENXIO` for a FIFO without a reader, and for a device without a driver.
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            Err(irregular("it is not a regular file"))
        }
        Err(error) => Err(error),
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
}
