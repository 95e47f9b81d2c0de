//! Mending a damaged store: what each way to do it keeps and loses, and doing it.
//!
//! # Theory of operation
//!
//! Nothing is mended in place. The files are copied to a folder of their own, and the copies synced; then the queue that
//! was put together is committed by an ordinary checkpoint, whose rename retires the damaged snapshot and the damaged
//! journal in one instant. A crash in between leaves the store as it was, with a copy beside it.
//!
//! # Deliberately absent
//!
//! Choosing: which loss is the smaller one is for whoever knows the files.

mod backup;
mod found;
mod salvage;

#[cfg(test)]
pub(crate) mod place;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::Timestamp;
use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;
use autoproc_domain::view::Counts;

use crate::disk::{Disk, RealDisk};
use crate::engine::{Engine, Limits, Settings};
use crate::error::in_folder;
use crate::lock::StoreLock;
use crate::store::Mode;
use found::Found;

/// A store that is looked after from outside: examined, mended, exported.
#[derive(Debug, Clone)]
pub struct Site {
    /// The folder of the store's files.
    pub state_dir: PathBuf,
    /// What relative paths in files of the original program are relative to.
    pub base: PathBuf,
    /// How long to wait for the lock before saying who holds it.
    pub lock_timeout: Duration,
    /// Whether to write even where the folder is on a network file system.
    pub allow_network_fs: bool,
}

/// A way to mend a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The snapshot, and the journal up to the damage.
    Truncate,
    /// The same, and what can be read behind the damage and still applies.
    Salvage,
    /// The snapshot alone.
    UseSnapshot,
}

impl Choice {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::Truncate, Self::Salvage, Self::UseSnapshot];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Truncate => "truncate",
            Self::Salvage => "salvage",
            Self::UseSnapshot => "use-snapshot",
        }
    }
}

/// Changes by what they would mean to whoever waits for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files offered.
    pub additions: usize,
    /// Attempts that ended, well or badly.
    pub results: usize,
    /// Anything else.
    pub others: usize,
}

impl Tally {
    /// All of them.
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

/// Something in the store that cannot be what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file's name.
    pub place: String,
    /// What is wrong with it, and where.
    pub detail: String,
}

/// What one choice would lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// The choice.
    pub choice: Choice,
    /// The queue as it would be.
    pub counts: Counts,
    /// Changes behind the damage that it would keep.
    pub keeps: Tally,
    /// Changes that can be read and that it would lose.
    pub loses: Tally,
    /// Bytes that nobody can read, and that every choice loses.
    pub unreadable_bytes: u64,
}

/// What an examination found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// What is damaged; nothing where the store is sound.
    pub damage: Vec<Damage>,
    /// The queue, where it is sound.
    pub counts: Option<Counts>,
    /// What can be done about the damage; nothing where only a person can.
    pub prospects: Vec<Prospect>,
    /// Bytes of a half-written last line, which is no damage: the next change cuts it off.
    pub half_written_bytes: u64,
    /// Oddities, for a person.
    pub notices: Vec<String>,
    /// Files that earlier troubles left aside.
    pub kept_aside: Vec<String>,
}

impl Examination {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// What a repair came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// Nothing was damaged, and nothing was changed.
    Sound(Examination),
    /// The damage cannot be mended in this way, and nothing was changed.
    Impossible(Examination),
    /// Done.
    Done {
        /// What was damaged.
        damage: Vec<Damage>,
        /// What was kept and lost.
        prospect: Prospect,
        /// Where the files are as they were.
        backup: PathBuf,
    },
}

/// Reads everything and says what is damaged, without the lock and without a trace.
///
/// # Errors
/// [`StorageError`] where it cannot be read, or a newer version wrote it.
pub fn examine(site: &Site) -> Result<Examination, StorageError> {
    let disk = RealDisk::new(site.state_dir.clone());
    let look = || Found::read(&disk, &site.base, verdict(site)).map(|found| found.examination());
    // A writer may move the files under whoever reads without the lock, so that damage counts only where it stays.
    let first = look().map_err(|error| in_folder(error, &site.state_dir))?;
    if first.is_sound() { Ok(first) } else { look().map_err(|error| in_folder(error, &site.state_dir)) }
}

/// Says what each choice would keep and lose, under the lock and without a trace.
///
/// # Errors
/// [`StorageError::Busy`] while a run lives or somebody else holds the lock; others as for [`examine`].
pub fn plan_repair(site: &Site) -> Result<Examination, StorageError> {
    let disk = RealDisk::new(site.state_dir.clone());
    let planned = held(&disk, site.lock_timeout, || {
        refuse_beside_runs(&engine(site))?;
        Ok(Found::read(&disk, &site.base, verdict(site))?.examination())
    });
    planned.map_err(|error| in_folder(error, &site.state_dir))
}

/// Mends the store, after a copy of its files is safe.
///
/// # Errors
/// [`StorageError::Busy`] while a run lives or somebody else holds the lock; others where the files cannot be read, copied
/// or written. The store is as it was, or mended.
pub fn repair(site: &Site, choice: Choice, now: Timestamp) -> Result<Repaired, StorageError> {
    let planned = plan_repair(site)?;
    if planned.is_sound() {
        return Ok(Repaired::Sound(planned));
    }
    let mut engine = engine(site);
    let repaired = engine.locked(|engine| {
        refuse_beside_runs(engine)?;
        mend(engine, site, choice, now)
    });
    repaired.map_err(|error| in_folder(error, &site.state_dir))
}

fn mend(engine: &mut Engine<RealDisk>, site: &Site, choice: Choice, now: Timestamp) -> Result<Repaired, StorageError> {
    let found = Found::read(engine.disk(), &site.base, verdict(site))?;
    let examination = found.examination();
    if examination.is_sound() {
        return Ok(Repaired::Sound(examination));
    }
    let Some((prospect, replacement)) = found.outcome(choice) else {
        return Ok(Repaired::Impossible(examination));
    };
    let files = backup::files(engine.disk())?;
    let backup = backup::copy(&site.state_dir, &files, now)?;
    engine.replace(replacement)?;
    // Retired by the new snapshot already, and kept in the copy; a leftover is cleared away by the next change.
    for journal in files.iter().filter(|name| crate::layout::is_journal(name)) {
        let _ = engine.disk().remove(journal);
    }
    Ok(Repaired::Done { damage: examination.damage, prospect, backup })
}

/// Does `work` under the lock, where there is one, and leaves no note in it.
fn held<T>(
    disk: &RealDisk,
    patience: Duration,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let Some(lock) = StoreLock::open_existing(disk)? else { return work() };
    lock.acquire(disk, patience)?;
    let worked = work();
    let released = lock.release(disk);
    worked.and_then(|answer| released.map(|()| answer))
}

fn refuse_beside_runs(engine: &Engine<RealDisk>) -> Result<(), StorageError> {
    match engine.living_runs()?.first() {
        None => Ok(()),
        Some(run) => Err(StorageError::Busy { holder: format!("the run {} of {}", run.info.id, run.owner) }),
    }
}

/// What the store says when somebody reads it.
fn verdict(site: &Site) -> Result<(), StorageError> {
    engine(site).view().map(drop)
}

pub(crate) fn engine(site: &Site) -> Engine<RealDisk> {
    let settings = Settings {
        base: site.base.clone(),
        lock_timeout: site.lock_timeout,
        limits: Limits::default(),
        mode: Mode::Command,
        on_notice: Arc::new(|_| {}),
    };
    Engine::new(RealDisk::new(site.state_dir.clone()).allowing_network_fs(site.allow_network_fs), settings)
}
