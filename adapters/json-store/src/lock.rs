//! The only place that calls fs2, and the wait for the store's lock.
//!
//! fs2's methods are called by their full path: since Rust 1.89 the standard library has methods of the same names, with
//! another error type, and they would silently win.

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
use crate::layout::{LOCK, SNAPSHOT};
use crate::mistake::{Mistake, made};

/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`]. A transaction holds the lock for well under a
/// millisecond of its own time and one sync.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Notes have one length, so that writing one over another never needs room on a full disk.
const HOLDER_BYTES: usize = 256;
const TIP_BYTES: usize = 1024;

/// Takes a flock(2) without waiting; `false` where somebody else holds it.
pub(crate) fn try_lock(file: &File, sharing: Sharing) -> io::Result<bool> {
    loop {
        let taken = match sharing {
            Sharing::Exclusive => fs2::FileExt::try_lock_exclusive(file),
            Sharing::Shared => fs2::FileExt::try_lock_shared(file),
        };
        match taken {
            Ok(()) => return Ok(true),
            // fs2 hands on the interruption by a signal; flock(2) says to try again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Frees a flock(2). Explicitly, because a child between fork and exec keeps a merely closed lock alive.
pub(crate) fn unlock(file: &File) -> io::Result<()> {
    fs2::FileExt::unlock(file)
}

/// Who holds the lock, written into it for whoever waits in vain.
#[derive(Serialize, Deserialize)]
struct Holder {
    holder: String,
}

/// Where the store ended when everything of it was durable: what one needs to know to append to it, and to see that it
/// still ends there. Written after the syncs it speaks of and never synced itself, so it may be old, but never ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tip {
    pub(crate) snapshot: Stamp,
    pub(crate) journal: String,
    pub(crate) header: Header,
    pub(crate) position: Position,
}

/// A tip with the crc32c of its JSON text before it, because a crash may leave half of it.
#[derive(Serialize, Deserialize)]
struct CheckedTip {
    crc: u32,
    tip: String,
}

/// The lock of the store, open for the life of a handle.
pub(crate) struct StoreLock<D: Disk> {
    file: D::File,
}

impl<D: Disk> StoreLock<D> {
    pub(crate) fn open(disk: &D) -> Result<Self, StorageError> {
        disk.prepare().map_err(classify(""))?;
        let name = if made(Mistake::LockOnSnapshot) { SNAPSHOT } else { LOCK };
        let file = disk.open(name, Access::Lock).map_err(classify(name))?;
        Ok(Self { file })
    }

    /// The lock, where there is one already; opened for reading, so that holding it leaves no trace.
    pub(crate) fn open_existing(disk: &D) -> Result<Option<Self>, StorageError> {
        match disk.open(LOCK, Access::Read) {
            Ok(file) => Ok(Some(Self { file })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(LOCK)(error)),
        }
    }

    /// Waits for the lock for as long as `patience`.
    pub(crate) fn acquire(&self, disk: &D, patience: Duration) -> Result<(), StorageError> {
        if made(Mistake::NotLocked) {
            return Ok(());
        }
        let mut pause = FIRST_PAUSE;
        let mut waited = Duration::ZERO;
        while !disk.try_lock(&self.file, Sharing::Exclusive).map_err(classify(LOCK))? {
            if waited >= patience {
                return Err(StorageError::Busy { holder: self.holder(disk) });
            }
            disk.pause(pause);
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        // Without the note a waiter only knows less.
        let holder = disk.identity().chars().take(HOLDER_BYTES / 8).collect();
        let _ = disk.overwrite(&self.file, 0, &padded(&Holder { holder }, HOLDER_BYTES));
        Ok(())
    }

    /// Frees the lock. Where that fails, closing the file frees it.
    pub(crate) fn release(&self, disk: &D) -> Result<(), StorageError> {
        disk.unlock(&self.file).map_err(classify(LOCK))
    }

    /// Leaves a note of where the store ends, for processes that have only something to add. Without it they look for
    /// themselves, so it may be missing for want of room.
    ///
    /// Any other failure is told, because it may be all that is heard of a sync that did not happen: where ext4 gives up
    /// its journal while fdatasync(2) waits for it, that returns 0 (seen on Linux 6.18), and only what is written afterwards
    /// fails.
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

    /// The note that was left last, where there is one and it is whole.
    pub(crate) fn tip(&self, disk: &D) -> Option<Tip> {
        let checked: CheckedTip = self.note(disk, HOLDER_BYTES, TIP_BYTES)?;
        let is_whole = checksum::of(checked.tip.as_bytes()) == checked.crc;
        is_whole.then(|| serde_json::from_str(&checked.tip).ok()).flatten()
    }

    fn holder(&self, disk: &D) -> String {
        let note = self.note::<Holder>(disk, 0, HOLDER_BYTES);
        note.map_or_else(|| "another process".into(), |note| note.holder)
    }

    fn note<T: DeserializeOwned>(&self, disk: &D, offset: usize, length: usize) -> Option<T> {
        let mut bytes = vec![0; length];
        let read = disk.read_at(&self.file, offset as u64, &mut bytes).ok()?;
        serde_json::from_slice(&bytes[..read]).ok()
    }
}

/// A note as a line of this length.
fn padded(note: &impl Serialize, length: usize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(note).unwrap_or_default();
    bytes.resize(bytes.len().max(length - 1), b' ');
    bytes.push(b'\n');
    bytes
}
