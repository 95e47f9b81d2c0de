//! The only place that calls fs2, and the wait for the store's lock.
//!
//! fs2's methods are called by their full path: since Rust 1.89 the standard library has methods of the same names, with
//! another error type, and they would silently win.

use std::fs::File;
use std::io;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use serde::{Deserialize, Serialize};

use crate::disk::{Access, Disk, Sharing};
use crate::error::classify;
use crate::layout::{LOCK, SNAPSHOT};
use crate::mistake::{Mistake, made};

/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`]. A transaction holds the lock for well under a
/// millisecond of its own time and one sync.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The note has one length, so that writing it over another never needs room on a full disk.
const NOTE_BYTES: usize = 256;

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
struct Note {
    holder: String,
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
        let _ = disk.overwrite(&self.file, &note(&disk.identity()));
        Ok(())
    }

    /// Frees the lock. Where that fails, closing the file frees it.
    pub(crate) fn release(&self, disk: &D) -> Result<(), StorageError> {
        disk.unlock(&self.file).map_err(classify(LOCK))
    }

    fn holder(&self, disk: &D) -> String {
        let mut bytes = [0; NOTE_BYTES];
        let note = disk.read_at(&self.file, 0, &mut bytes).ok();
        note.and_then(|read| serde_json::from_slice::<Note>(&bytes[..read]).ok())
            .map_or_else(|| "another process".into(), |note| note.holder)
    }
}

fn note(identity: &str) -> Vec<u8> {
    let holder = identity.chars().take(NOTE_BYTES / 8).collect();
    let mut bytes = serde_json::to_vec(&Note { holder }).unwrap_or_default();
    bytes.resize(NOTE_BYTES - 1, b' ');
    bytes.push(b'\n');
    bytes
}
