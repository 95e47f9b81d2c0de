//! Putting a queue in the place of whatever the store holds: what a repair ends with.
//!
//! It is a checkpoint like any other, so the rename of the new snapshot is the only commit point of a repair too, and a
//! crash leaves the store either as damaged as it was or mended.

use autoproc_domain::FileQueue;
use autoproc_domain::ports::StorageError;

use crate::disk::Disk;
use crate::engine::commit::Fault;
use crate::engine::{Base, Engine, Loaded, StoreIdentity};
use crate::journal::Position;
use crate::snapshot::{Extra, Fingerprint, StoreSection};

/// The queue to put there.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    pub(crate) queue: FileQueue,
    pub(crate) extra: Extra,
    /// What the damaged store said of itself, where that could be read. Its identity goes on; else it gets a new one.
    pub(crate) store: Option<StoreSection>,
    /// The number of the last transaction: above all that the damaged files speak of, so that none is given twice.
    pub(crate) seq: u64,
}

impl<D: Disk> Engine<D> {
    /// Commits a queue over what is there. Under the lock; whoever asks has kept a copy of what is there.
    pub(crate) fn replace(&mut self, replacement: Replacement) -> Result<(), StorageError> {
        let Replacement { queue, extra, store, seq } = replacement;
        let stamp = self.disk.stat(crate::layout::SNAPSHOT).ok().flatten();
        let base = store.zip(stamp).map(|(section, stamp)| Base {
            stamp,
            print: Fingerprint::default(),
            store: Some(StoreIdentity::from(section)),
        });
        let position = Position { offset: 0, seq, chain: 0 };
        let mut loaded = Loaded {
            queue,
            extra,
            base,
            journal: None,
            position,
            folder_is_unsynced: true,
            journal_is_unsynced: false,
        };
        self.checkpoint(&mut loaded, seq).map_err(|fault| match fault {
            Fault::Unchanged(error) => error,
            Fault::Unknown(error) => {
                self.poisoned = true;
                error
            }
        })?;
        self.loaded = Some(loaded);
        Ok(())
    }
}
