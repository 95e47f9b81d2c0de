//! The interface to the file system.
//!
//! The store accesses its files only through [`Disk`], so that tests can replace the real disk by a
//! fake one that loses power at any call. Names are relative to the state folder.

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), expect(dead_code, reason = "fuzzers need a part of it"))]
pub(crate) mod fake;
mod real;

use std::io;
use std::time::Duration;

pub(crate) use real::RealDisk;
use serde::{Deserialize, Serialize};

/// Identifies a version of a file, by its device and inode number, its length, its modification
/// time and its status-change time (ctime). A file system may record times only to the second, so a
/// quick change that keeps the length may leave the stamp unchanged. So may a replacement that also
/// gets the old inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) len: u64,
    /// The modification time in seconds and nanoseconds.
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

impl Stamp {
    /// True if both stamps have the same device and inode number, and so belong to one file, even
    /// if its contents have changed. Reliable only while one of the stamped files is open: a new
    /// file may get the inode number of a file that was removed and closed.
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
    /// For reading. Fails if the file is missing.
    Read,
    /// For reading and appending. Fails if the file is missing.
    Append,
    /// For reading and appending. Creates the file with mode 0600; fails if it exists.
    Create,
    /// For the lock file: to lock it, and to overwrite the notes in it (the holder's name and the
    /// journal's end). Creates the file if it is missing.
    Lock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Exclusive,
    Shared,
}

pub(crate) trait Disk: Send + Sync + 'static {
    /// An open file. Closing it releases the lock that was taken through it.
    type File: Send + Sync + 'static;

    /// Creates the state folder and its `runs` folder if they are missing, with mode 0700. Fails on
    /// a network file system, unless that is allowed.
    fn prepare(&self) -> io::Result<()>;
    fn identify_folder(&self) -> io::Result<FolderId>;
    fn stat(&self, name: &str) -> io::Result<Option<Stamp>>;
    /// Returns the names in the state folder (`""`) or in a folder below it; empty if the folder is
    /// missing. Leaves out names that are not UTF-8.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    fn open(&self, name: &str, access: Access) -> io::Result<Self::File>;
    fn stat_open(&self, file: &Self::File) -> io::Result<Stamp>;
    /// Reads at an offset; returns 0 at the end of the file.
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Appends bytes; returns the number of bytes written, which may be less than all of them.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Writes bytes at an offset of a file opened with [`Access::Lock`]. Extends the file if it is
    /// shorter.
    fn overwrite(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Reserves disk space so that the file can grow to `len` bytes. Does not change the file's
    /// length. Succeeds without effect if the file system cannot reserve space.
    fn reserve(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Makes data and length durable: fdatasync(2).
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;
    /// Makes data and metadata durable: fsync(2).
    fn sync_all(&self, file: &Self::File) -> io::Result<()>;
    /// Makes the directory entries of the state folder durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// Gives `file` the permissions of the file called `name`, if there is such a file.
    fn copy_mode(&self, name: &str, file: &Self::File) -> io::Result<()>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Takes a lock without waiting; returns `false` if another open file holds a conflicting lock.
    fn try_lock(&self, file: &Self::File, sharing: Sharing) -> io::Result<bool>;
    fn unlock(&self, file: &Self::File) -> io::Result<()>;
    /// Waits between two tries to take a lock.
    fn pause(&self, span: Duration);
    /// Returns a text for a unique file name. Every call in every process returns another text.
    fn nonce(&self) -> String;
    /// Returns a description of this process for users. If another process waits too long for the
    /// store's lock, its error contains this text as the name of the lock's holder.
    fn identity(&self) -> String;
}

pub(crate) fn read_to_end<D: Disk>(disk: &D, file: &D::File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut Reader::new(disk, file, offset), &mut bytes)?;
    Ok(bytes)
}

/// Appends all of `bytes` to the file. After an error, a part of them may have been written.
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
