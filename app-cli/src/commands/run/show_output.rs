//! `run --show-output`: prints the output of each attempt at its end. The standard error of the
//! attempt goes to standard error, everything else to standard output.

use std::sync::Arc;

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::{AttemptRef, Observer, RunEvent, RunEventKind};

use autoproc_subprocess::{AttemptLogs, Source, Stream};

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
        let (streams, mut rest) = (log.streams(), log.read().map_err(|error| unreadable(&log, &error))?);
        let mut out = AttemptOutput::to(Stream::Stdout, &self.console);
        let mut err = AttemptOutput::to(Stream::Stderr, &self.console);
        loop {
            let chunk = rest.next_chunk().map_err(|error| unreadable(&log, &error))?;
            if chunk.bytes.is_empty() {
                break;
            }
            for piece in streams.split(&chunk).map_err(|error| unreadable(&log, &error))? {
                let to = if piece.source == Source::Stream(Stream::Stderr) { &mut err } else { &mut out };
                to.print(piece.bytes)?;
            }
        }
        out.finish()?;
        err.finish().map(|_| ())
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
