//! The protocol: one transaction after another, under the lock, against the disk seam.
//!
//! An engine keeps what it last saw of the store and catches up with what others did since. It never answers from a state
//! that is not durable: records another process wrote and perhaps did not sync are synced before anything is built upon
//! them, and a change of its own is forgotten when it could not be made durable.

mod blind_append;
mod commit;
mod load;
mod plausible;
mod replace;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;
use autoproc_domain::{FileQueue, RunId};

pub(crate) use commit::{Limits, MIN_CHECKPOINT_BYTES};
pub(crate) use replace::Replacement;

use crate::disk::{Disk, Stamp};
use crate::error::replicate;
use crate::journal::Position;
use crate::lock::StoreLock;
use crate::mistake::{Mistake, made};
use crate::snapshot::{Extra, Fingerprint};
use crate::store::Mode;

/// What the engine is told when it is made.
pub(crate) struct Settings {
    /// What relative paths in old files are relative to.
    pub(crate) base: PathBuf,
    pub(crate) lock_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) mode: Mode,
    /// Hears of repairs and oddities, for a person.
    pub(crate) on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// One change, which may share its write with others.
pub(crate) trait Change: Send {
    /// Decides and applies; remembers the answer. No events where nothing changes.
    fn perform(&mut self, queue: &mut FileQueue) -> Vec<Event>;
    /// The same without the queue, where that is possible.
    fn perform_unseen(&mut self) -> Option<Vec<Event>>;
    /// Hands out the answer, or the failure.
    fn answer(self: Box<Self>, committed: Result<(), StorageError>);
}

pub(crate) struct Engine<D: Disk> {
    disk: D,
    settings: Settings,
    lock: Option<Arc<StoreLock<D>>>,
    loaded: Option<Loaded<D>>,
    /// The locks of the runs that live in this process.
    runs: HashMap<RunId, D::File>,
    /// A write failed in a way that leaves no truth to build upon.
    poisoned: bool,
}

/// The store as it was last seen.
struct Loaded<D: Disk> {
    queue: FileQueue,
    extra: Extra,
    base: Option<Base>,
    journal: Option<Journal<D>>,
    /// The end of what was read of the journal, or of the snapshot where there is none.
    position: Position,
    /// The names in the folder may not be durable: another process renamed or created and died before it synced.
    folder_is_unsynced: bool,
    /// The journal may hold another process's records that are not synced.
    journal_is_unsynced: bool,
}

/// The snapshot that the state was built on.
#[derive(Debug, Clone)]
struct Base {
    stamp: Stamp,
    print: Fingerprint,
    /// Its store section; absent in a file that this program has not written yet.
    store: Option<StoreIdentity>,
}

#[derive(Debug, Clone)]
struct StoreIdentity {
    id: String,
    generation: u64,
    seq: u64,
    journal: String,
}

struct Journal<D: Disk> {
    file: D::File,
    /// Room that was reserved for it, in bytes from its beginning.
    reserved: u64,
    /// Opened under the lock; a reader's file cannot be appended to.
    is_writable: bool,
}

/// Whether the store may be changed while it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// We hold the lock.
    Locked,
    /// We do not, and change nothing.
    Lockless,
}

/// The events of two changes. Most writes hold a single change, whose events are not moved then.
fn together(mut before: Vec<Event>, after: Vec<Event>) -> Vec<Event> {
    before.extend(after);
    before
}

impl<D: Disk> Engine<D> {
    pub(crate) fn new(disk: D, settings: Settings) -> Self {
        Self { disk, settings, lock: None, loaded: None, runs: HashMap::new(), poisoned: false }
    }

    /// Carries out changes in one write and answers each.
    pub(crate) fn change(&mut self, mut changes: Vec<Box<dyn Change>>) {
        let committed = self.locked(|engine| {
            if engine.append_blind(&mut changes)? {
                return Ok(());
            }
            let loaded = engine.refresh(Hold::Locked)?;
            let events = changes.iter_mut().map(|change| change.perform(&mut loaded.queue));
            let events = events.reduce(together).unwrap_or_default();
            engine.commit(&events)
        });
        for change in changes {
            change.answer(committed.as_ref().copied().map_err(replicate));
        }
    }

    /// The queue as it is now, without the lock: a reader waits for nobody and needs no permission to write.
    pub(crate) fn view(&mut self) -> Result<&FileQueue, StorageError> {
        Ok(&self.refresh(Hold::Lockless)?.queue)
    }

    /// The same with what is not ours in the document.
    pub(crate) fn view_whole(&mut self) -> Result<(&FileQueue, &Extra), StorageError> {
        let loaded = self.refresh(Hold::Lockless)?;
        Ok((&loaded.queue, &loaded.extra))
    }

    /// Leaves a small queue as one readable file.
    pub(crate) fn close(&mut self) -> Result<(), StorageError> {
        let limit = self.settings.limits.small_snapshot_bytes;
        let is_untidy = |loaded: &Loaded<D>| loaded.journal.is_some() && commit::is_small(&loaded.queue, limit);
        let has_written = self.lock.is_some();
        if has_written && self.loaded.as_ref().is_some_and(is_untidy) { self.locked(Self::tidy) } else { Ok(()) }
    }

    /// Does `work` while holding the lock. After a failure what was loaded is forgotten, because it may be ahead of the
    /// disk.
    pub(crate) fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if self.poisoned {
            return Err(StorageError::Poisoned);
        }
        let lock = match &self.lock {
            Some(lock) => Arc::clone(lock),
            None => Arc::clone(self.lock.insert(Arc::new(StoreLock::open(&self.disk)?))),
        };
        lock.acquire(&self.disk, self.settings.lock_timeout)?;
        let worked = work(self);
        let released = lock.release(&self.disk);
        if worked.is_err() && !made(Mistake::FailedChangeKept) {
            self.loaded = None;
        }
        worked.and_then(|answer| released.map(|()| answer))
    }

    /// The queue as it is now, to be changed. Under the lock.
    pub(crate) fn fresh_queue(&mut self) -> Result<&mut FileQueue, StorageError> {
        Ok(&mut self.refresh(Hold::Locked)?.queue)
    }

    /// Whether somebody else has changed the store since this engine last looked.
    pub(crate) fn is_behind(&self) -> bool {
        self.loaded.as_ref().is_none_or(|loaded| !self.has_seen_all(loaded))
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    /// Holds a run's lock until it is released.
    pub(crate) fn hold_run(&mut self, run: RunId, file: D::File) {
        self.runs.insert(run, file);
    }

    /// The lock of a run of ours.
    pub(crate) fn release_run(&mut self, run: &RunId) -> Option<D::File> {
        self.runs.remove(run)
    }

    fn notice(&self, text: &str) {
        (self.settings.on_notice)(text);
    }
}
