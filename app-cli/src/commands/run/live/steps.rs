//! Reads the current workflow steps of running files.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use autoproc_domain::{ItemId, Timestamp};
use autoproc_workflow::ProgressReport;
use autoproc_workflow::execution::{ExecutionStatus, Executions};

use super::board::RunningFile;

/// The minimum time between two reads. A read opens one file for each running file.
const INTERVAL: Duration = Duration::from_secs(1);

/// Caches the current step of each running file.
pub(super) struct Steps {
    executions: Executions,
    read_at: Option<Instant>,
    known: HashMap<ItemId, String>,
}

impl Steps {
    pub(super) fn new(executions: Executions) -> Self {
        Self { executions, read_at: None, known: HashMap::new() }
    }

    pub(super) fn add_to(&mut self, files: &mut [RunningFile], now: Instant, at: Timestamp) {
        if self.read_at.is_none_or(|read_at| now.saturating_duration_since(read_at) >= INTERVAL) {
            let read = |file: &RunningFile| Some((file.id, self.read(file.id, at)?));
            self.known = files.iter().filter_map(read).collect();
            self.read_at = Some(now);
        }
        for file in files {
            file.step = self.known.get(&file.id).cloned();
        }
    }

    fn read(&self, item: ItemId, at: Timestamp) -> Option<String> {
        let state = self.executions.of(item).ok()??;
        let report = ProgressReport::of(&state, at);
        let task = report.current_task.filter(|_| report.status == ExecutionStatus::Running)?;
        Some(format!("step {}/{} {task}", (report.steps_over + 1).min(report.steps_total), report.steps_total))
    }
}
