//! Collects the files that failed during a run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use autoproc_domain::Status;
use autoproc_domain::failure::{CANCELLED, run_died};
use autoproc_domain::ports::{AttemptRef, Observer, RunEvent, RunEventKind};
use autoproc_domain::signature::FailureGroups;

use crate::missing_files::MissingFiles;

const MAX_NAMED: usize = 20;

/// A file that failed and will not be retried.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) of: AttemptRef,
    /// Either `Failed` or `Timeout`.
    pub(super) status: Status,
    pub(super) error: String,
}

#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Collected>);

#[derive(Debug, Default)]
struct Collected {
    named: Vec<Failure>,
    groups: FailureGroups,
}

impl Failures {
    /// Checks the files of the `named` failures, and returns those that do not exist.
    pub(super) fn missing(&self) -> MissingFiles {
        MissingFiles::among(self.named().iter().map(|failure| &failure.of.file_path))
    }

    /// Returns at most `MAX_NAMED` failures, oldest first.
    pub(super) fn named(&self) -> Vec<Failure> {
        self.collected().named.clone()
    }

    pub(super) fn groups(&self) -> FailureGroups {
        self.collected().groups.clone()
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    pub(super) fn of(event: &RunEventKind) -> Option<Self> {
        let (of, status, error) = match event {
            RunEventKind::FileFailed { of, error, .. } => (of, Status::Failed, error.clone()),
            RunEventKind::FileTimeout { of, error, .. } => (of, Status::Timeout, error.clone()),
            RunEventKind::FileRecovered { of, requeued: false, in_scope: true, cancelled, .. } => {
                let error = if *cancelled { CANCELLED.into() } else { run_died(of.attempt.get()) };
                (of, Status::Failed, error)
            }
            _ => return None,
        };
        Some(Self { of: of.clone(), status, error: error.into() })
    }
}

impl Observer for Failures {
    fn observe(&self, event: &RunEvent) {
        let Some(failure) = Failure::of(&event.kind) else { return };
        let mut collected = self.collected();
        collected.groups.add(Some(&failure.error), &failure.of.file_path, Some(event.at));
        if collected.named.len() < MAX_NAMED {
            collected.named.push(failure);
        }
    }
}
