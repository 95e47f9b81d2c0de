//! Replaces the queue by another one: the last step of a repair, and of a copy from another store.
//!
//! The replacement is an ordinary checkpoint, whose only commit point is the rename of the new
//! snapshot. After a crash, the store is either unchanged or completely replaced.

use autoproc_domain::FileQueue;
use autoproc_domain::ports::StorageError;

use crate::disk::Disk;
use crate::engine::{Engine, Loaded, LockState, StoreIdentity};
use crate::snapshot::{Extra, StoreSection};

#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pub(crate) queue: FileQueue,
    pub(crate) extra: Extra,
    /// The `store` section of the damaged store, if it could be read. The repaired store keeps the
    /// id in this section, and has the next generation. Without a section, it gets a new id.
    pub(crate) store: Option<StoreSection>,
    /// The number of the last transaction: the highest number in the readable files and in the note
    /// of the lock file, so that no known number is assigned twice.
    pub(crate) seq: u64,
}

impl<D: Disk> Engine<D> {
    /// Replaces the current queue. The caller must hold the lock and must have backed up the files.
    pub(crate) fn replace(&mut self, replacement: Replacement) -> Result<(), StorageError> {
        let Replacement { queue, extra, store, seq } = replacement;
        let mut loaded = Loaded { queue, extra, ..Loaded::empty() };
        let section = self.next_section(store.map(StoreIdentity::from).as_ref(), &loaded.queue, seq);
        self.checkpoint_as(section, &mut loaded).map_err(|fault| self.poisoned_by(fault))?;
        self.loaded = Some(loaded);
        Ok(())
    }

    /// Replaces the items of a sound store, and keeps the store's identity. The caller must hold
    /// the lock.
    pub(crate) fn fill(&mut self, queue: FileQueue) -> Result<(), StorageError> {
        self.refresh(LockState::Locked)?;
        let filled = self.with_loaded(|engine, loaded| {
            loaded.queue = queue;
            let seq = loaded.position.seq + 1;
            engine.checkpoint(loaded, seq)
        });
        if filled.is_err() {
            self.loaded = None;
        }
        filled
    }
}
