//! The interface to the file system, with a fake disk for tests.
//!
//! File names are relative to the state folder.

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
/// Two versions may have equal stamps on a file system with coarse timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) len: u64,
    /// The mtime, in seconds and nanoseconds. `changed` is the ctime.
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

impl Stamp {
    /// True if both stamps belong to the same file.
    ///
    /// Reliable only while one of the files is open. The file system reuses inode numbers.
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
    Append,
    /// Creates a new file for reading and appending, with mode 0600.
    Create,
    Lock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Exclusive,
    Shared,
}

pub(crate) trait Disk: Send + Sync + 'static {
    /// Closing a file releases its lock.
    type File: Send + Sync + 'static;

    /// Creates the state folder and its `runs` folder with mode 0700. Fails on a network file
    /// system, unless that is allowed.
    fn prepare(&self) -> io::Result<()>;
    fn identify_folder(&self) -> io::Result<FolderId>;
    fn stat(&self, name: &str) -> io::Result<Option<Stamp>>;
    /// Returns the names of the files and folders in a folder, or none if the folder is missing.
    /// The state folder is `""`.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    fn open(&self, name: &str, access: Access) -> io::Result<Self::File>;
    fn stat_open(&self, file: &Self::File) -> io::Result<Stamp>;
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<usize>;
    fn overwrite(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Reserves disk space, so that the file can grow to `len` bytes. Does not change the file's
    /// length.
    ///
    /// Does nothing if the file system cannot reserve space.
    fn reserve(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Makes data and length durable with fdatasync(2).
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;
    /// Makes data and metadata durable with fsync(2).
    fn sync_all(&self, file: &Self::File) -> io::Result<()>;
    /// Makes creations, removals and renames in the state folder durable.
    fn sync_folder(&self) -> io::Result<()>;
    fn copy_mode(&self, name: &str, file: &Self::File) -> io::Result<()>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    fn try_lock(&self, file: &Self::File, sharing: Sharing) -> io::Result<bool>;
    fn unlock(&self, file: &Self::File) -> io::Result<()>;
    fn pause(&self, span: Duration);
    /// Returns a string for a file name. Each call in each process returns a different string.
    fn nonce(&self) -> String;
    /// Returns the name of this process for error messages.
    fn identity(&self) -> String;
}

pub(crate) fn read_to_end<D: Disk>(disk: &D, file: &D::File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut Reader::new(disk, file, offset), &mut bytes)?;
    Ok(bytes)
}

/// Appends all bytes. After an error, some bytes may have been written.
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
