//! Collects the first failures of a run, which the summary at the end of the run lists.

use std::sync::{Mutex, PoisonError};

use autoproc_domain::Status;
use autoproc_domain::ports::{AttemptRef, Observer, RunEvent, RunEventKind};

use crate::missing_files::MissingFiles;

/// The maximum number of failures that the summary lists, chosen to fit on a screen.
const MAX_NAMED: usize = 20;

/// A failed file, and why it failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) of: AttemptRef,
    /// Either `Failed` or `Timeout`.
    pub(super) status: Status,
    pub(super) error: String,
}

/// The first failures of a run, at most `MAX_NAMED`.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Vec<Failure>>);

impl Failures {
    /// Returns the missing files among the first failed files.
    pub(super) fn missing(&self) -> MissingFiles {
        MissingFiles::among(self.named().iter().map(|failure| &failure.of.file_path))
    }

    /// Returns the first failures, in the order in which they occurred.
    pub(super) fn named(&self) -> Vec<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Failures {
    fn observe(&self, event: &RunEvent) {
        let (of, status, error) = match &event.kind {
            RunEventKind::FileFailed { of, error, .. } => (of, Status::Failed, error),
            RunEventKind::FileTimeout { of, error, .. } => (of, Status::Timeout, error),
            _ => return,
        };
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < MAX_NAMED {
            failures.push(Failure { of: of.clone(), status, error: error.to_string() });
        }
    }
}
