//! One supervised process: what to start, and what came of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::ports::{AttemptOutcome, ResourceUsage};

/// A process to run under a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The program: looked up in `PATH` where it has no slash.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What its environment gains, as names and values; a later one of the same name wins.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder it is started in; ours where `None`. A relative program path is relative to it.
    pub working_dir: Option<PathBuf>,
    /// How long it may take; a pause does not count.
    pub timeout: Duration,
    /// The file for what it prints, on both streams; nothing is kept where `None`. No file is made where it prints nothing.
    pub log: Option<PathBuf>,
    /// Whether that file is to be continued, as by the later steps of one attempt; else it is begun anew.
    pub append_log: bool,
    /// What the file says before the process's own words; nothing, where it prints none. Bytes that end in a newline.
    pub log_heading: Vec<u8>,
    /// How many bytes of what it prints on its standard output the report shall hold, at most [`CAPTURE_LIMIT`].
    pub capture: usize,
}

/// The most of a process's standard output that a report can hold, in bytes: what is to be longer belongs into a file.
pub const CAPTURE_LIMIT: usize = 32 << 20;

/// What came of a process, told when it and everything it started is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessReport {
    /// How it ended.
    pub ending: Ending,
    /// How long it ran, pauses left out; where it was ended, until the last of what it started was gone.
    pub elapsed: Duration,
    /// What it and those of its children that it waited for used, where the system could tell.
    pub usage: Option<ResourceUsage>,
    /// The last bytes of its error output, [`STDERR_TAIL`] at most.
    pub stderr_tail: Vec<u8>,
    /// The first bytes of its standard output, as many as were asked for.
    pub stdout: Vec<u8>,
    /// How many bytes it wrote to its standard output in all.
    pub stdout_bytes: u64,
    /// Why what it printed could not be kept, where that was so. The process was not told.
    pub log_error: Option<String>,
}

/// How much of the error output a report holds, in bytes: a page, the last lines of which a person is shown.
pub const STDERR_TAIL: usize = 4 << 10;

/// The most lines of an error output that are quoted: what a person takes in at a glance.
const QUOTED_LINES: usize = 5;
/// The most bytes of text that are quoted.
const QUOTED_BYTES: usize = 500;

impl ProcessReport {
    /// The last lines of the error output as text, 5 lines and 500 bytes at most; what is no UTF-8 is replaced.
    #[must_use]
    pub fn last_error_lines(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr_tail);
        let text = text.trim_end();
        let by_lines = text.rmatch_indices('\n').nth(QUOTED_LINES - 1).map_or(0, |(end, _)| end + 1);
        let by_bytes = text.ceil_char_boundary(text.len().saturating_sub(QUOTED_BYTES));
        text[by_lines.max(by_bytes)..].to_owned()
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ending {
    /// By itself, with this exit status.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// By a signal that we did not send.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Over its time; ended by us.
    TimedOut,
    /// Ended by us, because the stop level rose to aborting.
    Aborted,
    /// It never began.
    CannotStart {
        /// Why.
        reason: String,
        /// Whether another try would meet the same: no such program, not executable.
        permanent: bool,
    },
    /// Its guard was killed; what it had started was ended after that.
    GuardDied,
}

impl Ending {
    /// How an attempt, or a step of one, ended whose process had this time and ended so.
    #[must_use]
    pub fn outcome(self, timeout: Duration) -> AttemptOutcome {
        match self {
            Self::Exited { code: 0 } => AttemptOutcome::Succeeded,
            Self::Exited { code } => AttemptOutcome::Exited { code },
            Self::Signalled { signal } => AttemptOutcome::Signalled { signal },
            Self::TimedOut => AttemptOutcome::TimedOut { after: timeout },
            Self::Aborted => AttemptOutcome::Aborted,
            Self::CannotStart { reason, permanent } => AttemptOutcome::CannotStart { reason: reason.into(), permanent },
            Self::GuardDied => AttemptOutcome::Interrupted { reason: "its guard was killed".into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(stderr: &[u8]) -> String {
        let (stderr_tail, stdout) = (stderr.to_vec(), Vec::new());
        let (ending, elapsed) = (Ending::TimedOut, Duration::ZERO);
        ProcessReport { ending, elapsed, usage: None, stderr_tail, stdout, stdout_bytes: 0, log_error: None }
            .last_error_lines()
    }

    #[test]
    fn the_last_five_lines_are_quoted() {
        assert_eq!(quoted(b"1\n2\n3\n4\n5\n6\n7\n\n"), "3\n4\n5\n6\n7");
        assert_eq!(quoted(b"just\none"), "just\none");
        assert_eq!(quoted(b" \n"), "");
    }

    proptest! {
        #[test]
        fn a_quotation_is_short_and_an_end(stderr in prop::collection::vec(any::<u8>(), 0..1500)) {
            let quotation = quoted(&stderr);
            prop_assert!(quotation.len() <= QUOTED_BYTES && quotation.lines().count() <= QUOTED_LINES);
            prop_assert!(String::from_utf8_lossy(&stderr).trim_end().ends_with(&quotation));
        }
    }
}
