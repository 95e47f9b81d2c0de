//! The state of the processor, as shown in the state file.

use crate::attempt::AttemptRef;
use crate::item::{ItemId, RunId};
use crate::path::FilePath;
use crate::ports::{RunEvent, RunEventKind};
use crate::run_info::{ProcessingResult, StoppedBy, Unproven};
use crate::stop::ObeyedStop;
use crate::time::Timestamp;

/// The status of a processor, as the program's specification defines it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProcessorStatus {
    /// No run has begun.
    #[default]
    Idle,
    /// A run has begun, and its end was not reported.
    Running,
    /// The last run ended early, for instance after a stop request.
    Stopped,
    /// The last run ended because no item was waiting or due.
    Completed,
}

impl ProcessorStatus {
    /// Returns the name of the status, as it appears on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
        }
    }
}

/// A file with a running attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentFile {
    /// The id of the item.
    pub id: ItemId,
    /// The path of the file.
    pub file_path: FilePath,
    /// When the attempt began.
    pub since: Timestamp,
}

/// The state of a processor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessorState {
    /// The status of the latest run.
    pub status: ProcessorStatus,
    /// The id of the latest run; `None` if no run has begun.
    pub run_id: Option<RunId>,
    /// When the latest run began; `None` if no run has begun.
    pub started_at: Option<Timestamp>,
    /// When the latest run ended; `None` if it has not ended.
    pub stopped_at: Option<Timestamp>,
    /// The time of the last event; `None` if there was no event.
    pub updated_at: Option<Timestamp>,
    /// The number of files that completed in the latest run.
    pub files_processed: u64,
    /// The number of files that ended as failed or timeout in the latest run.
    pub files_failed: u64,
    /// The files with a running attempt, the longest-running first.
    pub current_files: Vec<CurrentFile>,
    /// The reason why starts are held; `None` if they are not held.
    pub pressure: Option<Box<str>>,
    /// When the next probe becomes due, if starts are held because different files failed alike.
    pub probe_at: Option<Timestamp>,
    /// The stop request that the run obeys; `None` if there is none, and after the end of the run.
    pub stop: Option<ObeyedStop>,
    /// The dead runs whose items stay claimed, because their processes may still be running.
    pub withheld: Vec<Unproven>,
}

impl ProcessorState {
    /// Updates the state with the next event.
    pub fn apply(&mut self, event: &RunEvent) {
        self.updated_at = Some(event.at);
        match &event.kind {
            RunEventKind::ProcessorStarted { .. } => {
                *self = Self {
                    status: ProcessorStatus::Running,
                    run_id: Some(event.run.clone()),
                    started_at: Some(event.at),
                    updated_at: Some(event.at),
                    ..Self::default()
                };
            }
            RunEventKind::FileStarted { of, .. } => {
                self.current_files.push(CurrentFile { id: of.id, file_path: of.file_path.clone(), since: event.at });
            }
            RunEventKind::FileCompleted { of, .. } => {
                self.files_processed += 1;
                self.leave(of);
            }
            RunEventKind::FileFailed { of, .. } | RunEventKind::FileTimeout { of, .. } => {
                self.files_failed += 1;
                self.leave(of);
            }
            RunEventKind::FileRequeued { of, .. }
            | RunEventKind::FileReleased { of, .. }
            | RunEventKind::ResultDiscarded { of } => self.leave(of),
            RunEventKind::FileRecovered { dead_run, requeued, in_scope, .. } => {
                self.files_failed += u64::from(*in_scope && !requeued);
                self.withheld.retain(|left| left.run != *dead_run);
            }
            RunEventKind::ProcessorStopped { result } => self.stop(result, event.at),
            RunEventKind::RecoveryWithheld { dead_run, reason } => self.withhold(dead_run, reason),
            RunEventKind::StartsHeld { reason, probe_at } => {
                (self.pressure, self.probe_at) = (Some(reason.clone()), *probe_at);
            }
            RunEventKind::StartsResumed { .. } => (self.pressure, self.probe_at) = (None, None),
            RunEventKind::StopRequested { level, cause } => {
                self.stop = Some(ObeyedStop { at: event.at, level: *level, cause: *cause });
            }
            RunEventKind::StopSignalCleared
            | RunEventKind::ProcessorPaused
            | RunEventKind::ProcessorResumed
            | RunEventKind::StorageTrouble { .. }
            | RunEventKind::Progress { .. } => {}
        }
    }

    fn leave(&mut self, of: &AttemptRef) {
        self.current_files.retain(|current| current.id != of.id);
    }

    fn withhold(&mut self, dead_run: &RunId, reason: &str) {
        self.withheld.retain(|left| left.run != *dead_run);
        self.withheld.push(Unproven { run: dead_run.clone(), reason: reason.into() });
    }

    fn stop(&mut self, result: &ProcessingResult, at: Timestamp) {
        self.status = match result.stopped_by {
            StoppedBy::QueueEmpty | StoppedBy::NothingDue => ProcessorStatus::Completed,
            StoppedBy::Request(_)
            | StoppedBy::TooManyFailed
            | StoppedBy::Deadline
            | StoppedBy::StorageFull
            | StoppedBy::ProgramMissing
            | StoppedBy::InputMissing
            | StoppedBy::FailingAlike
            | StoppedBy::Error => ProcessorStatus::Stopped,
        };
        self.stopped_at = Some(at);
        self.current_files.clear();
        (self.pressure, self.probe_at) = (None, None);
        self.stop = None;
    }
}
