//! Executes the store's transactions on a [`Disk`], one after another, each under the lock.
//!
//! An engine caches the store in memory. A transaction refreshes the cache, applies its change to
//! the cached queue, and commits the resulting events. If the commit fails, the engine drops the
//! cache and reads the disk again. A transaction never builds on a state that is not durable: the
//! engine first syncs the lines that other processes have appended.

mod blind_append;
mod commit;
mod load;
mod outlived;
mod replace;
mod validate;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::LatestExchanges;
use autoproc_domain::run_info::RunInfo;
use autoproc_domain::{FileQueue, RunId};

pub(crate) use commit::{Limits, MIN_CHECKPOINT_BYTES};
pub(crate) use replace::Replacement;

use outlived::Outlived;

use crate::disk::{Disk, FolderId, Stamp};
use crate::error::{damaged, no_longer_there, poisoned, replicate, unreadable};
use crate::journal::Position;
use crate::layout::LOCK;
use crate::lock::StoreLock;
use crate::request::{Change, Target};
use crate::snapshot::{Extra, Numbering, SnapshotSum};

/// Whether a handle serves a single command or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For a single command: a change that loads a small queue leaves the queue as one readable
    /// file. An addition to a snapshot of more than 32 KiB usually goes to the journal without
    /// loading the queue. A call blocks the thread that polls its future, because a command has
    /// nothing else to do and starting a thread takes longer than most calls.
    Command,
    /// For a run with many changes: changes go to the journal, and
    /// [`Storage::close`](autoproc_domain::ports::Storage::close) merges the journal of a small
    /// queue into the readable file. The handle has a separate thread for blocking calls, so it
    /// works under any executor.
    Service,
}

/// The maximum number of tries to take the lock. A further try is needed only if the lock file was
/// removed or replaced before it was locked. A user may do this once; ten times indicate a fault.
const MAX_LOCK_FILES: usize = 10;

pub(crate) struct Settings {
    /// Relative paths in the store's files, as the original Python program writes them, are
    /// resolved against this folder.
    pub(crate) base: PathBuf,
    pub(crate) lock_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) mode: Mode,
    pub(crate) on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

pub(crate) struct Engine<D: Disk> {
    disk: D,
    settings: Settings,
    lock: Option<Arc<StoreLock<D>>>,
    loaded: Option<Loaded<D>>,
    /// The contents that this engine had read before it found the files damaged; `None` while the
    /// files are intact.
    outlived: Option<Outlived<D>>,
    /// The open lock file of each run that this handle began. Ending the run removes the entry.
    runs: HashMap<RunId, HeldRun<D>>,
    latest: LatestExchanges,
    /// True if a write has failed and left the disk in an unknown state. This process must then
    /// make no further changes.
    poisoned: bool,
    /// True once this engine, while holding the lock, has found that no run of version 1 of this
    /// program is alive.
    is_without_version_1: bool,
    /// The identity of the state folder, noted when this engine first took the lock; `None` before
    /// that.
    folder: Option<FolderId>,
}

pub(crate) struct HeldRun<D: Disk> {
    pub(crate) info: RunInfo,
    /// The run's lock file, which is open and locked.
    pub(crate) file: D::File,
}

/// The contents of the store as last read or written.
struct Loaded<D: Disk> {
    queue: FileQueue,
    extra: Extra,
    base: Option<Base<D>>,
    journal: Option<Journal<D>>,
    /// The position up to which the journal was read or written. If there is no journal, the
    /// position at which the next one begins.
    position: Position,
    /// True if a changed name in the folder may not be durable: this engine has created the
    /// journal, or another process may have died between changing a name and syncing the folder.
    folder_is_unsynced: bool,
    /// True if the journal may contain unsynced lines of another process.
    journal_is_unsynced: bool,
    /// The end of the journal when this engine last held the lock. Everything before this position
    /// is durable.
    durable: Position,
}

/// The snapshot that the cached state is based on.
struct Base<D: Disk> {
    /// The open snapshot. While it is open, no other file gets its inode number, so a new snapshot
    /// has another stamp even if the file system keeps coarse timestamps.
    file: D::File,
    stamp: Stamp,
    sum: SnapshotSum,
    /// The identity in the snapshot's `store` section; `None` if this program has not written the
    /// snapshot.
    store: Option<StoreIdentity>,
    /// True if a rewrite by this program would keep the items, their numbers and their order; see
    /// [`Snapshot::is_canonical`](crate::snapshot::Snapshot).
    is_canonical: bool,
    /// The rule by which the snapshot's items are numbered. The ids in the snapshot's journal refer
    /// to these numbers.
    numbering: Numbering,
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
    /// Disk space is reserved for the journal up to this length, in bytes.
    reserved: u64,
    /// True if the file was opened under the lock, for appending; false if it was opened only for
    /// reading.
    is_writable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LockState {
    Locked,
    /// This process only reads, and tolerates a concurrent writer.
    Lockless,
}

fn concat(mut before: Vec<Event>, after: Vec<Event>) -> Vec<Event> {
    before.extend(after);
    before
}

impl<D: Disk> Engine<D> {
    pub(crate) fn new(disk: D, settings: Settings) -> Self {
        Self {
            disk,
            settings,
            lock: None,
            loaded: None,
            outlived: None,
            runs: HashMap::new(),
            latest: LatestExchanges::default(),
            poisoned: false,
            is_without_version_1: false,
            folder: None,
        }
    }

    /// Commits all changes in one write, and sends the reply of each. If the files were damaged
    /// since this engine read them, saves the changes in a rescued queue, and replies with the
    /// error.
    pub(crate) fn change(&mut self, mut changes: Vec<Box<dyn Change>>) {
        let committed = self.locked(|engine| {
            if engine.append_blind(&mut changes)? {
                return Ok(());
            }
            engine.refresh(LockState::Locked)?;
            let events = engine.perform(&mut changes);
            engine.commit(&events)
        });
        if let Err(StorageError::Damaged { .. }) = &committed {
            self.rescue(&mut changes);
        }
        if committed.is_err() {
            // Clears `latest`, which may contain an exchange that was not committed.
            self.latest = LatestExchanges::default();
        }
        for change in changes {
            change.answer(committed.as_ref().copied().map_err(replicate));
        }
    }

    fn perform(&mut self, changes: &mut [Box<dyn Change>]) -> Vec<Event> {
        let Self { loaded: Some(loaded), runs, latest, .. } = self else { return Vec::new() };
        let is_own_run = |run: &RunId| runs.contains_key(run);
        let mut target = Target { queue: &mut loaded.queue, is_own_run: &is_own_run, latest };
        let events = changes.iter_mut().map(|change| change.perform(&mut target));
        events.reduce(concat).unwrap_or_default()
    }

    /// Returns the current queue, read without the lock. Never waits, and needs no permission to
    /// write.
    pub(crate) fn view(&mut self) -> Result<&FileQueue, StorageError> {
        self.check_folder()?;
        Ok(&self.refresh(LockState::Lockless)?.queue)
    }

    pub(crate) fn view_with_extra(&mut self) -> Result<(&FileQueue, &Extra), StorageError> {
        let loaded = self.refresh(LockState::Lockless)?;
        Ok((&loaded.queue, &loaded.extra))
    }

    /// Merges the journal into the snapshot if the queue is small and this engine has taken the
    /// lock.
    pub(crate) fn close(&mut self) -> Result<(), StorageError> {
        let limit = self.settings.limits.small_snapshot_bytes;
        let needs_checkpoint = |loaded: &Loaded<D>| loaded.journal.is_some() && commit::is_small(&loaded.queue, limit);
        let has_written = self.lock.is_some() && self.is_without_version_1;
        if has_written && self.loaded.as_ref().is_some_and(needs_checkpoint) {
            self.locked(Self::checkpoint_small)
        } else {
            Ok(())
        }
    }

    /// Calls `work` under the lock. After a failure, drops the cached state, because it may contain
    /// changes that are not on the disk.
    pub(crate) fn locked<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let lock = self.begin_locked()?;
        let worked = work(self);
        let released = lock.release(&self.disk);
        if worked.is_err() {
            self.loaded = None;
        }
        worked.and_then(|answer| released.map(|()| answer))
    }

    /// Takes the lock. Fails if this engine must not change the store. Also restores the lock files
    /// of this engine's runs if they were removed. The caller must release the returned lock.
    pub(crate) fn begin_locked(&mut self) -> Result<Arc<StoreLock<D>>, StorageError> {
        if self.poisoned {
            return Err(poisoned());
        }
        let lock = self.acquire()?;
        if let Err(error) = self.pin_folder().and_then(|()| self.refuse_beside_version_1()) {
            self.loaded = None;
            // The caller gets the first error, so an error of the release is ignored.
            let _ = lock.release(&self.disk);
            return Err(error);
        }
        self.restore_runs();
        Ok(lock)
    }

    /// Takes the lock. If the lock file was removed or replaced, opens or creates it again.
    fn acquire(&mut self) -> Result<Arc<StoreLock<D>>, StorageError> {
        for _ in 0..MAX_LOCK_FILES {
            let lock = match &self.lock {
                Some(lock) => Arc::clone(lock),
                None => {
                    // The folder is checked first, because opening the lock file would create a
                    // missing folder again.
                    self.check_folder()?;
                    Arc::clone(self.lock.insert(Arc::new(StoreLock::open(&self.disk)?)))
                }
            };
            lock.acquire(&self.disk, self.settings.lock_timeout)?;
            let in_place = lock.is_in_place(&self.disk);
            if !matches!(in_place, Ok(true)) {
                // Releases the lock, which would otherwise be held until the next transaction.
                let _ = lock.release(&self.disk);
            }
            if in_place? {
                return Ok(lock);
            }
            self.lock = None;
            self.check_folder()?;
            self.notice("QUEUE-STATE.lock was removed or replaced; it must stay while autoproc is running");
        }
        Err(damaged(LOCK, "the file is replaced faster than it can be locked"))
    }

    /// Records the identity of the state folder at the first call. Every later call checks that the
    /// identity is still the same. Requires the lock.
    fn pin_folder(&mut self) -> Result<(), StorageError> {
        if self.folder.is_none() {
            self.folder = Some(self.disk.identify_folder().map_err(unreadable("the folder"))?);
        }
        self.check_folder()
    }

    /// Fails if the state folder is no longer the one in which this engine has taken the lock.
    /// Without this check, a missing folder would look like an empty queue.
    fn check_folder(&self) -> Result<(), StorageError> {
        match self.folder {
            Some(folder) if self.disk.identify_folder().ok() != Some(folder) => Err(no_longer_there()),
            _ => Ok(()),
        }
    }

    /// Refuses changes while a run of version 1 is alive, because version 1 cannot read the files
    /// of this version. Requires the lock.
    fn refuse_beside_version_1(&mut self) -> Result<(), StorageError> {
        if self.is_without_version_1 {
            return Ok(());
        }
        match self.live_run_of_version_1()? {
            None => {
                self.is_without_version_1 = true;
                Ok(())
            }
            Some(location) => {
                let holder = format!("{location}, a run of an earlier version: stop it before you use this version");
                Err(StorageError::Busy { holder })
            }
        }
    }

    /// Returns the current queue for a change. Requires the lock.
    pub(crate) fn fresh_queue(&mut self) -> Result<&mut FileQueue, StorageError> {
        Ok(&mut self.refresh(LockState::Locked)?.queue)
    }

    /// True if another process has changed the store since this engine last read it, or if nothing
    /// is cached.
    pub(crate) fn is_behind(&self) -> bool {
        self.loaded.as_ref().is_none_or(|loaded| !self.has_read_all(loaded))
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    /// Keeps a run's lock file open, and so locked, until [`Self::release_run`].
    pub(crate) fn hold_run(&mut self, run: HeldRun<D>) {
        self.runs.insert(run.info.id.clone(), run);
    }

    pub(crate) fn held_runs(&self) -> impl Iterator<Item = &HeldRun<D>> {
        self.runs.values()
    }

    /// Removes a run from `runs`, forgets its latest exchange, and returns its open lock file;
    /// `None` if this handle did not begin the run.
    pub(crate) fn release_run(&mut self, run: &RunId) -> Option<D::File> {
        self.latest.forget(run);
        self.runs.remove(run).map(|held| held.file)
    }

    fn notice(&self, text: &str) {
        (self.settings.on_notice)(text);
    }
}
