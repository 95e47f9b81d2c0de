//! An observer that records every event.

use std::sync::{Mutex, PoisonError};

use autoproc_domain::ports::{Observer, RunEvent, RunEventKind};

/// Records every event, in order.
#[derive(Debug, Default)]
pub struct RecordingObserver(Mutex<Vec<RunEvent>>);

impl RecordingObserver {
    /// Creates an observer without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the events so far.
    #[must_use]
    pub fn events(&self) -> Vec<RunEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the kind of each event so far.
    #[must_use]
    pub fn kinds(&self) -> Vec<RunEventKind> {
        self.events().into_iter().map(|event| event.kind).collect()
    }
}

impl Observer for RecordingObserver {
    fn observe(&self, event: &RunEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
