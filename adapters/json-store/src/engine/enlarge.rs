//! Adding to a small queue without loading it.
//!
//! A small queue is written as one document by every command. An addition changes two places in it, the store's section and
//! the end of the list, so the text between them is taken over as it stands. That is right only where the text is this
//! program's own, by the note that the holder of the lock before us left, and where none of the paths is in it. Else the
//! queue is loaded after all.

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;

use crate::disk::Disk;
use crate::engine::commit::Fault;
use crate::engine::{Base, Change, Engine, Loaded, StoreIdentity};
use crate::lock::Tip;
use crate::snapshot::{self, Extra, Fingerprint, Written};

/// The version of the program, as it stands in notes: another one may write the same path in another way.
pub(super) const WRITER: &str = env!("CARGO_PKG_VERSION");

/// To look for more paths than this takes longer than to load the queue.
const MOST_PATHS: usize = 8;

impl<D: Disk> Engine<D> {
    /// Writes the changes' files behind the others of a small queue; says no where that cannot be done, and nothing was.
    pub(super) fn enlarge(
        &mut self,
        tip: &Tip,
        changes: &mut [Box<dyn Change>],
        additions: &[Event],
    ) -> Result<bool, StorageError> {
        let are_few = (1..=MOST_PATHS).contains(&additions.len());
        let are_paths = additions.iter().all(|event| matches!(event, Event::Enqueued { .. }));
        let Some(written) = self.written(tip).filter(|_| are_few && are_paths) else { return Ok(false) };
        // Of a queue without these paths the answer is the same as of one without any.
        let mut added = nothing_but(tip, &written);
        for change in changes {
            change.perform(&mut added.queue);
        }
        let write = |file: &D::File, added: &Loaded<D>, section: &_| {
            written.write_with(&self.disk, file, &added.queue, section)
        };
        let done = self.checkpoint_as(&mut added, tip.position.seq + 1, write);
        match done.and_then(|()| self.note_tip(&added).map_err(Fault::Unknown)) {
            Ok(()) => Ok(true),
            // A path is there already; or the long way finds room for a line, or the words for what is wrong.
            Err(Fault::Unchanged(_)) => Ok(false),
            Err(Fault::Unknown(error)) => {
                self.poisoned = true;
                Err(error)
            }
        }
    }

    /// The text of the snapshot, where it is our own and has everything of the store in it.
    fn written(&self, tip: &Tip) -> Option<Written<D>> {
        let is_ours = tip.writer.as_deref() == Some(WRITER) && tip.position.offset == 0;
        is_ours.then(|| snapshot::written(&self.disk, tip.snapshot.len).ok().flatten()).flatten()
    }
}

/// The store with an empty queue that goes on counting where the document's does.
fn nothing_but<D: Disk>(tip: &Tip, written: &Written<D>) -> Loaded<D> {
    let print = Fingerprint { len: tip.header.snapshot_len, crc: tip.header.snapshot_crc };
    let store = Some(StoreIdentity::from(written.section().clone()));
    Loaded {
        queue: written.emptied(),
        extra: Extra::default(),
        base: Some(Base { stamp: tip.snapshot, print, store, is_ours: true }),
        journal: None,
        position: tip.position,
        folder_is_unsynced: false,
        journal_is_unsynced: false,
    }
}

#[cfg(test)]
mod tests;
