//! Types that describe a run.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::stop::{StopCause, StopLevel};
use crate::time::Timestamp;

/// The location of a run: its machine, boot, pid namespace, process and project folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The machine's host name, which must be unique among the machines that share the queue.
    pub host: Box<str>,
    /// The boot id of the machine when the run began; empty if unknown. A process of an earlier
    /// boot is no longer running.
    pub boot: Box<str>,
    /// The id of the run's pid namespace; empty if unknown. Processes in other namespaces cannot be
    /// observed.
    pub pid_namespace: Box<str>,
    /// The process id of the run, as seen inside `pid_namespace`.
    pub pid: u32,
    /// The path of the run's project folder.
    pub project: Box<Path>,
}

impl Location {
    /// True if both locations are on one machine: they have the same host name or the same boot id.
    /// A container shares the boot id of its host, but often has another host name.
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

/// The data that a run registers when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// The run's id, unique among all runs that ever used the queue.
    pub id: RunId,
    /// When the run began.
    pub started_at: Timestamp,
    /// The maximum number of concurrent attempts.
    pub jobs: usize,
    /// The maximum number of attempts in a round.
    pub max_attempts: u32,
    /// The time limit of an attempt.
    pub timeout: Duration,
    /// A hash of the run's command or workflow; `None` if the run has none or the store does not
    /// know it.
    pub recipe: Option<Recipe>,
    /// The command or the workflow of the run, in human-readable form; `None` if unknown. The text
    /// may be shortened, and it may contain any character.
    pub work: Option<Box<str>>,
    /// The location of the run.
    pub location: Location,
}

/// A run that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    /// The data that the run registered.
    pub info: RunInfo,
    /// The time since the run last contacted the store; `None` if the store knows that the run is
    /// alive now.
    pub heard_of: Option<Duration>,
}

/// A run that is no longer alive, but may have left claims or processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRun {
    /// The id of the dead run.
    pub run: RunId,
    /// The location of the run; `None` if unknown. A run without a location is treated as a run of
    /// this host.
    pub location: Option<Location>,
    /// The evidence of the run's death.
    pub evidence: DeathEvidence,
}

impl DeadRun {
    /// Creates a dead run whose process is gone and whose location is unknown.
    #[must_use]
    pub fn gone(run: RunId) -> Self {
        Self { run, location: None, evidence: DeathEvidence::Gone }
    }
}

/// The evidence that a run is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeathEvidence {
    /// The process of the run is gone.
    Gone,
    /// The lease of the run has expired.
    LeaseOver {
        /// The time since the lease expired, by the store's clock.
        since: Duration,
    },
}

/// A dead run whose processes may still be running. The items of the run must not be claimed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// The id of the dead run.
    pub run: RunId,
    /// A human-readable reason: the processes that may still be running, and why they cannot be
    /// found or ended.
    pub reason: Box<str>,
}

/// The reason why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoppedBy {
    /// No item in the run's scope is waiting.
    QueueEmpty,
    /// Every waiting item is in backoff, and
    /// [`RunConfig::wait_for_backoff`](crate::RunConfig::wait_for_backoff) is false.
    NothingDue,
    /// The run was asked to stop.
    Request(StopCause),
    /// The failure limit is reached.
    TooManyFailed,
    /// The store is full.
    StorageFull,
    /// A program that had worked earlier in the run was missing for longer than
    /// [`RunConfig::program_wait`](crate::RunConfig::program_wait).
    ProgramMissing,
    /// The folder of a file was missing for longer than
    /// [`RunConfig::program_wait`](crate::RunConfig::program_wait).
    InputMissing,
    /// Several files in a row failed with one [signature](crate::signature), and the run does not
    /// wait for items in backoff; see
    /// [`RunConfig::pause_on_same`](crate::RunConfig::pause_on_same).
    FailingAlike,
    /// Items are waiting, but [`RunConfig::until`](crate::RunConfig::until) has passed, or no
    /// attempt would end by then.
    Deadline,
    /// An error ended the run. [`run`](crate::AutonomousProcessor::run) returns the error.
    Error,
}

impl StoppedBy {
    /// Returns the name of the reason, as it appears on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::QueueEmpty => "queue_empty",
            Self::NothingDue => "nothing_due",
            Self::Request(cause) => cause.word(),
            Self::TooManyFailed => "too_many_failed",
            Self::StorageFull => "storage_full",
            Self::ProgramMissing => "program_missing",
            Self::InputMissing => "input_missing",
            Self::FailingAlike => "failing_alike",
            Self::Deadline => "deadline",
            Self::Error => "error",
        }
    }

    /// Returns the reason with this [`word`](Self::word); `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let reasons = [
            Self::QueueEmpty,
            Self::NothingDue,
            Self::TooManyFailed,
            Self::StorageFull,
            Self::ProgramMissing,
            Self::InputMissing,
            Self::FailingAlike,
            Self::Deadline,
            Self::Error,
        ];
        let reasons = reasons.into_iter().chain(StopCause::ALL.map(Self::Request));
        reasons.into_iter().find(|reason| reason.word() == word)
    }
}

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessingResult {
    /// The number of files that completed in the run.
    pub processed: u64,
    /// The number of completed files that changed while they were processed. Such a file is
    /// processed again when it is added again.
    pub changed: u64,
    /// The number of files that ended as failed or timeout in the run.
    pub failed: u64,
    /// The number of failed attempts after which the file became pending again.
    pub retried: u64,
    /// The number of files in the run's scope that were pending when the run ended. If the store
    /// could not be read then, this is the last known number.
    pub remaining: usize,
    /// The number of files in the run's scope that are pending and held by a user.
    pub held: usize,
    /// The number of files in the run's scope that were still processing when the run ended.
    /// Another run has claimed these files, or this run lost track of the attempts.
    pub processing: usize,
    /// The increase in failed and timed-out files in the run's scope during the run. Includes files
    /// that a user cancelled and files that failed in other runs.
    pub failed_in_scope: usize,
    /// The reason why the run ended.
    pub stopped_by: StoppedBy,
    /// The highest stop level that was requested during the run.
    pub stop_level: StopLevel,
}

impl ProcessingResult {
    /// Returns the result of a run that processed no file and was not asked to stop.
    #[must_use]
    pub const fn of_nothing(stopped_by: StoppedBy) -> Self {
        Self {
            processed: 0,
            changed: 0,
            failed: 0,
            retried: 0,
            remaining: 0,
            held: 0,
            processing: 0,
            failed_in_scope: 0,
            stopped_by,
            stop_level: StopLevel::Running,
        }
    }
}
