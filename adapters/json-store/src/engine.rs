//! Executes the store's transactions on a [`Disk`], each under the lock.
//!
//! An engine keeps the queue in memory. A transaction has three steps:
//!
//! - Read the changes of other processes.
//! - Change the queue in memory.
//! - Commit the events.
//!
//! If the commit fails, the engine drops the queue in memory. Other processes may have appended
//! unsynced lines. The engine syncs these lines before it changes the queue.

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
#[cfg(test)]
pub(crate) use commit::{RESERVE_STEP_BYTES, RESULT_BYTES};
pub(crate) use replace::Replacement;

use outlived::Outlived;

use crate::disk::{Disk, FolderId, Stamp};
use crate::error::{damaged, no_longer_there, poisoned, replicate, unreadable};
use crate::journal::Position;
use crate::layout::LOCK;
use crate::lock::StoreLock;
use crate::request::{Change, Target};
use crate::snapshot::{Extra, Numbering, SnapshotSum};

/// The kind of use for which a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For a single command. A command that changes a small queue leaves it as one readable file.
    /// If the snapshot exceeds 32 KiB, an addition usually appends to the journal without loading
    /// the queue. Calls block the polling thread, because starting a thread takes longer than most
    /// calls.
    Command,
    /// For a run, which makes many changes. Changes go to the journal, and
    /// [`Storage::close`](autoproc_domain::ports::Storage::close) merges a small queue's journal
    /// into the readable file. Blocking calls run on a separate thread, so the handle works under
    /// any executor.
    Service,
}

/// The maximum number of lock files to try. The next file is tried only if the lock file was
/// removed or replaced.
const MAX_LOCK_FILES: usize = 10;

pub(crate) struct Settings {
    /// The folder for relative paths in the store's files.
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
    /// The contents that were read before the files were damaged.
    outlived: Option<Outlived<D>>,
    runs: HashMap<RunId, HeldRun<D>>,
    latest: LatestExchanges,
    /// True if a failed write left the disk in an unknown state. This process must then make no
    /// further changes.
    poisoned: bool,
    /// True if this engine, under the lock, found no live run of version 1.
    is_without_version_1: bool,
    folder: Option<FolderId>,
}

pub(crate) struct HeldRun<D: Disk> {
    pub(crate) info: RunInfo,
    pub(crate) file: D::File,
}

struct Loaded<D: Disk> {
    queue: FileQueue,
    extra: Extra,
    base: Option<Base<D>>,
    journal: Option<Journal<D>>,
    /// The position after the last known journal line.
    position: Position,
    /// True if a name change in the folder may not be durable yet.
    folder_is_unsynced: bool,
    /// True if the journal may contain unsynced lines of another process.
    journal_is_unsynced: bool,
    /// The end of the journal when this engine last held the lock. The journal is durable up to
    /// this position.
    durable: Position,
}

/// The snapshot without the journal's changes.
struct Base<D: Disk> {
    /// The open snapshot. The open file keeps the inode number in use, so a new snapshot gets a
    /// different stamp.
    file: D::File,
    stamp: Stamp,
    sum: SnapshotSum,
    /// `None` if another program or a user wrote the snapshot.
    store: Option<StoreIdentity>,
    /// True if rewriting keeps the items, their ids and their order.
    is_canonical: bool,
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
    /// The length up to which disk space is reserved for the journal, in bytes.
    reserved: u64,
    is_writable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LockState {
    Locked,
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

    /// Commits all changes in one write, then sends the replies.
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
            // `latest` may contain an exchange that was not committed.
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

    /// Reads the current queue without the lock. Never waits, and needs no write permission.
    pub(crate) fn view(&mut self) -> Result<&FileQueue, StorageError> {
        self.check_folder()?;
        Ok(&self.refresh(LockState::Lockless)?.queue)
    }

    pub(crate) fn view_with_extra(&mut self) -> Result<(&FileQueue, &Extra), StorageError> {
        let loaded = self.refresh(LockState::Lockless)?;
        Ok((&loaded.queue, &loaded.extra))
    }

    /// Merges the journal of a small queue into the snapshot. Does nothing if this engine has never
    /// taken the lock.
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

    /// Calls `work` under the lock. After an error, drops the queue in memory.
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

    /// Takes the lock. The caller must release the lock.
    pub(crate) fn begin_locked(&mut self) -> Result<Arc<StoreLock<D>>, StorageError> {
        if self.poisoned {
            return Err(poisoned());
        }
        let lock = self.acquire()?;
        if let Err(error) = self.pin_folder().and_then(|()| self.refuse_beside_version_1()) {
            self.loaded = None;
            // The caller gets the first error.
            let _ = lock.release(&self.disk);
            return Err(error);
        }
        self.restore_runs();
        Ok(lock)
    }

    fn acquire(&mut self) -> Result<Arc<StoreLock<D>>, StorageError> {
        for _ in 0..MAX_LOCK_FILES {
            let lock = match &self.lock {
                Some(lock) => Arc::clone(lock),
                None => {
                    // Opening the lock file would create a missing folder again, so the folder is
                    // checked first.
                    self.check_folder()?;
                    Arc::clone(self.lock.insert(Arc::new(StoreLock::open(&self.disk)?)))
                }
            };
            lock.acquire(&self.disk, self.settings.lock_timeout)?;
            let in_place = lock.is_in_place(&self.disk);
            if !matches!(in_place, Ok(true)) {
                // Otherwise the lock would be held until the next transaction.
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

    /// Remembers or checks the identity of the state folder. Requires the lock.
    fn pin_folder(&mut self) -> Result<(), StorageError> {
        if self.folder.is_none() {
            self.folder = Some(self.disk.identify_folder().map_err(unreadable("the folder"))?);
        }
        self.check_folder()
    }

    /// Fails if the state folder was removed or replaced.
    ///
    /// A missing folder would otherwise look like an empty queue.
    fn check_folder(&self) -> Result<(), StorageError> {
        match self.folder {
            Some(folder) if self.disk.identify_folder().ok() != Some(folder) => Err(no_longer_there()),
            _ => Ok(()),
        }
    }

    /// Fails while a run of version 1 is alive. Requires the lock.
    ///
    /// Version 1 cannot read the files of this version.
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

    /// Reads the current queue in order to change it. Requires the lock.
    pub(crate) fn fresh_queue(&mut self) -> Result<&mut FileQueue, StorageError> {
        Ok(&mut self.refresh(LockState::Locked)?.queue)
    }

    /// True if another process may have changed the store since this engine last read it.
    pub(crate) fn is_behind(&self) -> bool {
        self.loaded.as_ref().is_none_or(|loaded| !self.has_read_all(loaded))
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    pub(crate) fn hold_run(&mut self, run: HeldRun<D>) {
        self.runs.insert(run.info.id.clone(), run);
    }

    pub(crate) fn held_runs(&self) -> impl Iterator<Item = &HeldRun<D>> {
        self.runs.values()
    }

    /// Removes a run from `runs` and returns the run's locked file.
    pub(crate) fn release_run(&mut self, run: &RunId) -> Option<D::File> {
        self.latest.forget(run);
        self.runs.remove(run).map(|held| held.file)
    }

    fn notice(&self, text: &str) {
        (self.settings.on_notice)(text);
    }
}
