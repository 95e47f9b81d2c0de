//! Prints the output of an attempt while the attempt is running.

use std::mem;
use std::time::Duration;

use autoproc_subprocess::{AttemptLog, Follower};

use crate::attempt_output::{AttemptOutput, unreadable};
use crate::console::{Console, Delivery};
use crate::error::CliError;

/// The polling interval of a followed log. A fifth of a second looks immediate.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A log that is printed as it grows.
pub(crate) struct FollowedLog<'a> {
    log: &'a AttemptLog,
    console: &'a Console,
    output: AttemptOutput<'a>,
    follower: Follower,
    is_told: bool,
}

impl<'a> FollowedLog<'a> {
    /// Creates a printer that copies the log to `output` from the beginning. Remarks go to
    /// `console`.
    pub(crate) fn new(log: &'a AttemptLog, console: &'a Console, output: AttemptOutput<'a>) -> Self {
        Self { log, console, output, follower: log.follow(), is_told: false }
    }

    /// Prints the output since the last call.
    ///
    /// # Errors
    /// If the log cannot be read; otherwise the errors of [`AttemptOutput::print`].
    pub(crate) fn poll(&mut self) -> Result<Delivery, CliError> {
        loop {
            let chunk = self.follower.next_chunk().map_err(|error| unreadable(self.log, &error))?;
            if chunk.is_head_full && !mem::replace(&mut self.is_told, true) {
                self.console.say("output limit reached; the last part follows when the attempt ends");
            }
            if chunk.bytes.is_empty() {
                return self.output.print_current();
            }
            if self.output.print(&chunk.bytes)? == Delivery::Cut {
                return Ok(Delivery::Cut);
            }
        }
    }

    /// Prints the remaining output; returns true if the log contained any output.
    ///
    /// # Errors
    /// The errors of [`FollowedLog::poll`].
    pub(crate) fn rest(mut self) -> Result<bool, CliError> {
        let rest = self.follower.rest().map_err(|error| unreadable(self.log, &error))?;
        let heard = self.output.print_all(self.log, rest)?;
        Ok(heard == Delivery::Cut || !self.output.is_empty())
    }
}
