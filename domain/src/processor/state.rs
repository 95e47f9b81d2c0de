//! The processor's state, as the state file keeps it: a fold over the events of a run.

use crate::item::{ItemId, RunId};
use crate::ports::{AttemptOf, RunEvent, RunEventKind, Unproven};
use crate::processor::StoppedBy;
use crate::time::Timestamp;
use crate::{FilePath, ProcessingResult};

/// What a processor is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProcessorStatus {
    /// No run has begun.
    #[default]
    Idle,
    /// A run is under way.
    Running,
    /// The last run was stopped before the queue was empty.
    Stopped,
    /// The last run ended by itself.
    Completed,
}

impl ProcessorStatus {
    /// The word for it, on disk and on screen.
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

/// A file being worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentFile {
    /// Its item.
    pub id: ItemId,
    /// The file.
    pub file_path: FilePath,
    /// Since when.
    pub since: Timestamp,
}

/// The state of a processor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessorState {
    /// What it is about.
    pub status: ProcessorStatus,
    /// The run it speaks of.
    pub run_id: Option<RunId>,
    /// When that began.
    pub started_at: Option<Timestamp>,
    /// When that ended.
    pub stopped_at: Option<Timestamp>,
    /// When this state was reached.
    pub updated_at: Option<Timestamp>,
    /// Files that ended well in the run.
    pub files_processed: u64,
    /// Files that ended badly in the run.
    pub files_failed: u64,
    /// Files being worked on, the longest first.
    pub current_files: Vec<CurrentFile>,
    /// What holds new starts back, where something does.
    pub held: Option<Box<str>>,
    /// Dead runs whose files the run left as they are, because something of them may still be at work.
    pub withheld: Vec<Unproven>,
}

impl ProcessorState {
    /// Takes in what happened next.
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
            RunEventKind::FileStarted { of } => {
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
            RunEventKind::FileRecovered { dead_run, requeued, .. } => {
                self.files_failed += u64::from(!requeued);
                self.withheld.retain(|left| left.run != *dead_run);
            }
            RunEventKind::ProcessorStopped { result } => self.stop(result, event.at),
            RunEventKind::RecoveryWithheld { dead_run, reason } => self.withhold(dead_run, reason),
            RunEventKind::StartsHeld { reason } => self.held = Some(reason.clone()),
            RunEventKind::StartsResumed => self.held = None,
            RunEventKind::StopSignalCleared
            | RunEventKind::StopRequested { .. }
            | RunEventKind::StorageTrouble { .. }
            | RunEventKind::Progress { .. } => {}
        }
    }

    fn leave(&mut self, of: &AttemptOf) {
        self.current_files.retain(|current| current.id != of.id);
    }

    /// The latest reason is the one that holds.
    fn withhold(&mut self, dead_run: &RunId, reason: &str) {
        self.withheld.retain(|left| left.run != *dead_run);
        self.withheld.push(Unproven { run: dead_run.clone(), reason: reason.into() });
    }

    fn stop(&mut self, result: &ProcessingResult, at: Timestamp) {
        self.status = match result.stopped_by {
            StoppedBy::QueueEmpty | StoppedBy::NothingDue => ProcessorStatus::Completed,
            StoppedBy::Request(_) | StoppedBy::TooManyFailed | StoppedBy::StorageFull | StoppedBy::Error => {
                ProcessorStatus::Stopped
            }
        };
        self.stopped_at = Some(at);
        self.current_files.clear();
        self.held = None;
    }
}
