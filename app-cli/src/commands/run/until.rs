//! Parses the time given with `run --until`.

use autoproc_domain::Timestamp;

use super::RunArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::since::{self, Since};
use crate::view::time::local;

const EXPECTED: &str = "expected a time of day (06:00), a date and time (2026-11-30T06:00), or a span (8h)";

#[derive(Debug, Clone)]
pub(super) struct Until {
    word: String,
    point: Since,
}

pub(super) fn parse(word: &str) -> Result<Until, String> {
    let point = since::parse(word).map_err(|error| error.replace(since::EXPECTED, EXPECTED))?;
    Ok(Until { word: word.to_owned(), point })
}

/// True if this value of `--until` is valid, but not in the future.
pub(in crate::commands) fn is_past(word: &str, context: &Context) -> bool {
    parse(word).is_ok_and(|until| until.point(context).is_err())
}

pub(super) fn announce(until: Option<Timestamp>, args: &RunArgs, context: &Context) {
    if let Some(until) = until.filter(|_| args.quiet == 0) {
        context.remark(&format!("no file starts after {}", local(until)));
    }
}

impl Until {
    /// Returns the given date and time, the next occurrence of a time of day, or the end of a span
    /// that begins now.
    ///
    /// # Errors
    /// A usage error if the point is not in the future.
    pub(super) fn point(&self, context: &Context) -> Result<Timestamp, CliError> {
        let now = context.now();
        let point = self.point.after(now);
        if point <= now {
            let error = CliError::usage(format!("--until {} is not in the future", self.word));
            return Err(error.with_hint("a time of day, such as 06:00, means its next occurrence"));
        }
        Ok(point)
    }
}
