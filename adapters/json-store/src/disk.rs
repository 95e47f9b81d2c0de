//! The interface to the file system.
//!
//! The store accesses its files only through [`Disk`], so tests can use a fake disk that loses
//! power at any call. File names are relative to the state folder.

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, reason = "fuzzers need a part of it"))]
pub(crate) mod fake;
mod real;

use std::io;
use std::time::Duration;

pub(crate) use real::RealDisk;
use serde::{Deserialize, Serialize};

/// Identifies a version of a file.
///
/// Two versions may have equal stamps if the file system records times only to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) len: u64,
    /// The time of the last modification (mtime), in seconds and nanoseconds. `changed` is the time
    /// of the last status change (ctime), in the same form.
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

impl Stamp {
    /// True if both stamps belong to the same file, even if its contents have changed. Reliable
    /// only while the file of one stamp is open, because the file system reuses inode numbers.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FolderId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// Opens for reading and appending. Fails if the file is missing.
    Append,
    /// Creates the file with mode 0600 for reading and appending. Fails if the file exists.
    Create,
    /// Opens or creates the lock file, to take the lock or to overwrite a part of the file.
    Lock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Exclusive,
    Shared,
}

pub(crate) trait Disk: Send + Sync + 'static {
    /// An open file. Closing it releases its lock.
    type File: Send + Sync + 'static;

    /// Creates the state folder and its `runs` folder with mode 0700 if they are missing. Fails on
    /// a network file system unless the settings allow it.
    fn prepare(&self) -> io::Result<()>;
    fn identify_folder(&self) -> io::Result<FolderId>;
    fn stat(&self, name: &str) -> io::Result<Option<Stamp>>;
    /// Returns the file names in the state folder (`""`) or in a subfolder. Returns no names if the
    /// folder is missing. Skips names that are not UTF-8.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    fn open(&self, name: &str, access: Access) -> io::Result<Self::File>;
    fn stat_open(&self, file: &Self::File) -> io::Result<Stamp>;
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<usize>;
    fn overwrite(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Reserves disk space for a file of `len` bytes without changing the file's length. Does
    /// nothing if the file system cannot reserve space.
    fn reserve(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Makes data and length durable with fdatasync(2).
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;
    /// Makes data and metadata durable with fsync(2).
    fn sync_all(&self, file: &Self::File) -> io::Result<()>;
    /// Makes creations, removals and renames in the state folder durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// Copies the permissions of the file named `name`, if it exists, to `file`.
    fn copy_mode(&self, name: &str, file: &Self::File) -> io::Result<()>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    fn try_lock(&self, file: &Self::File, sharing: Sharing) -> io::Result<bool>;
    fn unlock(&self, file: &Self::File) -> io::Result<()>;
    fn pause(&self, span: Duration);
    /// Returns a string for use in a file name. No two calls return the same string, not even in
    /// different processes.
    fn nonce(&self) -> String;
    /// Returns a description of this process. Another process that waits too long for the lock
    /// shows this description in its error.
    fn identity(&self) -> String;
}

pub(crate) fn read_to_end<D: Disk>(disk: &D, file: &D::File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut Reader::new(disk, file, offset), &mut bytes)?;
    Ok(bytes)
}

/// Appends all of `bytes` to the file. After an error, a part of the bytes may have been written.
pub(crate) fn write_all<D: Disk>(disk: &D, file: &D::File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub(crate) struct Reader<'a, D: Disk> {
    disk: &'a D,
    file: &'a D::File,
    offset: u64,
}

impl<'a, D: Disk> Reader<'a, D> {
    pub(crate) fn new(disk: &'a D, file: &'a D::File, offset: u64) -> Self {
        Self { disk, file, offset }
    }
}

impl<D: Disk> io::Read for Reader<'_, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.disk.read_at(self.file, self.offset, buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}
