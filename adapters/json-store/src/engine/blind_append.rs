//! Adding to a queue without loading it.
//!
//! An addition to a large queue needs nothing of it but its end, and the holder of the lock before us left a note of that. The
//! note is believed only where snapshot and journal are still exactly what it speaks of; whatever is amiss with it, the
//! queue is loaded after all, which finds out the truth. A small queue is `enlarge`'s.

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;

use crate::disk::{Access, Disk};
use crate::engine::commit::{Fault, outgrows};
use crate::engine::enlarge::WRITER;
use crate::engine::{Change, Engine, Loaded, together};
use crate::error::classify;
use crate::journal;
use crate::layout::SNAPSHOT;
use crate::lock::Tip;
use crate::mistake::{Mistake, made};
use crate::store::Mode;

impl<D: Disk> Engine<D> {
    /// Appends the changes' events without having seen the queue; says no where that cannot be done, and nothing was.
    pub(super) fn append_unseen(&mut self, changes: &mut [Box<dyn Change>]) -> Result<bool, StorageError> {
        if self.settings.mode != Mode::Command || self.loaded.is_some() {
            return Ok(false);
        }
        let Some(tip) = self.tip() else { return Ok(false) };
        let events: Option<Vec<_>> = changes.iter_mut().map(|change| change.perform_unseen()).collect();
        let Some(events) = events.and_then(|events| events.into_iter().reduce(together)) else { return Ok(false) };
        if tip.snapshot.len <= self.settings.small_snapshot_bytes {
            return self.enlarge(&tip, changes, &events);
        }
        if events.is_empty() || outgrows(tip.snapshot.len, tip.position.offset, &events) {
            return Ok(false);
        }
        self.append_at(tip, &events).map_err(|fault| match fault {
            Fault::Unchanged(error) => error,
            Fault::Unknown(error) => {
                self.poisoned = true;
                error
            }
        })?;
        Ok(true)
    }

    /// Leaves the note for the next one.
    pub(super) fn note_tip(&self, loaded: &Loaded<D>) -> Result<(), StorageError> {
        if loaded.folder_is_unsynced || loaded.journal_is_unsynced {
            return Ok(());
        }
        let (Some(lock), Some(base), Some((journal, header))) = (&self.lock, &loaded.base, loaded.journal_header())
        else {
            return Ok(());
        };
        let writer = base.is_ours.then(|| WRITER.to_owned());
        lock.note_tip(&self.disk, &Tip { snapshot: base.stamp, journal, header, position: loaded.position, writer })
    }

    /// The noted end of the store, where the store still ends there.
    fn tip(&self) -> Option<Tip> {
        let tip = self.lock.as_ref()?.tip(&self.disk)?;
        let snapshot = self.disk.stat(SNAPSHOT).ok()??;
        let journal_len = self.disk.stat(&tip.journal).ok()?.map(|stamp| stamp.len);
        let ends_there = match journal_len {
            Some(len) => len > 0 && len == tip.position.offset,
            None => tip.position.offset == 0,
        };
        let is_true = snapshot == tip.snapshot && ends_there;
        (is_true || made(Mistake::TipBelieved)).then_some(tip)
    }

    fn append_at(&self, mut tip: Tip, events: &[Event]) -> Result<(), Fault> {
        let before = tip.position.offset;
        let (bytes, after) = journal::line(tip.position, &tip.header, events);
        let access = if before == 0 { Access::Create } else { Access::Append };
        let name = tip.journal.as_str();
        let file = self.disk.open(name, access).map_err(|error| Fault::Unchanged(classify(name)(error)))?;
        if made(Mistake::TipNotedEarly)
            && let Some(lock) = &self.lock
        {
            let _ = lock.note_tip(&self.disk, &Tip { position: after, ..tip.clone() });
        }
        self.write_line(&file, name, before, &bytes)?;
        self.disk.sync_data(&file).map_err(|error| {
            // Without the queue there is nothing to write to a fresh file; what is not durable is taken out of sight.
            let _ = self.disk.truncate(&file, before);
            Fault::Unknown(classify(name)(error))
        })?;
        if access == Access::Create {
            // Of a journal that was there, the note was left after its name was durable.
            self.disk.sync_folder().map_err(|error| Fault::Unknown(classify(name)(error)))?;
        }
        tip.position = after;
        self.lock.as_ref().map_or(Ok(()), |lock| lock.note_tip(&self.disk, &tip)).map_err(Fault::Unknown)
    }
}
