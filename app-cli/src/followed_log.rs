//! What an attempt prints, printed while it is being made.

use std::mem;
use std::time::Duration;

use crate::attempt_output::{AttemptOutput, unreadable};
use crate::console::{Console, Heard};
use crate::error::CliError;
use crate::wiring::{AttemptLog, Follower};

/// How often a log that is followed is looked at: a person takes a fifth of a second for at once.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A log that is printed as it grows.
pub(crate) struct FollowedLog<'a> {
    log: &'a AttemptLog,
    console: &'a Console,
    output: AttemptOutput<'a>,
    follower: Follower,
    is_told: bool,
}

impl<'a> FollowedLog<'a> {
    /// Prints it to this console, from its beginning; `raw` as for [`AttemptOutput::new`].
    pub(crate) fn new(log: &'a AttemptLog, console: &'a Console, raw: bool) -> Self {
        Self { log, console, output: AttemptOutput::new(console, raw), follower: log.follow(), is_told: false }
    }

    /// Prints what has come since the last look.
    ///
    /// # Errors
    /// Where it cannot be read, and as [`AttemptOutput::print`].
    pub(crate) fn look(&mut self) -> Result<Heard, CliError> {
        loop {
            let chunk = self.follower.next_chunk().map_err(|error| unreadable(self.log, &error))?;
            if chunk.is_head_full && !mem::replace(&mut self.is_told, true) {
                self.console
                    .say("that is the beginning of a long output; its latest part is shown when the attempt ends");
            }
            if chunk.bytes.is_empty() {
                return Ok(Heard::All);
            }
            if self.output.print(&chunk.bytes)? == Heard::NotToTheEnd {
                return Ok(Heard::NotToTheEnd);
            }
        }
    }

    /// Prints all that is left; says whether there was anything at all.
    ///
    /// # Errors
    /// As [`FollowedLog::look`].
    pub(crate) fn rest(mut self) -> Result<bool, CliError> {
        let rest = self.follower.rest().map_err(|error| unreadable(self.log, &error))?;
        let heard = self.output.print_all(self.log, rest)?;
        Ok(heard == Heard::NotToTheEnd || !self.output.is_empty())
    }
}
