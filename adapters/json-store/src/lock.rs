//! Takes flock(2) locks through fs2, waits for the store's lock, and keeps the notes in the lock
//! file.
//!
//! fs2's methods are called by their full path: since Rust 1.89 the standard library has methods
//! with some of the same names and another error type, which would silently take precedence.

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

/// The first pause between two tries to take the lock. Each further pause is twice as long, up to
/// [`MAX_PAUSE`]. A transaction that appends a line holds the lock for well under a millisecond,
/// plus one sync.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// The length of a [`Holder`] note in bytes. Each note has a fixed length, so that overwriting it
/// needs no space on a full disk.
const HOLDER_BYTES: usize = 256;
const TIP_BYTES: usize = 1024;

/// Takes a flock(2) without waiting; returns `false` if another open file holds a conflicting lock.
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

/// Releases a flock(2). Closing the file is not enough: a child process between fork and exec would
/// keep the lock.
pub(crate) fn unlock(file: &File) -> io::Result<()> {
    fs2::FileExt::unlock(file)
}

/// The note that names the lock's holder. If a process waits for the lock for too long, its error
/// contains this name.
#[derive(Serialize, Deserialize)]
struct Holder {
    holder: String,
}

/// A note of the journal's end at a moment when the whole journal was durable. Contains the data
/// for appending a line, and for checking that the journal still ends there.
///
/// The note is written after the journal is synced. The note itself is never synced. So the note
/// may be outdated, but is never ahead of the durable journal: a journal that ends before the noted
/// end has lost acknowledged changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tip {
    pub(crate) snapshot: Stamp,
    pub(crate) journal: String,
    pub(crate) header: Header,
    pub(crate) position: Position,
}

/// A [`Tip`] as JSON text with its CRC-32C, because a crash may leave only a part of the note.
#[derive(Serialize, Deserialize)]
struct CheckedTip {
    crc: u32,
    tip: String,
}

/// The open lock file of the store.
pub(crate) struct StoreLock<D: Disk> {
    file: D::File,
}

impl<D: Disk> StoreLock<D> {
    pub(crate) fn open(disk: &D) -> Result<Self, StorageError> {
        disk.prepare().map_err(classify(""))?;
        let file = disk.open(LOCK, Access::Lock).map_err(classify(LOCK))?;
        Ok(Self { file })
    }

    /// Returns the lock file, if it exists. Opens it read-only, so that taking the lock cannot
    /// change the file.
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
        // Only the errors of waiting processes contain the holder's name, so a failure to write it
        // is ignored.
        let holder = noted_identity(disk);
        let _ = disk.overwrite(&self.file, 0, &padded(&Holder { holder }, HOLDER_BYTES));
        Ok(())
    }

    /// True if the lock file still has its name. Otherwise other processes lock another file, so
    /// this lock does not exclude them.
    pub(crate) fn is_in_place(&self, disk: &D) -> Result<bool, StorageError> {
        let (own, named) = (disk.stat_open(&self.file), disk.stat(LOCK));
        let (own, named) = (own.map_err(unreadable(LOCK))?, named.map_err(unreadable(LOCK))?);
        Ok(named.is_some_and(|named| named.is_same_file(&own)))
    }

    /// Releases the lock. If unlocking fails, closing the file releases it.
    pub(crate) fn release(&self, disk: &D) -> Result<(), StorageError> {
        disk.unlock(&self.file).map_err(classify(LOCK))
    }

    /// Writes a note of the journal's end for later additions. A full disk is not an error: without
    /// the note, an addition loads the queue. A note that is too long is not written.
    ///
    /// Any other failure is an error, because it may be the only sign of a failed sync. If ext4
    /// aborts its own journal during an fdatasync(2), the call returns 0 (observed on Linux 6.18),
    /// and only later writes fail.
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

    /// Returns the note of the journal's end; `None` if it is missing, if its checksum is wrong, or
    /// if it names a file that cannot be a journal.
    pub(crate) fn tip(&self, disk: &D) -> Option<Tip> {
        let checked: CheckedTip = self.note(disk, HOLDER_BYTES, TIP_BYTES)?;
        let is_whole = checksum::of(checked.tip.as_bytes()) == checked.crc;
        let tip: Tip = is_whole.then(|| serde_json::from_str(&checked.tip).ok()).flatten()?;
        is_journal_name(&tip.journal).then_some(tip)
    }

    /// Returns the name of the lock's holder from the note. Ignores a note that this process wrote:
    /// usually it is outdated, because this process is waiting for the lock, and the current
    /// holder, for instance flock(1), has left no note.
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

/// Returns the description of this process, cut to fit into a [`Holder`] note.
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

    /// Without this check, `queue add` would append to any file that a crafted note names.
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
