//! The port through which a run reports: the event log, the state file, a terminal.

#![allow(missing_docs, reason = "the fields say by their names what they hold")]

use std::time::Duration;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::run_info::ProcessingResult;
use crate::stop::{StopCause, StopLevel};
use crate::time::Timestamp;
use crate::view::Counts;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    /// When it happened.
    pub at: Timestamp,
    /// The run.
    pub run: RunId,
    /// What happened.
    pub kind: RunEventKind,
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEventKind {
    /// The run began.
    ProcessorStarted {
        /// The most attempts at a time.
        jobs: usize,
        /// The queue at that moment.
        counts: Counts,
    },
    /// A stop request from before the run, or one that every run has obeyed, was removed.
    StopSignalCleared,
    /// The item of a dead run was taken back.
    FileRecovered {
        /// The attempt that died with its run.
        of: AttemptRef,
        dead_run: RunId,
        /// True if the file waits for another attempt; false if it ended as failed.
        requeued: bool,
        /// True if it ended because a person had cancelled it.
        cancelled: bool,
        /// True if the item is in the scope of the run that reports this, which then counts it.
        in_scope: bool,
    },
    /// The items of a dead run stay claimed, because something of it may still be at work. Reported
    /// once for each run and reason.
    RecoveryWithheld {
        dead_run: RunId,
        /// What may be left of it.
        reason: Box<str>,
    },
    /// Nothing new starts until [`StartsResumed`](Self::StartsResumed) or the end of the run.
    /// Reported again if the reason changes.
    StartsHeld {
        /// What is short.
        reason: Box<str>,
    },
    /// Attempts may start again.
    StartsResumed,
    /// An attempt began; its claim is durable. Reported soon after it began.
    FileStarted {
        of: AttemptRef,
        /// The size of the file, in bytes, if the orchestrator looked at it.
        size_bytes: Option<u64>,
        /// What is done to the file.
        recipe: Option<Recipe>,
    },
    /// A file completed; recorded.
    FileCompleted { of: AttemptRef, elapsed: Duration, usage: Option<ResourceUsage> },
    /// An attempt failed and the file waits for another one; recorded.
    FileRequeued {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// The wait before the next attempt.
        backoff: Duration,
        error: Box<str>,
    },
    /// A file ended as failed; recorded.
    FileFailed { of: AttemptRef, elapsed: Duration, usage: Option<ResourceUsage>, error: Box<str> },
    /// A file ended as timeout; recorded.
    FileTimeout { of: AttemptRef, elapsed: Duration, usage: Option<ResourceUsage>, error: Box<str> },
    /// A stop ended an attempt, which was given back; recorded.
    FileReleased {
        of: AttemptRef,
        /// How long it took until then.
        elapsed: Duration,
        usage: Option<ResourceUsage>,
    },
    /// An attempt ended after its claim had been recovered by another run; its result does not count.
    ResultDiscarded { of: AttemptRef },
    /// The stop level rose.
    StopRequested { level: StopLevel, cause: StopCause },
    /// The store did not carry out a transaction. The run tries again later, or starts nothing new; if
    /// it is ending, it ends all the same.
    StorageTrouble {
        /// What the store reported.
        error: Box<str>,
    },
    /// The state of the queue: at most once a second, and once more at the end.
    Progress {
        /// The number of items in each status.
        counts: Counts,
        /// When the next item falls due that is not due yet.
        next_due: Option<Timestamp>,
    },
    /// The run ended.
    ProcessorStopped {
        /// What it did.
        result: ProcessingResult,
    },
}

impl RunEventKind {
    /// The attempt that the event speaks of, if it speaks of one.
    #[must_use]
    pub fn attempt(&self) -> Option<&AttemptRef> {
        match self {
            Self::FileStarted { of, .. }
            | Self::FileRecovered { of, .. }
            | Self::FileCompleted { of, .. }
            | Self::FileRequeued { of, .. }
            | Self::FileFailed { of, .. }
            | Self::FileTimeout { of, .. }
            | Self::FileReleased { of, .. }
            | Self::ResultDiscarded { of } => Some(of),
            _ => None,
        }
    }
}

/// Receives the events of a run, in order.
///
/// # Contract
/// - `observe` cannot fail and returns soon: a log that cannot be written fails no file. An adapter
///   reports that once, in its own way.
/// - Events of results are reported after the result is durable.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Observer: Send + Sync {
    /// Receives one event.
    fn observe(&self, event: &RunEvent);
}

/// Ignores every event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _event: &RunEvent) {}
}
