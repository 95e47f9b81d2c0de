//! Takes file locks with flock(2).
//!
//! Calls of fs2's methods need the full path. Since Rust 1.89, the standard library has methods of
//! the same names. They return different errors.

use std::fs::File;
use std::io;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::checksum;
use crate::disk::{Access, Disk, Sharing, Stamp};
use crate::error::{classify, unreadable};
use crate::journal::{Header, Position};
use crate::layout::{LOCK, is_journal_name};

/// The first pause between attempts to take the lock.
///
/// A transaction holds the lock for less than a millisecond, plus one sync.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// The length of a [`Holder`] in the lock file.
///
/// A fixed length can be overwritten on a full disk.
const HOLDER_BYTES: usize = 256;
const TIP_BYTES: usize = 1024;

/// Takes a lock without waiting. Returns `false` if another open file holds a conflicting lock.
pub(crate) fn try_lock(file: &File, sharing: Sharing) -> io::Result<bool> {
    loop {
        let taken = match sharing {
            Sharing::Exclusive => fs2::FileExt::try_lock_exclusive(file),
            Sharing::Shared => fs2::FileExt::try_lock_shared(file),
        };
        match taken {
            Ok(()) => return Ok(true),
            // fs2 reports an interruption by a signal; flock(2) must then be repeated.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Releases a lock.
///
/// Closing the file is not enough. A child process between fork and exec would keep the lock.
pub(crate) fn unlock(file: &File) -> io::Result<()> {
    fs2::FileExt::unlock(file)
}

/// The part of the lock file that names the holder of the lock.
#[derive(Serialize, Deserialize)]
struct Holder {
    holder: String,
}

/// The end of the journal, as written to the lock file.
///
/// The lock file is written after the sync of the journal, but is never synced itself. So a `Tip`
/// may be outdated. If the journal is shorter than its `Tip`, acknowledged changes were lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tip {
    pub(crate) snapshot: Stamp,
    pub(crate) journal: String,
    pub(crate) header: Header,
    pub(crate) position: Position,
}

/// A [`Tip`] as JSON with a CRC-32C. A crash may leave only a part of the JSON.
#[derive(Serialize, Deserialize)]
struct CheckedTip {
    crc: u32,
    tip: String,
}

pub(crate) struct StoreLock<D: Disk> {
    file: D::File,
}

impl<D: Disk> StoreLock<D> {
    pub(crate) fn open(disk: &D) -> Result<Self, StorageError> {
        disk.prepare().map_err(classify(""))?;
        let file = disk.open(LOCK, Access::Lock).map_err(classify(LOCK))?;
        Ok(Self { file })
    }

    /// Opens an existing lock file, read-only.
    pub(crate) fn open_existing(disk: &D) -> Result<Option<Self>, StorageError> {
        match disk.open(LOCK, Access::Read) {
            Ok(file) => Ok(Some(Self { file })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(LOCK)(error)),
        }
    }

    pub(crate) fn acquire(&self, disk: &D, timeout: Duration) -> Result<(), StorageError> {
        let mut pause = FIRST_PAUSE;
        let mut waited = Duration::ZERO;
        while !disk.try_lock(&self.file, Sharing::Exclusive).map_err(classify(LOCK))? {
            if waited >= timeout {
                return Err(StorageError::Busy { holder: self.holder(disk) });
            }
            disk.pause(pause);
            waited += pause;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        // Only errors of waiting processes show the holder's name, so a failure to write it is
        // ignored.
        let holder = noted_identity(disk);
        let _ = disk.overwrite(&self.file, 0, &padded(&Holder { holder }, HOLDER_BYTES));
        Ok(())
    }

    /// True if the lock file was not removed or replaced.
    ///
    /// If it was, other processes lock another file.
    pub(crate) fn is_in_place(&self, disk: &D) -> Result<bool, StorageError> {
        let (own, named) = (disk.stat_open(&self.file), disk.stat(LOCK));
        let (own, named) = (own.map_err(unreadable(LOCK))?, named.map_err(unreadable(LOCK))?);
        Ok(named.is_some_and(|named| named.is_same_file(&own)))
    }

    /// Releases the lock. If this fails, closing the file releases it.
    pub(crate) fn release(&self, disk: &D) -> Result<(), StorageError> {
        disk.unlock(&self.file).map_err(classify(LOCK))
    }

    /// Writes the end of the journal to the lock file. Does nothing on a full disk.
    ///
    /// Any other error may be the only sign of a failed sync. If ext4 aborts its own journal during
    /// fdatasync(2), that call returns 0. Only later writes fail (observed on Linux 6.18).
    pub(crate) fn note_tip(&self, disk: &D, tip: &Tip) -> Result<(), StorageError> {
        let tip = serde_json::to_string(tip).unwrap_or_default();
        let note = padded(&CheckedTip { crc: checksum::of(tip.as_bytes()), tip }, TIP_BYTES);
        if note.len() != TIP_BYTES {
            return Ok(());
        }
        match disk.overwrite(&self.file, HOLDER_BYTES as u64, &note).map_err(classify(LOCK)) {
            Ok(()) | Err(StorageError::Full(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn tip(&self, disk: &D) -> Option<Tip> {
        let checked: CheckedTip = self.note(disk, HOLDER_BYTES, TIP_BYTES)?;
        let is_whole = checksum::of(checked.tip.as_bytes()) == checked.crc;
        let tip: Tip = is_whole.then(|| serde_json::from_str(&checked.tip).ok()).flatten()?;
        is_journal_name(&tip.journal).then_some(tip)
    }

    /// Returns the name of the lock's holder.
    ///
    /// If the lock file names this process, the name is outdated. For instance, flock(1) writes no
    /// name.
    fn holder(&self, disk: &D) -> String {
        let note = self.note::<Holder>(disk, 0, HOLDER_BYTES).map(|note| note.holder);
        note.filter(|holder| *holder != noted_identity(disk)).unwrap_or_else(|| "another process".into())
    }

    fn note<T: DeserializeOwned>(&self, disk: &D, offset: usize, length: usize) -> Option<T> {
        let mut bytes = vec![0; length];
        let read = disk.read_at(&self.file, offset as u64, &mut bytes).ok()?;
        serde_json::from_slice(&bytes[..read]).ok()
    }
}

fn noted_identity(disk: &impl Disk) -> String {
    disk.identity().chars().take(HOLDER_BYTES / 8).collect()
}

fn padded(note: &impl Serialize, length: usize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(note).unwrap_or_default();
    bytes.resize(bytes.len().max(length - 1), b' ');
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fake::{DiskImage, FakeDisk};
    use crate::snapshot::Numbering;

    #[test]
    fn a_note_that_names_no_journal_is_ignored() {
        let disk = FakeDisk::new(DiskImage::default());
        let lock = StoreLock::open(&disk).expect("the lock file");
        let stamp = disk.stat(LOCK).expect("the disk").expect("the lock file");
        let header = Header {
            store: String::new(),
            generation: 1,
            seq: 0,
            snapshot_len: 0,
            snapshot_crc: 0,
            numbering: Numbering::default(),
        };
        for (journal, is_believed) in [
            ("QUEUE-STATE.journal.1-5a5a", true),
            ("../../victim.txt", false),
            ("QUEUE-STATE.journal.1-5a5a/../../victim", false),
            ("QUEUE-STATE.json", false),
            ("/etc/passwd", false),
        ] {
            let position = Position { offset: 1, seq: 1, chain: 1 };
            let tip = Tip { snapshot: stamp, journal: journal.into(), header: header.clone(), position };
            lock.note_tip(&disk, &tip).expect("written");
            assert_eq!(lock.tip(&disk).is_some(), is_believed, "{journal}");
        }
    }
}
