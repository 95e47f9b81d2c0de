//! Sums up the CPU time and memory that a run uses.

use std::sync::{Mutex, PoisonError};

use autoproc_domain::ports::{Observer, RunEvent};
use autoproc_domain::run::RunResources;

#[derive(Debug, Default)]
pub(super) struct ResourceTally(Mutex<RunResources>);

impl ResourceTally {
    pub(super) fn total(&self) -> RunResources {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for ResourceTally {
    fn observe(&self, event: &RunEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
    }
}
