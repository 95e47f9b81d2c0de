//! Prints the attempts on one file.

use std::io::{self, Write};

use autoproc_domain::ports::{PastAttempt, PastEnd, ResourceUsage};

use crate::render::bytes::memory;
use crate::render::failure::{self, SaidBefore};
use crate::render::time::{local, span};

/// Placeholder for unknown values.
const UNKNOWN: &str = "?";

/// One line per attempt: number, round if there are several, start, end, duration, resource usage
/// and error.
pub(super) fn list(attempts: &[PastAttempt], out: &mut dyn Write) -> io::Result<()> {
    if !attempts.is_empty() {
        writeln!(out, "\nattempts:")?;
    }
    let has_rounds = attempts.iter().any(|attempt| attempt.of.round > 1);
    attempts.iter().try_for_each(|attempt| line(attempt, has_rounds, out))
}

fn line(attempt: &PastAttempt, has_rounds: bool, out: &mut dyn Write) -> io::Result<()> {
    let began = attempt.started_at.map_or_else(|| UNKNOWN.to_owned(), local);
    let end = attempt.end.map_or("not known to have ended", PastEnd::word);
    let round = if has_rounds { format!(" of round {}", attempt.of.round) } else { String::new() };
    write!(out, "  {}{round}  {began}  {end}", attempt.of.attempt)?;
    if let Some(elapsed) = attempt.elapsed {
        write!(out, " after {}", span(elapsed))?;
    }
    if let Some(usage) = &attempt.usage {
        write!(out, ", {}", used(usage))?;
    }
    if let Some(error) = &attempt.error {
        write!(out, ": {}{}", failure::in_one_line(error), SaidBefore(error))?;
    }
    writeln!(out)
}

fn used(usage: &ResourceUsage) -> String {
    format!("{} of CPU, {}", span(usage.user.saturating_add(usage.system)), memory(usage.peak_memory))
}
