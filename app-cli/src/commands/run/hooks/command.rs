//! Executes a hook command and prints its output.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{AttemptOutcome, StopSignal};
use autoproc_subprocess::ProcessReport;

use crate::console::Console;
use crate::error::in_one_line;
use crate::escape::Printable;
use crate::view::bytes::memory;
use crate::wiring::{HookCommand, HookProcesses};

/// The settings shared by all hook commands of a run.
pub(super) struct Hook {
    pub(super) processes: HookProcesses,
    pub(super) timeout: Duration,
    pub(super) console: Arc<Console>,
}

impl Hook {
    /// Executes `line` with `sh -c`, and prints its output to standard error.
    ///
    /// # Errors
    /// A text that says why the command failed.
    pub(super) async fn execute(
        &self,
        option: &str,
        line: OsString,
        input: Vec<u8>,
        environment: Vec<(OsString, OsString)>,
        stop: &dyn StopSignal,
    ) -> Result<(), String> {
        let command = HookCommand { line, input, environment, timeout: self.timeout };
        let report = self.processes.run(command, stop).await.map_err(|error| in_one_line(&error))?;
        self.print(option, &report);
        match report.ending.outcome(self.timeout) {
            AttemptOutcome::Succeeded => Ok(()),
            AttemptOutcome::Aborted => Err("the command was ended, because the run ends".to_owned()),
            outcome => Err(outcome.to_string()),
        }
    }

    fn print(&self, option: &str, ProcessReport { stdout, stdout_bytes, .. }: &ProcessReport) {
        for line in String::from_utf8_lossy(stdout).lines() {
            self.console.say(format_args!("{option}: {}", Printable(line)));
        }
        let more = stdout_bytes.saturating_sub(stdout.len() as u64);
        if more > 0 {
            self.console.say(format_args!("{option}: … and {} more", memory(more)));
        }
    }
}
