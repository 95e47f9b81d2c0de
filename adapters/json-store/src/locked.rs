//! Locks a queue for copying.

use std::path::PathBuf;
use std::sync::Arc;

use autoproc_domain::FileQueue;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::Restore;

use crate::disk::RealDisk;
use crate::engine::Engine;
use crate::error::{damaged, in_folder};
use crate::layout::SNAPSHOT;
use crate::lock::StoreLock;
use crate::repair::{StateFolder, engine, refuse_during_runs};

/// A queue that this process locked while no run was alive. Dropping the value releases the lock.
pub struct LockedQueue {
    engine: Engine<RealDisk>,
    lock: Arc<StoreLock<RealDisk>>,
    state_dir: PathBuf,
}

impl std::fmt::Debug for LockedQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockedQueue").field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}

impl LockedQueue {
    /// Locks the queue. Creates the folder if it is missing.
    ///
    /// # Errors
    /// [`StorageError::Busy`] while a run is alive or another process holds the lock; other errors
    /// if the folder cannot be used.
    pub fn lock(folder: &StateFolder) -> Result<Self, StorageError> {
        let mut engine = engine(folder);
        let located = |error| in_folder(error, &folder.state_dir);
        let lock = engine.begin_locked().map_err(located)?;
        let locked = Self { engine, lock, state_dir: folder.state_dir.clone() };
        refuse_during_runs(&locked.engine).map_err(located)?;
        Ok(locked)
    }

    /// Returns the queue.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be read.
    pub fn queue(&mut self) -> Result<&FileQueue, StorageError> {
        self.engine.fresh_queue().map(|queue| &*queue).map_err(|error| in_folder(error, &self.state_dir))
    }

    /// True if the files contain keys that this program does not know. [`queue`](Self::queue)
    /// leaves them out.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be read.
    pub fn has_unknown_keys(&mut self) -> Result<bool, StorageError> {
        let viewed = self.engine.view_with_extra().map_err(|error| in_folder(error, &self.state_dir));
        viewed.map(|(_, extra)| !extra.is_empty())
    }

    /// Replaces the queue by another one. The new queue is durable when the call returns. After a
    /// crash, the folder has either the old queue or the new one. Ids and claim numbers of the old
    /// queue are not reused.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be written.
    pub fn replace(&mut self, queue: FileQueue) -> Result<(), StorageError> {
        let replaced = self.numbered(queue).and_then(|queue| self.engine.fill(queue));
        replaced.map_err(|error| in_folder(error, &self.state_dir))
    }

    /// Returns `queue`. Its next id and next claim number are at least those of the current queue.
    fn numbered(&mut self, queue: FileQueue) -> Result<FileQueue, StorageError> {
        let present = self.engine.fresh_queue()?;
        let (number, claim) = (present.next_number(), present.next_claim());
        if queue.next_number() >= number && queue.next_claim() >= claim {
            Ok(queue)
        } else {
            raised(&queue, number, claim)
        }
    }
}

fn raised(queue: &FileQueue, number: u64, claim: ClaimNumber) -> Result<FileQueue, StorageError> {
    let mut restore = Restore::with_room(queue.counts().total());
    for item in queue.items() {
        restore.push(item.clone()).map_err(|refused| damaged(SNAPSHOT, refused.reason.to_string()))?;
    }
    Ok(restore.finish(number.max(queue.next_number()), claim.max(queue.next_claim())))
}

impl Drop for LockedQueue {
    fn drop(&mut self) {
        // If this fails, closing the file releases the lock.
        let _ = self.lock.release(self.engine.disk());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::temp_store::TempStore;

    #[test]
    fn a_queue_replaces_an_empty_one_and_keeps_its_numbers() {
        let (from, to) = (TempStore::with_journal(5), TempStore::new());
        let mut source = LockedQueue::lock(&from.folder()).expect("free");
        let queue = source.queue().expect("readable").clone();
        let mut target = LockedQueue::lock(&to.folder()).expect("free");
        target.replace(queue.clone()).expect("written");
        drop(target);
        assert_eq!(to.items(), from.items());
        let mut target = LockedQueue::lock(&to.folder()).expect("free again");
        let copied = target.queue().expect("readable");
        assert_eq!((copied.next_number(), copied.next_claim()), (queue.next_number(), queue.next_claim()));
        target.replace(FileQueue::new()).expect("written");
        let empty = target.queue().expect("readable");
        assert_eq!((empty.counts().total(), empty.next_number()), (0, queue.next_number()));
    }

    #[test]
    fn a_locked_queue_is_busy() {
        let temp = TempStore::with_journal(2);
        let _locked = LockedQueue::lock(&temp.folder()).expect("free");
        let error = LockedQueue::lock(&temp.folder()).expect_err("locked");
        assert!(matches!(error, StorageError::Busy { .. }), "{error}");
    }
}
