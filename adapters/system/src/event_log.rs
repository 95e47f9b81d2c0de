//! The event log, a file with one JSON document per line.

use std::path::PathBuf;

use autoproc_domain::ports::{Observer, RunEvent};

use crate::event_line::EventLine;
use crate::{JsonLines, OnWarning};

/// An observer that appends a line for every event except progress.
pub struct EventLog(JsonLines);

impl EventLog {
    /// Creates a log at `path`. The file is not accessed before the first event.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, on_warning: OnWarning) -> Self {
        Self(JsonLines::new(path, on_warning))
    }
}

impl Observer for EventLog {
    fn observe(&self, event: &RunEvent) {
        if let Some(line) = EventLine::of(event) {
            self.0.append(&line);
        }
    }
}
