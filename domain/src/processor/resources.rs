//! What a run used of the machine in all: a fold over its events.

use std::time::Duration;

use crate::file_path::FilePath;
use crate::ports::{AttemptOf, ResourceUsage, RunEvent, RunEventKind};

/// The attempt that held the most memory at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peak {
    /// How much, in bytes.
    pub memory: u64,
    /// Whose it was.
    pub file_path: FilePath,
}

/// What the attempts of a run used together, of those whose usage is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunResources {
    /// How many attempts that is.
    pub attempts: u64,
    /// Processor time spent in their own code.
    pub user: Duration,
    /// Processor time the system spent on their behalf.
    pub system: Duration,
    /// The highest of their peaks; the first of several.
    pub peak: Option<Peak>,
}

impl RunResources {
    /// Takes in what happened next.
    pub fn apply(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::ProcessorStarted { .. } => *self = Self::default(),
            RunEventKind::FileCompleted { of, usage: Some(usage), .. }
            | RunEventKind::FileRequeued { of, usage: Some(usage), .. }
            | RunEventKind::FileFailed { of, usage: Some(usage), .. }
            | RunEventKind::FileTimeout { of, usage: Some(usage), .. }
            | RunEventKind::FileReleased { of, usage: Some(usage), .. } => self.add(of, usage),
            _ => {}
        }
    }

    fn add(&mut self, of: &AttemptOf, usage: &ResourceUsage) {
        self.attempts += 1;
        self.user = self.user.saturating_add(usage.user);
        self.system = self.system.saturating_add(usage.system);
        if self.peak.as_ref().is_none_or(|peak| peak.memory < usage.peak_memory) {
            self.peak = Some(Peak { memory: usage.peak_memory, file_path: of.file_path.clone() });
        }
    }
}
