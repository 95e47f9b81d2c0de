//! What is known of a run: where it works, who lives, who is dead and by what evidence, and what a
//! run comes to.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::item::RunId;
use crate::stop::{StopCause, StopLevel};
use crate::time::Timestamp;

/// Where a run works: the machine, its boot, the processes that it can see, and the project.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The machine's name among the machines that share the queue.
    pub host: Box<str>,
    /// Identifies the machine's boot; nothing of another boot is still at work. Empty if unknown.
    pub boot: Box<str>,
    /// Identifies the pid namespace: processes of another one cannot be seen. Empty if unknown.
    pub pid_namespace: Box<str>,
    /// The process that carries the run, in its namespace.
    pub pid: u32,
    /// The project folder.
    pub project: Box<Path>,
}

impl Location {
    /// True if processes of `other` run under this kernel, or ran on this machine before it was
    /// booted again. A container has the boot of its host and often another host name.
    #[must_use]
    pub fn is_same_host(&self, other: &Self) -> bool {
        self.host == other.host || (!self.boot.is_empty() && self.boot == other.boot)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// What a run registers of itself when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// The run's name.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// The most attempts at a time.
    pub jobs: usize,
    /// The most attempts of a round.
    pub max_attempts: u32,
    /// The time that an attempt has.
    pub timeout: Duration,
    /// Where it works.
    pub location: Location,
}

/// A run that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    /// What it registered.
    pub info: RunInfo,
    /// How long ago the store last heard of it; `None` if the store can tell that it is alive now.
    pub heard_of: Option<Duration>,
}

/// A run that ended without saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRun {
    /// The run.
    pub run: RunId,
    /// Where it worked; `None` if that is unknown, which counts as here.
    pub location: Option<Location>,
    /// How the store knows.
    pub evidence: DeathEvidence,
}

impl DeadRun {
    /// A run whose process is gone, from a place that is not known.
    #[must_use]
    pub fn gone(run: RunId) -> Self {
        Self { run, location: None, evidence: DeathEvidence::Gone }
    }
}

/// Why a store takes a run for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeathEvidence {
    /// The process that carried the run is gone.
    Gone,
    /// The run did not renew its lease.
    LeaseOver {
        /// How long the lease has been over, by the store's clock.
        since: Duration,
    },
}

/// A dead run whose processes may still be at work: its items must not be given to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// The run.
    pub run: RunId,
    /// The processes that may still run, and why they cannot be found or ended.
    pub reason: Box<str>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoppedBy {
    /// Nothing of its scope waits any more.
    QueueEmpty,
    /// Nothing is due, and the run does not wait for backoffs.
    NothingDue,
    /// It was asked to stop.
    Request(StopCause),
    /// The failure limit is reached.
    TooManyFailed,
    /// The store has no room for new claims.
    StorageFull,
    /// An error, which `run` returns.
    Error,
}

impl StoppedBy {
    /// The word on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::QueueEmpty => "queue_empty",
            Self::NothingDue => "nothing_due",
            Self::Request(cause) => cause.word(),
            Self::TooManyFailed => "too_many_failed",
            Self::StorageFull => "storage_full",
            Self::Error => "error",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessingResult {
    /// Files that completed.
    pub processed: u64,
    /// Files that ended as failed or timeout.
    pub failed: u64,
    /// Attempts that failed and were followed by another one.
    pub retried: u64,
    /// Files of the run's scope that were pending when the run ended; the last known number if the
    /// store could not be read then.
    pub remaining: usize,
    /// Those of them that a person has set aside.
    pub held: usize,
    /// Files of the run's scope that others were processing then, or that dead runs still held.
    pub processing: usize,
    /// Why it ended.
    pub stopped_by: StoppedBy,
    /// The highest stop level that it was asked for.
    pub stop_level: StopLevel,
}
