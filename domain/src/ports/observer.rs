//! The port for observing the events of a run.

#![allow(missing_docs, reason = "the field names are self-explanatory")]

use std::time::Duration;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::path::FilePath;
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

/// Why attempts may start again, after the run held them because different files failed alike. The
/// path in a variant is that of the file whose attempt ended the hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumption {
    /// An attempt succeeded.
    Succeeded(FilePath),
    /// The probe, a single trial attempt, failed in another way than the attempts before it.
    FailedOtherwise(FilePath),
    /// The probe has run for much longer than the attempts that failed alike.
    KeepsRunning(FilePath),
    /// Failures with one signature held starts for an hour in total, and then a probe failed with
    /// this signature again. For the rest of the run, failures with this signature use up attempts
    /// as usual, and do not hold starts.
    GivenUp,
}

impl Resumption {
    /// Returns the name of the reason in the event log, for instance `succeeded`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "succeeded",
            Self::FailedOtherwise(_) => "failed_otherwise",
            Self::KeepsRunning(_) => "keeps_running",
            Self::GivenUp => "given_up",
        }
    }

    /// Returns the file whose attempt ended the hold; `None` for [`GivenUp`](Self::GivenUp).
    #[must_use]
    pub fn file_path(&self) -> Option<&FilePath> {
        match self {
            Self::Succeeded(path) | Self::FailedOtherwise(path) | Self::KeepsRunning(path) => Some(path),
            Self::GivenUp => None,
        }
    }
}

/// The kinds of events of a run. If the run [edits files](crate::RunConfig::edits_files),
/// `input_changed` is always false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEventKind {
    /// The run began.
    ProcessorStarted {
        /// The maximum number of concurrent attempts.
        jobs: usize,
        /// How many items of the run's scope were in each status when the run began.
        counts: Counts,
    },
    /// A stop request was removed: it was older than this run, or every run has obeyed it.
    StopSignalCleared,
    /// An item of a dead run was recovered.
    FileRecovered {
        /// The attempt during which the run died.
        of: AttemptRef,
        dead_run: RunId,
        /// True if the file is pending again; false if it ended as failed.
        requeued: bool,
        /// True if the file ended because a user had cancelled it.
        cancelled: bool,
        /// True if the item is in the scope of the run that reports this event. If so, and if the
        /// item failed, that run counts the failure.
        in_scope: bool,
    },
    /// The items of a dead run stay claimed, because processes of that run may still be running.
    /// Reported once for each dead run and reason.
    RecoveryWithheld {
        dead_run: RunId,
        /// Describes the processes that may still be running.
        reason: Box<str>,
    },
    /// The run starts no attempts, or fewer than usual, until
    /// [`StartsResumed`](Self::StartsResumed). Reported again if a field changes. There are four
    /// causes:
    ///
    /// - The start gate is closed. No attempt starts.
    /// - Several different files in a row failed alike. Only single trial attempts (probes) start.
    /// - The program or the folder of a file is missing. Only probes start.
    /// - The machine has run out of processes, file descriptors or memory. Probes start, and as
    ///   many other attempts as the machine is known to support.
    StartsHeld {
        /// A human-readable description of the cause.
        reason: Box<str>,
        /// When the next probe is due, if different files failed alike. `None` for other causes, or
        /// if the run ends instead of waiting for the probe.
        probe_at: Option<Timestamp>,
    },
    /// Attempts may start again.
    StartsResumed {
        /// Why the hold ended. `None` unless starts were held because different files failed alike.
        because: Option<Resumption>,
    },
    /// The run is paused on request: its running attempts are suspended, and no attempt starts.
    ProcessorPaused,
    /// The run continues after a pause.
    ProcessorResumed,
    /// An attempt began; its claim is durable. Reported soon after the attempt began.
    FileStarted {
        of: AttemptRef,
        /// The size of the file, in bytes; `None` if it was not examined.
        size_bytes: Option<u64>,
        /// The recipe of the run; `None` if there is none.
        recipe: Option<Recipe>,
    },
    /// A file completed. The result is durable.
    FileCompleted {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file [changed](crate::fingerprint::has_changed) during the attempt.
        input_changed: bool,
    },
    /// An attempt failed, and the file is pending again. The result is durable.
    FileRequeued {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file [changed](crate::fingerprint::has_changed) during the attempt.
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
        /// True if the file [changed](crate::fingerprint::has_changed) during the attempt.
        input_changed: bool,
        error: Box<str>,
    },
    /// A file ended as timeout. The result is durable.
    FileTimeout {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file [changed](crate::fingerprint::has_changed) during the attempt.
        input_changed: bool,
        error: Box<str>,
    },
    /// An attempt that had begun was released, so it does not count. The release is durable. There
    /// are three reasons: a stop ended the attempt, the machine lacked something that the attempt
    /// needs (a resource, the program, or the folder of the file), or the attempt failed in the same
    /// way as attempts of several other files
    /// ([`RunConfig::pause_on_same`](crate::RunConfig::pause_on_same)).
    FileReleased {
        of: AttemptRef,
        elapsed: Duration,
        usage: Option<ResourceUsage>,
        /// True if the file [changed](crate::fingerprint::has_changed) during the attempt.
        input_changed: bool,
    },
    /// An attempt ended after another run had recovered its claim; the result does not count.
    ResultDiscarded { of: AttemptRef },
    /// The run must stop, or must stop more urgently than before.
    StopRequested { level: StopLevel, cause: StopCause },
    /// The store did not confirm a transaction. If the store is full, the run starts no more
    /// attempts and ends. If the run is already ending, it does not wait for the confirmation. In
    /// all other cases, the run retries the transaction later.
    StorageTrouble {
        /// The error of the store.
        error: Box<str>,
    },
    /// The progress of the run. Reported at most once a second, and once more at the end.
    Progress {
        /// The number of items of the run's scope in each status.
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
    /// Returns the name of the kind in the history, for instance `file_started`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ProcessorStarted { .. } => "processor_started",
            Self::StopSignalCleared => "stop_signal_cleared",
            Self::FileRecovered { .. } => "file_recovered",
            Self::RecoveryWithheld { .. } => "recovery_withheld",
            Self::StartsHeld { .. } => "starts_held",
            Self::StartsResumed { .. } => "starts_resumed",
            Self::ProcessorPaused => "processor_paused",
            Self::ProcessorResumed => "processor_resumed",
            Self::FileStarted { .. } => "file_started",
            Self::FileCompleted { .. } => "file_completed",
            Self::FileRequeued { .. } => "file_requeued",
            Self::FileFailed { .. } => "file_failed",
            Self::FileTimeout { .. } => "file_timeout",
            Self::FileReleased { .. } => "file_released",
            Self::ResultDiscarded { .. } => "result_discarded",
            Self::StopRequested { .. } => "stop_requested",
            Self::StorageTrouble { .. } => "storage_trouble",
            Self::Progress { .. } => "progress",
            Self::ProcessorStopped { .. } => "processor_stopped",
        }
    }

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

    /// Returns a mutable reference to the path in the event, for an observer that replaces paths;
    /// `None` if the event contains no path.
    pub fn file_path_mut(&mut self) -> Option<&mut FilePath> {
        match self {
            Self::FileStarted { of, .. }
            | Self::FileRecovered { of, .. }
            | Self::FileCompleted { of, .. }
            | Self::FileRequeued { of, .. }
            | Self::FileFailed { of, .. }
            | Self::FileTimeout { of, .. }
            | Self::FileReleased { of, .. }
            | Self::ResultDiscarded { of } => Some(&mut of.file_path),
            Self::StartsResumed { because } => match because.as_mut()? {
                Resumption::Succeeded(path) | Resumption::FailedOtherwise(path) | Resumption::KeepsRunning(path) => {
                    Some(path)
                }
                Resumption::GivenUp => None,
            },
            Self::ProcessorStarted { .. }
            | Self::StopSignalCleared
            | Self::RecoveryWithheld { .. }
            | Self::StartsHeld { .. }
            | Self::ProcessorPaused
            | Self::ProcessorResumed
            | Self::StopRequested { .. }
            | Self::StorageTrouble { .. }
            | Self::Progress { .. }
            | Self::ProcessorStopped { .. } => None,
        }
    }
}

/// Receives the events of a run, in order.
///
/// # Contract
/// - `observe` returns soon and cannot fail, because an unwritable log must not make a file fail.
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
