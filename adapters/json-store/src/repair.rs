//! Repairs a damaged store.
//!
//! # Theory of operation
//!
//! The damaged files are copied to a separate folder, and the copies are synced. Then an ordinary
//! checkpoint commits the repaired queue. The checkpoint's rename replaces the damaged snapshot and
//! its journal in one step. After a crash, the folder contains either the damaged store or the
//! repaired one with the copies.
//!
//! # Deliberately absent
//!
//! This module never chooses a method. Only a person who knows the files can tell which loss is
//! smaller.

mod backup;
mod inspection;
mod replay;

#[cfg(test)]
pub(crate) mod temp_store;
#[cfg(test)]
mod tests;

use std::ops::Add;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;
use autoproc_domain::view::Counts;

use crate::disk::{Disk, RealDisk};
use crate::engine::Mode;
use crate::engine::{Engine, Limits, Settings};
use crate::error::in_folder;
use crate::layout::SNAPSHOT;
use crate::lock::StoreLock;
use inspection::Inspection;

/// The location of a store that is examined, repaired or exported.
#[derive(Debug, Clone)]
pub struct StateFolder {
    /// The folder that contains the store's files.
    pub state_dir: PathBuf,
    /// The folder against which relative paths in the store's files are resolved. The original
    /// Python program wrote relative paths.
    pub base: PathBuf,
    /// The maximum time to wait for the store's lock. After this time, the call fails with an error
    /// that names the lock's holder.
    pub lock_timeout: Duration,
    /// Whether the store may be changed on a network file system.
    pub allow_network_fs: bool,
}

/// A way to repair a damaged store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairMethod {
    /// Keeps the snapshot, and the journal up to the damage.
    Truncate,
    /// Keeps the readable part of the snapshot, the journal up to the damage, and each later line
    /// that is readable and still applies to the queue.
    Salvage,
    /// Keeps only the snapshot.
    UseSnapshot,
    /// Keeps the queue that a live run saved when it found the files damaged.
    UseRescued,
}

impl RepairMethod {
    /// All methods. [`Self::UseRescued`] is first, because it loses least.
    pub const ALL: [Self; 4] = [Self::UseRescued, Self::Truncate, Self::Salvage, Self::UseSnapshot];

    /// Returns the method's name on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Truncate => "truncate",
            Self::Salvage => "salvage",
            Self::UseSnapshot => "use-snapshot",
            Self::UseRescued => "use-rescued",
        }
    }
}

/// The number of changes of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// The number of added files.
    pub additions: usize,
    /// The number of results: attempts that ended, and files that were cancelled while pending.
    pub results: usize,
    /// The number of changes of any other kind.
    pub others: usize,
}

impl Add for ChangeCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            additions: self.additions + other.additions,
            results: self.results + other.results,
            others: self.others + other.others,
        }
    }
}

impl ChangeCounts {
    /// Returns the number of all changes.
    #[must_use]
    pub fn total(self) -> usize {
        self.additions + self.results + self.others
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Enqueued { .. } => self.additions += 1,
            Event::Completed { .. } | Event::Failed { .. } | Event::RetryScheduled { .. } => self.results += 1,
            _ => self.others += 1,
        }
    }
}

/// Damage to one file: changed bytes, or missing changes that were acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The name of the damaged file.
    pub file: String,
    /// What is damaged, and where.
    pub detail: String,
}

/// What a repair by one method would keep and lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairPlan {
    /// The method.
    pub method: RepairMethod,
    /// The number of files in each status after the repair.
    pub counts: Counts,
    /// The number of changes that the method keeps although they come after the damage.
    pub keeps: ChangeCounts,
    /// The number of readable changes that the method loses.
    pub loses: ChangeCounts,
    /// The number of unreadable bytes, which are lost. 0 for [`RepairMethod::UseRescued`].
    pub unreadable_bytes: u64,
    /// The number of acknowledged transactions after the last readable one, as far as the lock file
    /// and a rescued queue tell. Each has at least one change. All are lost.
    pub missing_transactions: u64,
}

/// The result of an examination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The damage. Empty if the store is intact.
    pub damage: Vec<Damage>,
    /// The number of files in each status. `None` if the store is damaged.
    pub counts: Option<Counts>,
    /// The possible repairs. Empty if the store is intact, or if no method can repair it.
    pub plans: Vec<RepairPlan>,
    /// The length of an unfinished last line of the journal, in bytes. The next change removes it;
    /// it does not count as damage.
    pub half_written_bytes: u64,
    /// Messages for the user about anomalies.
    pub notices: Vec<String>,
    /// The names of files and folders that were set aside for the user.
    pub kept_aside: Vec<String>,
}

impl Examination {
    /// True if nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// The outcome of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairOutcome {
    /// The store is not damaged; nothing was changed.
    Sound(Examination),
    /// The method cannot repair this damage; nothing was changed.
    Impossible(Examination),
    /// The store was repaired.
    Repaired {
        /// What was damaged before the repair.
        damage: Vec<Damage>,
        /// The repair that was carried out.
        plan: RepairPlan,
        /// The folder that contains copies of the damaged files.
        backup: PathBuf,
    },
}

/// Reads all files and reports damage. Takes no lock and changes nothing.
///
/// # Errors
/// [`StorageError`] if the store cannot be read, or if a later version wrote it.
pub fn examine(folder: &StateFolder) -> Result<Examination, StorageError> {
    let disk = RealDisk::new(folder.state_dir.clone());
    let inspect = || Inspection::read(&disk, &folder.base, open(folder)).map(|inspection| inspection.examination());
    // A writer may have replaced the files during the first read, so a second read must confirm
    // damage.
    let first = inspect().map_err(|error| in_folder(error, &folder.state_dir))?;
    if first.is_sound() { Ok(first) } else { inspect().map_err(|error| in_folder(error, &folder.state_dir)) }
}

/// Reports what each method would keep and lose, and changes nothing. Holds the lock meanwhile, if
/// the lock file exists.
///
/// # Errors
/// [`StorageError::Busy`] while a run is alive or another process holds the lock; otherwise the
/// errors of [`examine`].
pub fn plan_repair(folder: &StateFolder) -> Result<Examination, StorageError> {
    let disk = RealDisk::new(folder.state_dir.clone());
    let planned = held(&disk, folder.lock_timeout, || {
        refuse_during_runs(&engine(folder))?;
        Ok(Inspection::read(&disk, &folder.base, open(folder))?.examination())
    });
    planned.map_err(|error| in_folder(error, &folder.state_dir))
}

/// Copies the files that the repair replaces or removes, then repairs the store.
///
/// # Errors
/// [`StorageError::Busy`] while a run is alive or another process holds the lock; other errors if
/// the files cannot be read, copied or written. After an error, the store is either unchanged or
/// repaired.
pub fn repair(folder: &StateFolder, method: RepairMethod, now: Timestamp) -> Result<RepairOutcome, StorageError> {
    let planned = plan_repair(folder)?;
    if planned.is_sound() {
        return Ok(RepairOutcome::Sound(planned));
    }
    let mut engine = engine(folder);
    let repaired = engine.locked(|engine| {
        refuse_during_runs(engine)?;
        repair_locked(engine, folder, method, now)
    });
    repaired.map_err(|error| in_folder(error, &folder.state_dir))
}

fn repair_locked(
    engine: &mut Engine<RealDisk>,
    folder: &StateFolder,
    method: RepairMethod,
    now: Timestamp,
) -> Result<RepairOutcome, StorageError> {
    let inspection = Inspection::read(engine.disk(), &folder.base, open(folder))?;
    let examination = inspection.examination();
    if examination.is_sound() {
        return Ok(RepairOutcome::Sound(examination));
    }
    let Some((plan, replacement)) = inspection.repair(method) else {
        return Ok(RepairOutcome::Impossible(examination));
    };
    let files = backup::files(engine.disk())?;
    let backup = backup::copy(&folder.state_dir, &files, now)?;
    engine.replace(replacement)?;
    // A file that cannot be removed does no harm: the new snapshot names another journal, and no
    // rescued queue has a higher transaction number.
    for retired in files.iter().filter(|name| *name != SNAPSHOT) {
        let _ = engine.disk().remove(retired);
    }
    Ok(RepairOutcome::Repaired { damage: examination.damage, plan, backup })
}

/// Calls `work`, under the lock if the lock file exists.
fn held<T>(
    disk: &RealDisk,
    timeout: Duration,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let Some(lock) = StoreLock::open_existing(disk)? else { return work() };
    lock.acquire(disk, timeout)?;
    let worked = work();
    let released = lock.release(disk);
    worked.and_then(|answer| released.map(|()| answer))
}

pub(crate) fn refuse_during_runs(engine: &Engine<RealDisk>) -> Result<(), StorageError> {
    match engine.live_runs()?.first() {
        None => Ok(()),
        Some(run) => Err(StorageError::Busy { holder: format!("the run {} of {}", run.info.id, run.info.location) }),
    }
}

fn open(folder: &StateFolder) -> Result<(), StorageError> {
    engine(folder).view().map(drop)
}

pub(crate) fn engine(folder: &StateFolder) -> Engine<RealDisk> {
    let settings = Settings {
        base: folder.base.clone(),
        lock_timeout: folder.lock_timeout,
        limits: Limits::default(),
        mode: Mode::Command,
        on_notice: Arc::new(|_| {}),
    };
    Engine::new(RealDisk::new(folder.state_dir.clone()).allowing_network_fs(folder.allow_network_fs), settings)
}
