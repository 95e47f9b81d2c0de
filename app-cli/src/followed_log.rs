//! Prints the output of a running attempt.

use std::mem;
use std::time::Duration;

use autoproc_subprocess::{AttemptLog, Follower, StreamFilter};

use crate::attempt_output::{AttemptOutput, unreadable};
use crate::console::{Console, Delivery};
use crate::error::CliError;

/// The polling interval of a followed log. A fifth of a second looks immediate.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub(crate) struct FollowedLog<'a> {
    log: &'a AttemptLog,
    console: &'a Console,
    output: AttemptOutput<'a>,
    follower: Follower,
    /// Selects one output stream; `None` for both.
    filter: Option<StreamFilter>,
    has_remarked: bool,
}

impl<'a> FollowedLog<'a> {
    /// Creates a printer that copies the whole log to `output`.
    pub(crate) fn new(log: &'a AttemptLog, console: &'a Console, output: AttemptOutput<'a>) -> Self {
        Self { log, console, output, follower: log.follow(), filter: None, has_remarked: false }
    }

    pub(crate) fn filtered(self, filter: Option<StreamFilter>) -> Self {
        Self { filter, ..self }
    }

    /// Prints the output since the last call.
    ///
    /// # Errors
    /// [`CliError`] if the log cannot be read. Also the errors of [`AttemptOutput::print`].
    pub(crate) fn poll(&mut self) -> Result<Delivery, CliError> {
        loop {
            let chunk = self.follower.next_chunk().map_err(|error| unreadable(self.log, &error))?;
            if chunk.is_head_full && !mem::replace(&mut self.has_remarked, true) {
                self.console.say("output limit reached; the last part follows when the attempt ends");
            }
            if chunk.bytes.is_empty() {
                return self.output.print_current();
            }
            let kept = self.filter.as_mut().map_or(Ok(None), |filter| filter.keep(&chunk).map(Some));
            let kept = kept.map_err(|error| unreadable(self.log, &error))?.unwrap_or(chunk.bytes);
            if self.output.print(&kept)? == Delivery::Cut {
                return Ok(Delivery::Cut);
            }
        }
    }

    /// Prints the remaining output.
    ///
    /// # Errors
    /// The errors of [`FollowedLog::poll`].
    pub(crate) fn rest(mut self) -> Result<Printed, CliError> {
        let rest = self.follower.rest().map_err(|error| unreadable(self.log, &error))?;
        let delivery = self.output.print_all(self.log, rest, self.filter.as_mut())?;
        let is_any = delivery == Delivery::Cut || !self.output.is_empty();
        Ok(Printed { is_any, has_unknown: self.filter.is_some_and(|filter| filter.has_left_out_unknown()) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) is_any: bool,
    /// True if the filter left out bytes whose stream is unknown.
    pub(crate) has_unknown: bool,
}
