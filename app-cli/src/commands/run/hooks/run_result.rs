//! Keeps the result of a run, in case the run ends with an error.

use std::sync::{Mutex, PoisonError};

use autoproc_domain::ProcessingResult;
use autoproc_domain::ports::{Observer, RunEvent, RunEventKind};

/// The result that the run reported at its end. If the run ends with an error, the error does not
/// contain the result.
#[derive(Debug, Default)]
pub(super) struct RunResult(Mutex<Option<ProcessingResult>>);

impl RunResult {
    /// Returns the result; `None` if the run has not ended, or never started.
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
