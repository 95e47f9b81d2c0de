//! Blind appends: adding files without loading the queue.
//!
//! Only the end of the journal is needed. After each sync of the journal, the journal's end is
//! written to the lock file. If the snapshot or the journal has changed since then, the queue is
//! loaded.
//!
//! Only handles in [`Mode::Command`] append blindly. They rewrite a snapshot of up to
//! [`Limits::blind_append_bytes`](crate::engine::Limits) instead. The whole queue is then one
//! readable file.

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;

use crate::disk::{Access, Disk};
use crate::engine::Mode;
use crate::engine::commit::{Fault, outgrows};
use crate::engine::{Engine, Loaded, concat};
use crate::error::classify;
use crate::journal;
use crate::layout::SNAPSHOT;
use crate::lock::Tip;
use crate::request::Change;
use crate::snapshot::{self, Numbering};

impl<D: Disk> Engine<D> {
    /// Appends the added files to the journal. Returns `false` if the queue must be loaded.
    pub(super) fn append_blind(&mut self, changes: &mut [Box<dyn Change>]) -> Result<bool, StorageError> {
        if self.settings.mode != Mode::Command || self.loaded.is_some() || self.outlived.is_some() {
            return Ok(false);
        }
        let Some(tip) = self.tip() else { return Ok(false) };
        if tip.snapshot.len <= self.settings.limits.blind_append_bytes {
            return Ok(false);
        }
        let events: Option<Vec<_>> = changes.iter_mut().map(|change| change.perform_blind()).collect();
        let events = events.and_then(|events| events.into_iter().reduce(concat)).unwrap_or_default();
        if events.is_empty() || outgrows(tip.snapshot.len, tip.position.offset, &events) {
            return Ok(false);
        }
        self.append_at(tip, &events).map_err(|fault| self.poisoned_by(fault))?;
        Ok(true)
    }

    pub(super) fn note_tip(&self, loaded: &Loaded<D>) -> Result<(), StorageError> {
        if loaded.folder_is_unsynced || loaded.journal_is_unsynced {
            return Ok(());
        }
        let (Some(lock), Some(base), Some(end)) = (&self.lock, &loaded.base, loaded.durable_end()) else {
            return Ok(());
        };
        if !base.is_canonical || base.numbering == Numbering::Version1 {
            return Ok(());
        }
        lock.note_tip(&self.disk, &end)
    }

    fn tip(&self) -> Option<Tip> {
        let tip = self.lock.as_ref()?.tip(&self.disk)?;
        if tip.header.numbering == Numbering::Version1 {
            return None;
        }
        let snapshot = self.disk.open(SNAPSHOT, Access::Read).ok()?;
        // With coarse timestamps, a newer snapshot may have the noted stamp. It names another
        // journal.
        if snapshot::store_of(&self.disk, &snapshot).ok()??.journal != tip.journal {
            return None;
        }
        let snapshot = self.disk.stat_open(&snapshot).ok()?;
        let journal_len = self.disk.stat(&tip.journal).ok()?.map(|stamp| stamp.len);
        let ends_there = match journal_len {
            Some(len) => len > 0 && len == tip.position.offset,
            None => tip.position.offset == 0,
        };
        (snapshot == tip.snapshot && ends_there).then_some(tip)
    }

    fn append_at(&self, mut tip: Tip, events: &[Event]) -> Result<(), Fault> {
        let before = tip.position.offset;
        let (bytes, after) = journal::line(tip.position, &tip.header, events);
        let access = if before == 0 { Access::Create } else { Access::Append };
        let name = tip.journal.as_str();
        let unchanged = |error| Fault::Unchanged(classify(name)(error));
        let file = self.disk.open(name, access).map_err(unchanged)?;
        // Without room, the line is refused before a part of it is written: cutting it off would
        // also free the space that a run has reserved for results.
        self.disk.reserve(&file, after.offset).map_err(unchanged)?;
        self.write_line(&file, name, before, &bytes)?;
        self.disk.sync_data(&file).map_err(|error| {
            // A failed sync cannot be answered with a new snapshot, because the queue is not
            // loaded. The line is cut off instead.
            let _ = self.disk.truncate(&file, before);
            Fault::Unknown(classify(name)(error))
        })?;
        if access == Access::Create {
            // An existing journal's name is durable: no note is written while the folder is
            // unsynced.
            self.disk.sync_folder().map_err(|error| Fault::Unknown(classify(name)(error)))?;
        }
        tip.position = after;
        self.lock.as_ref().map_or(Ok(()), |lock| lock.note_tip(&self.disk, &tip)).map_err(Fault::Unknown)
    }
}
