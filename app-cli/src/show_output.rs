//! `run --show-output`: what an attempt printed is printed again when it has ended.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::sync::Arc;

use autoproc_domain::ports::{AttemptOf, Observer, RunEvent, RunEventKind};

use crate::console::Console;
use crate::escape::{Escaper, Shown};
use crate::wiring::AttemptFiles;

/// Prints what attempts printed.
pub(crate) struct ShowOutput {
    console: Arc<Console>,
    attempts: AttemptFiles,
}

impl ShowOutput {
    /// Prints to this console what stands in these files.
    pub(crate) fn new(console: Arc<Console>, attempts: AttemptFiles) -> Self {
        Self { console, attempts }
    }

    fn show(&self, of: &AttemptOf) {
        let shown = self.output(of).and_then(|bytes| self.print(&bytes));
        if let Err(error) = shown {
            self.console.warn(format_args!("cannot show the output of {}: {error}", Shown(of.file_path.as_path())));
        }
    }

    /// The latest claim under this attempt number is the one that has just ended.
    fn output(&self, of: &AttemptOf) -> io::Result<Vec<u8>> {
        let files = self.attempts.of(of.id)?;
        let latest = files.into_iter().rfind(|file| file.attempt == of.attempt);
        latest.map_or(Ok(Vec::new()), |file| fs::read(file.path))
    }

    fn print(&self, bytes: &[u8]) -> io::Result<()> {
        let is_terminal = Console::out_is_terminal();
        let shown =
            if is_terminal { Escaper::default().escape(bytes).into_bytes().into() } else { Cow::Borrowed(bytes) };
        let printed = self.console.print(|out| out.write_all(&shown));
        printed.map(|_| ()).map_err(|error| io::Error::other(error.message().to_owned()))
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
