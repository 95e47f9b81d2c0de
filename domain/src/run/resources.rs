//! The total resource usage of a run.

use std::time::Duration;

use crate::attempt::{AttemptRef, ResourceUsage};
use crate::path::FilePath;
use crate::ports::{RunEvent, RunEventKind};

/// The attempt with the highest memory usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeakMemory {
    /// The peak memory of the attempt, in bytes.
    pub memory: u64,
    /// The attempt's file.
    pub file_path: FilePath,
}

/// The total resource usage of the attempts of a run, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunResources {
    /// The number of attempts whose usage is known.
    pub attempts: u64,
    /// The total processor time in user mode.
    pub user: Duration,
    /// The total processor time in the kernel.
    pub system: Duration,
    /// The attempt with the highest peak memory; `None` if no usage is known.
    pub peak: Option<PeakMemory>,
}

impl RunResources {
    /// Adds the resource usage that the event reports. The start of a run resets the totals.
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

    fn add(&mut self, of: &AttemptRef, usage: &ResourceUsage) {
        self.attempts += 1;
        self.user = self.user.saturating_add(usage.user);
        self.system = self.system.saturating_add(usage.system);
        if self.peak.as_ref().is_none_or(|peak| peak.memory < usage.peak_memory) {
            self.peak = Some(PeakMemory { memory: usage.peak_memory, file_path: of.file_path.clone() });
        }
    }
}
