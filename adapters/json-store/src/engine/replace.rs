//! Replaces the whole queue.
//!
//! The rename of the new snapshot is the only commit point. After a crash, the store contains
//! either the old queue or the new one.

use autoproc_domain::FileQueue;
use autoproc_domain::ports::StorageError;

use crate::disk::Disk;
use crate::engine::{Engine, Loaded, LockState, StoreIdentity};
use crate::snapshot::{Extra, StoreSection};

#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pub(crate) queue: FileQueue,
    pub(crate) extra: Extra,
    /// The `store` section of the damaged store.
    ///
    /// The repaired store keeps the section's id. Without a section, it gets a new id.
    pub(crate) store: Option<StoreSection>,
    /// The highest known transaction number.
    pub(crate) seq: u64,
}

impl<D: Disk> Engine<D> {
    /// Replaces the queue. The caller must hold the lock and must have copied the files.
    pub(crate) fn replace(&mut self, replacement: Replacement) -> Result<(), StorageError> {
        let Replacement { queue, extra, store, seq } = replacement;
        let mut loaded = Loaded { queue, extra, ..Loaded::empty() };
        let section = self.next_section(store.map(StoreIdentity::from).as_ref(), &loaded.queue, seq);
        self.checkpoint_as(section, &mut loaded).map_err(|fault| self.poisoned_by(fault))?;
        self.loaded = Some(loaded);
        Ok(())
    }

    /// Replaces the items of an intact store. The caller must hold the lock.
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
