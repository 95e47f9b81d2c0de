//! The processing loop, over ports only.
//!
//! # Theory of operation
//!
//! One task drives a run. In each round it settles what has ended and claims what is due, in **one** transaction; starts
//! an attempt for each claim, and several at once where they are short, but for claims made ahead of free slots, which are
//! given back where no slot is free in time (docs/adr/0013); then waits for the first of: an attempt ends, the stop level rises, the next item falls due,
//! somebody changes the queue. Running attempts are polled at all times, also while a transaction is under way, so that a
//! slow store never delays a timeout.
//!
//! A run ends when nothing waits any more, when it is asked to stop, when too many files failed, when the store has no room
//! for new claims, or by an error; and in every case only after its last attempt is over. Items of dead runs of which
//! something may still be at work are nobody's: no run waits for them.
//!
//! While the start gate is shut nothing is claimed, what runs goes on, and a stop is obeyed as ever.
//!
//! Deliberately absent: threads, a runtime, and every notion of what an attempt is made of.

mod halt;
mod resources;
mod round;
mod state;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::item::RunId;
use crate::ports::{
    Clock, LiveRun, Observer, Orchestrator, OrchestratorError, RunEvent, RunEventKind, RunInfo, StartGate, StopCause,
    StopLevel, StopSignal, StopSignalError, Storage, StorageError,
};
use crate::recovery::{self, Proof, Recovery};
use crate::retry::RetryPolicy;

pub use halt::{Halt, MIN_ENDED_FOR_A_SHARE};
pub use resources::{Peak, RunResources};
pub use state::{CurrentFile, ProcessorState, ProcessorStatus};

use round::Rounds;

/// The time an attempt may take, unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// The world, as a processor sees it.
#[derive(Clone)]
pub struct Ports {
    /// Where the queue lives.
    pub storage: Arc<dyn Storage>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who carries out attempts.
    pub orchestrator: Arc<dyn Orchestrator>,
    /// Who says stop.
    pub stop: Arc<dyn StopSignal>,
    /// Who holds new starts back; [`OpenGate`](crate::ports::OpenGate) where nobody does.
    pub gate: Arc<dyn StartGate>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
}

/// How a run is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunConfig {
    /// Its name, unique among all runs that ever used the queue.
    pub run: RunId,
    /// Attempts at a time.
    pub jobs: NonZeroUsize,
    /// Time an attempt may take.
    pub timeout: Duration,
    /// How failures are answered.
    pub retry: RetryPolicy,
    /// Whether to wait for items whose backoff is not over; else the run ends when nothing is due.
    pub wait_for_backoff: bool,
    /// After how many failed files to end; `None` goes on whatever fails.
    pub halt: Option<Halt>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoppedBy {
    /// Nothing waits any more.
    QueueEmpty,
    /// Nothing is due, and the run was told not to wait.
    NothingDue,
    /// It was asked to.
    Request(StopCause),
    /// As many files failed as [`RunConfig::halt`] bears.
    TooManyFailed,
    /// The store has no room for new claims.
    StorageFull,
    /// An error, which `run` returns.
    Error,
}

impl StoppedBy {
    /// The word for it, on disk and on screen.
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
    /// Files that ended well.
    pub processed: u64,
    /// Files that ended badly, out of time among them.
    pub failed: u64,
    /// Attempts that failed and were put back for another.
    pub retried: u64,
    /// Files still waiting when the run ended.
    pub remaining: usize,
    /// Why it ended.
    pub stopped_by: StoppedBy,
    /// How urgently it was asked to stop, where it was.
    pub stop_level: StopLevel,
}

/// Why a run could not go on. Attempts under way have ended; results that could not be recorded are lost, and their items
/// are recovered by the next run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessorError {
    /// Other runs are still obeying a stop request; starting now would ignore it. Try again when they have ended.
    #[error("a stop was requested, and {} other run(s) are still finishing", .runs.len())]
    StillStopping {
        /// They.
        runs: Vec<LiveRun>,
    },
    /// The store failed; its error says what to do.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The stop request could not be cleared.
    #[error(transparent)]
    StopSignal(#[from] StopSignalError),
    /// An attempt was lost sight of.
    #[error(transparent)]
    Orchestrator(#[from] OrchestratorError),
}

/// The processor: takes files off the queue until there are none, or until it is told to stop.
pub struct AutonomousProcessor {
    ports: Ports,
    config: RunConfig,
}

impl AutonomousProcessor {
    /// A processor for one run.
    #[must_use]
    pub fn new(ports: Ports, config: RunConfig) -> Self {
        Self { ports, config }
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// [`ProcessorError`]. At [`ProcessorError::StillStopping`] the run has not begun and no item was changed.
    pub async fn run(&self) -> Result<ProcessingResult, ProcessorError> {
        // Before anything is told or written: a queue that cannot be read is no run's to begin on.
        let counts = self.ports.storage.counts().await?;
        let others = self.ports.storage.begin_run(self.info()).await?;
        if let Err(error) = self.settle_stop_request(others).await {
            // It ends as any run does: others that saw it alive as they stopped have left their request to it. What kept it
            // from beginning says more than how that end went.
            let _ = self.end().await;
            return Err(error);
        }
        self.tell(RunEventKind::ProcessorStarted { jobs: self.config.jobs.get(), counts });
        let (result, outcome) = Rounds::new(self, counts).run().await;
        let ended = self.end().await;
        self.tell(RunEventKind::ProcessorStopped { result });
        outcome.and(ended).map(|()| result)
    }

    fn info(&self) -> RunInfo {
        RunInfo {
            id: self.config.run.clone(),
            started_at: self.ports.clock.now(),
            jobs: self.config.jobs.get(),
            max_attempts: self.config.retry.max_attempts(),
            timeout: self.config.timeout,
        }
    }

    /// A stop request that stands at the start either is being obeyed by others, or was made when no run could see it.
    async fn settle_stop_request(&self, others: Vec<LiveRun>) -> Result<(), ProcessorError> {
        if self.ports.stop.request().level == StopLevel::Running {
            return Ok(());
        }
        if !others.is_empty() {
            return Err(ProcessorError::StillStopping { runs: others });
        }
        self.clear_stop_request().await
    }

    /// The last run to obey a stop request takes it away; the store's count of living runs says which one that is.
    async fn end(&self) -> Result<(), ProcessorError> {
        let still_alive = match self.ports.storage.end_run(self.config.run.clone()).await {
            Ok(still_alive) => still_alive,
            Err(error @ StorageError::Busy { .. }) => {
                // Everything is settled. The run ends with its process, and the next one clears up after it.
                self.tell(RunEventKind::StorageTrouble { error: error.to_string().into() });
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if still_alive.is_empty() && self.ports.stop.request().level != StopLevel::Running {
            self.clear_stop_request().await?;
        }
        Ok(())
    }

    async fn clear_stop_request(&self) -> Result<(), ProcessorError> {
        if self.ports.stop.clear().await? {
            self.tell(RunEventKind::StopSignalCleared);
        }
        Ok(())
    }

    /// Puts back what dead runs left, and brings forward what a clock put off that has been set back since.
    async fn recover(&self) -> Result<Recovery, StorageError> {
        let Ports { storage, orchestrator, clock, .. } = &self.ports;
        let limits = (&self.config.retry).into();
        let recovery =
            recovery::recover(storage.as_ref(), orchestrator.as_ref(), clock.as_ref(), limits, Proof::Demanded).await?;
        recovery.taken_back().for_each(|event| self.tell(event));
        Ok(recovery)
    }

    fn tell(&self, kind: RunEventKind) {
        self.ports.observer.observe(&RunEvent { at: self.ports.clock.now(), run: self.config.run.clone(), kind });
    }
}
