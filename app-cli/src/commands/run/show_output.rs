//! `run --show-output`: prints the output of each attempt at its end.

use std::sync::Arc;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{AttemptRef, Observer, RunEvent, RunEventKind};

use autoproc_subprocess::AttemptLogs;

use crate::attempt_output::{AttemptOutput, unreadable};
use crate::console::Console;
use crate::error::CliError;
use crate::escape::Shown;

pub(super) struct ShowOutput {
    console: Arc<Console>,
    attempts: AttemptLogs,
}

impl ShowOutput {
    /// Creates an observer that prints the outputs stored in `attempts` to `console`.
    pub(super) fn new(console: Arc<Console>, attempts: AttemptLogs) -> Self {
        Self { console, attempts }
    }

    fn show(&self, of: &AttemptRef) {
        if let Err(error) = self.print(of) {
            let file = Shown(of.file_path.as_path());
            self.console.warn(format_args!("cannot show the output of {file}: {}", error.message()));
        }
    }

    fn print(&self, of: &AttemptRef) -> Result<(), CliError> {
        let Some(number) = of.claim else { return Ok(()) };
        let log = self.attempts.log_of(ClaimToken { item: of.id, number }, of.attempt);
        let printed = log.read().map_err(|error| unreadable(&log, &error))?;
        AttemptOutput::of_data(&self.console).print_all(&log, printed).map(|_| ())
    }
}

impl Observer for ShowOutput {
    fn observe(&self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::FileCompleted { of, .. }
            | RunEventKind::FileRequeued { of, .. }
            | RunEventKind::FileFailed { of, .. }
            | RunEventKind::FileTimeout { of, .. }
            | RunEventKind::FileReleased { of, .. } => self.show(of),
            _ => {}
        }
    }
}
