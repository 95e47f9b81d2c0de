//! Makes changes durable in the journal or in a new snapshot.

use std::io;

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;
use autoproc_domain::{FileQueue, QueueItem};

use crate::disk::{Access, Disk, read_to_end, write_all};
use crate::engine::Mode;
use crate::engine::{Base, Engine, Journal, Loaded, LockState, StoreIdentity};
use crate::error::{classify, unreadable};
use crate::journal::{self, Position};
use crate::layout::{self, ORIGINAL, SNAPSHOT};
use crate::snapshot::{self, Numbering, SnapshotSum, StoreSection};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The maximum length of a small queue's snapshot, in bytes.
    pub(crate) small_snapshot_bytes: u64,
    /// The maximum length of a snapshot that is rewritten to add a file, in bytes.
    pub(crate) blind_append_bytes: u64,
}

impl Limits {
    #[cfg(any(test, fuzzing))]
    pub(crate) const ZERO: Self = Self { small_snapshot_bytes: 0, blind_append_bytes: 0 };
}

impl Default for Limits {
    /// Measured on ext4 in November 2026: a `queue add` that appends takes 1.1 to 1.7 ms. Rewriting
    /// a snapshot of 32 KiB takes 0.7 ms longer, and one of 192 kB takes 1.8 ms longer.
    fn default() -> Self {
        Self { small_snapshot_bytes: 256 * 1024, blind_append_bytes: 32 * 1024 }
    }
}

/// The maximum length of the journal before a checkpoint, in bytes.
///
/// After a long snapshot, the journal may be twice as long as the snapshot.
pub(crate) const MIN_CHECKPOINT_BYTES: u64 = 1024 * 1024;
/// The estimated length of a record without its path.
const RECORD_BYTES: usize = 250;
/// The reserved space for the result of each file in progress.
pub(crate) const RESULT_BYTES: u64 = 1024;
/// The extra bytes of each reservation. They save system calls.
pub(crate) const RESERVE_STEP_BYTES: u64 = 64 * 1024;
const NONCE_DIGITS: usize = 8;

/// Why a change could not be made durable.
pub(super) enum Fault {
    Unchanged(StorageError),
    /// The disk is in an unknown state. This process must make no further changes.
    Unknown(StorageError),
}

impl<D: Disk> Engine<D> {
    /// Makes events durable. After an error, the caller must drop the queue in memory.
    pub(crate) fn commit(&mut self, events: &[Event]) -> Result<(), StorageError> {
        self.with_loaded(|engine, loaded| {
            if events.is_empty() {
                return engine.sync_folder(loaded).map_err(Fault::Unchanged);
            }
            if engine.needs_checkpoint(loaded, events) {
                let seq = loaded.position.seq + 1;
                match engine.checkpoint(loaded, seq) {
                    // The disk may be too full for a snapshot, but still have space for a line.
                    Err(Fault::Unchanged(_)) if loaded.journal_header().is_some() => {}
                    done => return done,
                }
            }
            engine.append(loaded, events)
        })
    }

    pub(super) fn checkpoint_small(&mut self) -> Result<(), StorageError> {
        self.refresh(LockState::Locked)?;
        self.with_loaded(|engine, loaded| {
            if loaded.journal.is_none() || !is_small(&loaded.queue, engine.settings.limits.small_snapshot_bytes) {
                return Ok(());
            }
            let seq = loaded.position.seq;
            engine.checkpoint(loaded, seq)
        })
    }

    pub(super) fn with_loaded(
        &mut self,
        work: impl FnOnce(&Self, &mut Loaded<D>) -> Result<(), Fault>,
    ) -> Result<(), StorageError> {
        let Some(mut loaded) = self.loaded.take() else { return Ok(()) };
        let done = work(self, &mut loaded).and_then(|()| self.note_tip(&loaded).map_err(Fault::Unknown));
        self.loaded = Some(loaded);
        done.map_err(|fault| self.poisoned_by(fault))
    }

    /// Returns the error. After [`Fault::Unknown`], this engine makes no further changes.
    pub(super) fn poisoned_by(&mut self, fault: Fault) -> StorageError {
        match fault {
            Fault::Unchanged(error) => error,
            Fault::Unknown(error) => {
                self.poisoned = true;
                error
            }
        }
    }

    fn needs_checkpoint(&self, loaded: &Loaded<D>, events: &[Event]) -> bool {
        let is_foreign = |base: &Base<D>| !base.is_canonical || base.numbering == Numbering::Version1;
        if loaded.journal_header().is_none() || loaded.base.as_ref().is_some_and(is_foreign) {
            return true;
        }
        let snapshot_len = loaded.base.as_ref().map_or(0, |base| base.sum.len);
        let limit = self.settings.limits.small_snapshot_bytes;
        // The snapshot may still be short when the queue outgrows the limit. One more checkpoint
        // makes it long, so that later commands append lines.
        if self.settings.mode == Mode::Command && (snapshot_len <= limit || is_small(&loaded.queue, limit)) {
            return true;
        }
        outgrows(snapshot_len, loaded.position.offset, events)
    }

    /// Writes a new snapshot with all transactions up to `seq`.
    pub(super) fn checkpoint(&self, loaded: &mut Loaded<D>, seq: u64) -> Result<(), Fault> {
        self.keep_original(loaded).map_err(Fault::Unchanged)?;
        let section = self.next_section(loaded.identity(), &loaded.queue, seq);
        self.checkpoint_as(section, loaded)
    }

    pub(super) fn checkpoint_as(&self, section: StoreSection, loaded: &mut Loaded<D>) -> Result<(), Fault> {
        let temp = layout::temp(&self.disk.nonce());
        let (file, sum) = self.write_snapshot(&temp, loaded, &section).map_err(|error| {
            // If this fails, the next process that loads the store removes the file.
            let _ = self.disk.remove(&temp);
            Fault::Unchanged(classify(SNAPSHOT)(error))
        })?;
        let named = self.disk.rename(&temp, SNAPSHOT).and_then(|()| self.disk.sync_folder());
        let stamp = named.and_then(|()| self.disk.stat_open(&file));
        let stamp = stamp.map_err(|error| Fault::Unknown(classify(SNAPSHOT)(error)))?;
        if let (Some((old, _)), Some(_)) = (loaded.journal_header(), &loaded.journal) {
            // The journal is no longer used. If this fails, the next process that loads the store
            // removes it.
            let _ = self.disk.remove(&old);
        }
        loaded.position = Position { offset: 0, seq: section.seq, chain: 0 };
        let store = Some(StoreIdentity::from(section));
        loaded.base = Some(Base { file, stamp, sum, store, is_canonical: true, numbering: Numbering::Kept });
        loaded.journal = None;
        loaded.durable = loaded.position;
        loaded.folder_is_unsynced = false;
        loaded.journal_is_unsynced = false;
        Ok(())
    }

    pub(super) fn next_section(&self, before: Option<&StoreIdentity>, queue: &FileQueue, seq: u64) -> StoreSection {
        let generation = before.map_or(0, |store| store.generation) + 1;
        let nonce: String = self.disk.nonce().chars().take(NONCE_DIGITS).collect();
        StoreSection {
            id: before.map_or_else(|| self.disk.nonce(), |store| store.id.clone()),
            generation,
            seq,
            next_id: queue.next_number(),
            next_claim: queue.next_claim().get(),
            journal: layout::journal(generation, &nonce),
        }
    }

    fn write_snapshot(
        &self,
        temp: &str,
        loaded: &Loaded<D>,
        section: &StoreSection,
    ) -> io::Result<(D::File, SnapshotSum)> {
        let file = self.disk.open(temp, Access::Create)?;
        self.disk.copy_mode(SNAPSHOT, &file)?;
        let sum = snapshot::write(&self.disk, &file, &loaded.queue, &loaded.extra, section)?;
        self.disk.sync_all(&file)?;
        Ok((file, sum))
    }

    /// Copies a snapshot of another program before its first replacement.
    fn keep_original(&self, loaded: &Loaded<D>) -> Result<(), StorageError> {
        let is_foreign = loaded.base.as_ref().is_some_and(|base| base.store.is_none());
        if !is_foreign || self.disk.stat(ORIGINAL).map_err(unreadable(ORIGINAL))?.is_some() {
            return Ok(());
        }
        let original = self.disk.open(SNAPSHOT, Access::Read).map_err(unreadable(SNAPSHOT))?;
        let bytes = read_to_end(&self.disk, &original, 0).map_err(unreadable(SNAPSHOT))?;
        let copy = self.disk.open(ORIGINAL, Access::Create).map_err(classify(ORIGINAL))?;
        let copied = write_all(&self.disk, &copy, &bytes).and_then(|()| self.disk.sync_all(&copy));
        copied.map_err(|error| {
            // A later checkpoint would mistake the incomplete copy for a complete one.
            let _ = self.disk.remove(ORIGINAL);
            classify(ORIGINAL)(error)
        })
    }

    fn append(&self, loaded: &mut Loaded<D>, events: &[Event]) -> Result<(), Fault> {
        let Some((name, header)) = loaded.journal_header() else { return Ok(()) };
        let before = loaded.position;
        let (bytes, after) = journal::line(before, &header, events);
        self.open_for_append(loaded, &name).map_err(Fault::Unchanged)?;
        self.reserve(loaded, &name, after.offset, events).map_err(Fault::Unchanged)?;
        let Some(journal) = &mut loaded.journal else { return Ok(()) };
        if let Err(fault) = self.write_line(&journal.file, &name, before.offset, &bytes) {
            journal.reserved = 0;
            return Err(fault);
        }
        loaded.position = after;
        if let Err(error) = self.disk.sync_data(&journal.file) {
            return self.recover_from_failed_sync(loaded, &name, before, error);
        }
        loaded.durable = after;
        self.sync_folder(loaded).map_err(Fault::Unknown)
    }

    fn open_for_append(&self, loaded: &mut Loaded<D>, name: &str) -> Result<(), StorageError> {
        let access = match &loaded.journal {
            Some(journal) if journal.is_writable => return Ok(()),
            Some(_) => Access::Append,
            None => Access::Create,
        };
        let file = self.disk.open(name, access).map_err(classify(name))?;
        loaded.folder_is_unsynced |= access == Access::Create;
        loaded.journal = Some(Journal { file, reserved: 0, is_writable: true });
        Ok(())
    }

    /// Reserves journal space up to `end`, the end of the next line. A line that does not fit is
    /// refused before it is written: cutting off a part of it would also free the space that other
    /// processes have reserved behind it (ext4, XFS).
    ///
    /// A claim also reserves space for the results of all files in progress. The results can then
    /// be written to a full disk.
    fn reserve(&self, loaded: &mut Loaded<D>, name: &str, end: u64, events: &[Event]) -> Result<(), StorageError> {
        let is_claim = events.iter().any(|event| matches!(event, Event::Claimed { .. }));
        let results = if is_claim { loaded.queue.counts().processing as u64 * RESULT_BYTES } else { 0 };
        let needed = end + results;
        let Some(journal) = loaded.journal.as_mut().filter(|journal| journal.reserved < needed) else {
            return Ok(());
        };
        let generous = if is_claim { needed + RESERVE_STEP_BYTES } else { needed };
        journal.reserved = match self.disk.reserve(&journal.file, generous) {
            Ok(()) => generous,
            Err(_) => {
                self.disk.reserve(&journal.file, needed).map_err(classify(name))?;
                needed
            }
        };
        Ok(())
    }

    /// Writes a line completely or not at all.
    ///
    /// A partly written line is cut off, which also frees the reserved space. If the cut fails, the
    /// disk is in an unknown state.
    pub(super) fn write_line(&self, file: &D::File, name: &str, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let Err(error) = write_all(&self.disk, file, bytes) else { return Ok(()) };
        let cut = self.disk.truncate(file, offset);
        match cut.and_then(|()| self.disk.sync_data(file)) {
            Ok(()) => Err(Fault::Unchanged(classify(name)(error))),
            Err(_) => Err(Fault::Unknown(classify(name)(error))),
        }
    }

    /// Cuts off the unsynced line, so that no other process reads it, and writes a new snapshot.
    ///
    /// A second sync may succeed although the data is lost. So the sync is not repeated.
    fn recover_from_failed_sync(
        &self,
        loaded: &mut Loaded<D>,
        name: &str,
        before: Position,
        error: io::Error,
    ) -> Result<(), Fault> {
        if let Some(journal) = &loaded.journal {
            let _ = self.disk.truncate(&journal.file, before.offset);
        }
        let seq = before.seq + 1;
        match self.checkpoint(loaded, seq) {
            Ok(()) => {
                self.notice(&format!("{name} could not be synced ({error}); the queue was written to a fresh file"));
                Ok(())
            }
            Err(Fault::Unchanged(_) | Fault::Unknown(_)) => Err(Fault::Unknown(classify(name)(error))),
        }
    }
}

/// True if the queue's snapshot would have at most `limit` bytes, by estimate.
pub(super) fn is_small(queue: &FileQueue, limit: u64) -> bool {
    let length = |item: &QueueItem| (RECORD_BYTES + item.file_path.as_os_str().len()) as u64;
    queue.items().map(length).sum::<u64>() <= limit
}

pub(super) fn outgrows(snapshot_len: u64, journal_len: u64, events: &[Event]) -> bool {
    let added: usize = events.iter().map(length_of).sum();
    journal_len + added as u64 > MIN_CHECKPOINT_BYTES.max(2 * snapshot_len)
}

fn length_of(event: &Event) -> usize {
    match event {
        Event::Enqueued { file_path, .. } => RECORD_BYTES + file_path.as_os_str().len(),
        _ => RECORD_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::request::Repeat;
    use autoproc_domain::{FilePath, ItemId, Priority, Timestamp};

    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::new(text).expect("a path")
    }

    #[test]
    fn a_queue_is_small_up_to_the_limit() {
        let mut queue = FileQueue::new();
        assert!(is_small(&queue, 0));
        for file in ["/a", "/bc", "/def"] {
            let _ = queue.add(&path(file), Priority::new(0), Timestamp::from_micros(0));
        }
        let length = 3 * RECORD_BYTES as u64 + 9;
        assert!(is_small(&queue, length) && !is_small(&queue, length - 1));
    }

    #[test]
    fn a_journal_outgrows_twice_the_length_of_the_snapshot() {
        let added = Event::Enqueued {
            file_path: path("/abc"),
            depth: 0,
            priority: Priority::new(0),
            fingerprint: None,
            repeat: Repeat::default(),
            at: Timestamp::from_micros(0),
        };
        let events = [added, Event::Removed { id: ItemId::new(1) }];
        let length = 2 * RECORD_BYTES as u64 + 4;
        for (snapshot, limit) in [(0, MIN_CHECKPOINT_BYTES), (10 * MIN_CHECKPOINT_BYTES, 20 * MIN_CHECKPOINT_BYTES)] {
            assert!(!outgrows(snapshot, limit - length, &events) && outgrows(snapshot, limit - length + 1, &events));
        }
    }
}
