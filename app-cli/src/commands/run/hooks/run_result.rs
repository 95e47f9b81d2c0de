//! Stores the result of a run for its hooks.

use std::sync::{Mutex, PoisonError};

use autoproc_domain::ProcessingResult;
use autoproc_domain::ports::{Observer, RunEvent, RunEventKind};

#[derive(Debug, Default)]
pub(super) struct RunResult(Mutex<Option<ProcessingResult>>);

impl RunResult {
    /// Returns the result; `None` until the run has ended.
    pub(super) fn get(&self) -> Option<ProcessingResult> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for RunResult {
    fn observe(&self, event: &RunEvent) {
        if let RunEventKind::ProcessorStopped { result } = event.kind {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    }
}
