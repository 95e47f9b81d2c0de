//! The port through which a run tells its story: the event log, the state file, the progress shown to a person.

use std::time::Duration;

use crate::file_path::FilePath;
use crate::item::{AttemptNumber, ClaimNumber, ItemId, QueueItem, RunId};
use crate::ports::{ResourceUsage, StopCause, StopLevel};
use crate::processor::ProcessingResult;
use crate::time::Timestamp;
use crate::view::Counts;

/// Which attempt an event speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOf {
    /// The item.
    pub id: ItemId,
    /// Its file.
    pub file_path: FilePath,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The claim it is made under, while there is one.
    pub claim: Option<ClaimNumber>,
}

impl AttemptOf {
    /// The attempt an item was last claimed for; the first where it never was.
    pub(crate) fn latest(item: &QueueItem) -> Self {
        let claim = item.claim.as_ref().map(|claim| claim.number);
        let attempt = AttemptNumber::new(item.attempts.max(1)).expect("at least one is not zero");
        Self { id: item.id, file_path: item.file_path.clone(), attempt, claim }
    }
}

/// Something a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    /// When.
    pub at: Timestamp,
    /// Which run.
    pub run: RunId,
    /// What.
    pub kind: RunEventKind,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEventKind {
    /// It began.
    ProcessorStarted {
        /// Attempts at a time.
        jobs: usize,
        /// The queue as it found it.
        counts: Counts,
    },
    /// A stop request that no run was there to see was taken away.
    StopSignalCleared,
    /// A dead run's file was put back.
    FileRecovered {
        /// Which attempt died with its run.
        of: AttemptOf,
        /// The run that died.
        dead_run: RunId,
        /// Whether it has attempts left, and so waits again.
        requeued: bool,
    },
    /// A dead run's files stay as they are, because something of it may still be at work. Told once a run and reason.
    RecoveryWithheld {
        /// The run that died.
        dead_run: RunId,
        /// What may be left of it, and why that cannot be found out or ended.
        reason: Box<str>,
    },
    /// Nothing new is started until [`StartsResumed`](Self::StartsResumed) or the end of the run; what runs goes on. Told
    /// again where the reason is another.
    StartsHeld {
        /// Why.
        reason: Box<str>,
    },
    /// What held new starts back is over.
    StartsResumed,
    /// An attempt begins; its claim is durable. Of one in a series that is not the first, this is told when the news of the
    /// one before it arrive, so some hundredths of a second late.
    FileStarted {
        /// Which.
        of: AttemptOf,
    },
    /// A file ended well; recorded.
    FileCompleted {
        /// Which attempt.
        of: AttemptOf,
        /// How long it took.
        elapsed: Duration,
        /// What it used, where that is known.
        usage: Option<ResourceUsage>,
    },
    /// An attempt failed and the file waits for another; recorded.
    FileRequeued {
        /// Which attempt.
        of: AttemptOf,
        /// How long it took.
        elapsed: Duration,
        /// What it used, where that is known.
        usage: Option<ResourceUsage>,
        /// The wait before the next one.
        backoff: Duration,
        /// What went wrong.
        error: Box<str>,
    },
    /// A file ended as failed; recorded.
    FileFailed {
        /// Which attempt.
        of: AttemptOf,
        /// How long it took.
        elapsed: Duration,
        /// What it used, where that is known.
        usage: Option<ResourceUsage>,
        /// What went wrong.
        error: Box<str>,
    },
    /// A file ended as timeout; recorded.
    FileTimeout {
        /// Which attempt.
        of: AttemptOf,
        /// How long it took.
        elapsed: Duration,
        /// What it used, where that is known.
        usage: Option<ResourceUsage>,
        /// What went wrong.
        error: Box<str>,
    },
    /// An attempt was aborted by our stop and given back; recorded.
    FileReleased {
        /// Which attempt.
        of: AttemptOf,
        /// How long it took until then.
        elapsed: Duration,
        /// What it used, where that is known.
        usage: Option<ResourceUsage>,
    },
    /// An attempt ended, but its claim was no longer ours: another had recovered it. Its result counts for nothing.
    ResultDiscarded {
        /// Which attempt.
        of: AttemptOf,
    },
    /// The stop level rose.
    StopRequested {
        /// To what.
        level: StopLevel,
        /// Who asked.
        cause: StopCause,
    },
    /// The store could not take a transaction for now; the run waits and tries again, or starts nothing new.
    StorageTrouble {
        /// What it said.
        error: Box<str>,
    },
    /// The queue as it is after an exchange.
    Progress {
        /// How many items stand where.
        counts: Counts,
        /// When the next waiting item falls due, where one waits for its time.
        next_due: Option<Timestamp>,
    },
    /// It ended.
    ProcessorStopped {
        /// With this.
        result: ProcessingResult,
    },
}

/// Is told what a run does, in order.
///
/// # Contract
/// - Cannot fail and must not block for long: a log that cannot be written never fails a file. An adapter says so once,
///   by its own way.
/// - Events of results are told after the result is durable.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Observer: Send + Sync {
    /// Hears of one event.
    fn observe(&self, event: &RunEvent);
}
