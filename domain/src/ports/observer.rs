//! The port for the events of a run. The event log, the state file and the terminal output are
//! adapters of this port.

#![allow(missing_docs, reason = "the field names are self-explanatory")]

use std::time::Duration;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::run_info::ProcessingResult;
use crate::stop::{StopCause, StopLevel};
use crate::time::Timestamp;
use crate::view::Counts;

/// An event of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    /// When the event happened.
    pub at: Timestamp,
    /// The run that reports the event.
    pub run: RunId,
    /// The kind of the event, with its data.
    pub kind: RunEventKind,
}

/// The kinds of events of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEventKind {
    /// The run began.
    ProcessorStarted {
        /// The maximum number of concurrent attempts.
        jobs: usize,
        /// The counts of the run's scope when the run began.
        counts: Counts,
    },
    /// A stop request was removed, because it was made before this run began or because every run
    /// has obeyed it.
    StopSignalCleared,
    /// An item of a dead run was recovered.
    FileRecovered {
        /// The attempt that died with its run.
        of: AttemptRef,
        dead_run: RunId,
        /// True if the file is pending again; false if it ended as failed.
        requeued: bool,
        /// True if the file ended because a user had cancelled it.
        cancelled: bool,
        /// True if the item is in the scope of the run that reports this event. If the item ended
        /// as failed, that run then counts the failure.
        in_scope: bool,
    },
    /// The items of a dead run stay claimed, because processes of that run may still be running.
    /// Reported once for each dead run and reason.
    RecoveryWithheld {
        dead_run: RunId,
        /// A human-readable description of the processes that may still be running.
        reason: Box<str>,
    },
    /// Starts are held until [`StartsResumed`](Self::StartsResumed): the start gate is closed, or
    /// the machine lacks a process, a descriptor, memory, the program or the folder of a file.
    /// While the machine lacks something, a few attempts may still start: probes, and at most as
    /// many others at a time as the machine is known to support. Reported again if the reason
    /// changes.
    StartsHeld {
        /// A human-readable description of the cause.
        reason: Box<str>,
    },
    /// Starts are no longer held.
    StartsResumed,
    /// The run is paused on request: its running attempts are suspended, and no attempt starts.
    ProcessorPaused,
    /// The run continues after a pause.
    ProcessorResumed,
    /// An attempt began; its claim is durable. Reported soon after the attempt began.
    FileStarted {
        of: AttemptRef,
        /// The size of the file, in bytes; `None` if the orchestrator did not inspect it.
        size_bytes: Option<u64>,
        /// The recipe of the run; `None` if there is none.
        recipe: Option<Recipe>,
    },
    /// A file completed. The result is durable.
    FileCompleted {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file changed during the attempt; see
        /// [`AttemptReport::input_changed`](crate::attempt::AttemptReport::input_changed).
        input_changed: bool,
    },
    /// An attempt failed, and the file is pending again. The result is durable.
    FileRequeued {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file changed during the attempt; see
        /// [`AttemptReport::input_changed`](crate::attempt::AttemptReport::input_changed).
        input_changed: bool,
        /// The wait before the next attempt.
        backoff: Duration,
        error: Box<str>,
    },
    /// A file ended as failed. The result is durable.
    FileFailed {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file changed during the attempt; see
        /// [`AttemptReport::input_changed`](crate::attempt::AttemptReport::input_changed).
        input_changed: bool,
        error: Box<str>,
    },
    /// A file ended as timeout. The result is durable.
    FileTimeout {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file changed during the attempt; see
        /// [`AttemptReport::input_changed`](crate::attempt::AttemptReport::input_changed).
        input_changed: bool,
        error: Box<str>,
    },
    /// The claim of an attempt was released, and the release is durable. The attempt was ended by a
    /// stop, or failed because the machine lacked something that every attempt needs.
    FileReleased {
        of: AttemptRef,
        /// The duration of the attempt.
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file changed during the attempt; see
        /// [`AttemptReport::input_changed`](crate::attempt::AttemptReport::input_changed).
        input_changed: bool,
    },
    /// An attempt ended after another run had recovered its claim; the result does not count.
    ResultDiscarded { of: AttemptRef },
    /// The stop level rose.
    StopRequested { level: StopLevel, cause: StopCause },
    /// The store did not confirm a transaction. If the store is full, the run starts no more
    /// attempts and ends. If the run is already ending, it ends without the confirmation. Otherwise
    /// it retries the transaction later.
    StorageTrouble {
        /// The error of the store.
        error: Box<str>,
    },
    /// The state of the run's scope. Reported at most once a second, and once more at the end.
    Progress {
        /// The number of items in each status.
        counts: Counts,
        /// When the next item in backoff becomes due; `None` if there is none.
        next_due: Option<Timestamp>,
    },
    /// The run ended.
    ProcessorStopped {
        /// The summary of the run.
        result: ProcessingResult,
    },
}

impl RunEventKind {
    /// Returns the attempt that the event refers to; `None` if it refers to none.
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
/// - `observe` returns soon and reports no error, so that an unwritable log does not fail a file.
///   An adapter reports its own errors once, in its own way.
/// - An event that reports a result is sent only after the result is durable.
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
