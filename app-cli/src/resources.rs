//! What a run used of the machine, added up while it goes.

use std::sync::{Mutex, PoisonError};

use autoproc_domain::ports::{Observer, RunEvent};
use autoproc_domain::run::RunResources;

/// Adds up what the attempts of a run used.
#[derive(Debug, Default)]
pub(crate) struct ResourceTally(Mutex<RunResources>);

impl ResourceTally {
    /// What it was until now.
    pub(crate) fn total(&self) -> RunResources {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for ResourceTally {
    fn observe(&self, event: &RunEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
    }
}
