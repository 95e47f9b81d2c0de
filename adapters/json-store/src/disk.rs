//! The seam to the file system: every call the store's protocols make, and no other.
//!
//! The protocols are written against this trait alone, so that a simulated disk, which can lose power at every call, can
//! take the place of the real one. Names are relative to the state folder.

mod real;

use std::io;
use std::time::Duration;

pub(crate) use real::RealDisk;
use serde::{Deserialize, Serialize};

/// Tells a file from another that has taken its place, and from itself changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) len: u64,
    /// Seconds and nanoseconds.
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading; it must be there.
    Read,
    /// Reading, and writing at its end; it must be there.
    Append,
    /// The same, and it must not be there: created with mode 0600.
    Create,
    /// Locking and a note in it; created where it is not there.
    Lock,
}

/// Whether a lock excludes everybody or only those who want to exclude everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Exclusive,
    Shared,
}

/// A folder of files, as far as the store needs one.
pub(crate) trait Disk: Send + Sync + 'static {
    /// An open file. Closing it frees its lock.
    type File: Send + Sync + 'static;

    /// Creates the state folder and its `runs` folder where they are not there, with mode 0700.
    fn prepare(&self) -> io::Result<()>;
    /// What stands under a name; `None` where nothing does.
    fn stat(&self, name: &str) -> io::Result<Option<Stamp>>;
    /// The names in the state folder, or in a folder below it; none where the folder is not there.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    fn open(&self, name: &str, access: Access) -> io::Result<Self::File>;
    /// What an open file is.
    fn stat_open(&self, file: &Self::File) -> io::Result<Stamp>;
    /// Reads at an offset; 0 at the end.
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes at the end; may write less than all.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Writes over a part of a [`Access::Lock`] file.
    fn overwrite(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Reserves room up to `len` bytes without changing the file's length. Succeeds where the file system cannot.
    fn reserve(&self, file: &Self::File, len: u64) -> io::Result<()>;
    /// Makes data and length durable: fdatasync(2).
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;
    /// Makes everything of the file durable: fsync(2).
    fn sync_all(&self, file: &Self::File) -> io::Result<()>;
    /// Makes the names in the state folder durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// Gives `file` the permissions of what stands under `name`, where something does.
    fn copy_mode(&self, name: &str, file: &Self::File) -> io::Result<()>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Takes a lock, or says that somebody holds it.
    fn try_lock(&self, file: &Self::File, sharing: Sharing) -> io::Result<bool>;
    fn unlock(&self, file: &Self::File) -> io::Result<()>;
    /// Lets time pass between two tries for a lock.
    fn pause(&self, span: Duration);
    /// A name part that no other call and no other process was ever given.
    fn nonce(&self) -> String;
    /// Who we are, in words, for whoever waits for us.
    fn identity(&self) -> String;
}

/// Reads a file from an offset to its end.
pub(crate) fn read_to_end<D: Disk>(disk: &D, file: &D::File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut Reader::new(disk, file, offset), &mut bytes)?;
    Ok(bytes)
}

/// Writes all of `bytes` at the end; at an error a part of it may have been written.
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

/// An open file as a stream of bytes.
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
