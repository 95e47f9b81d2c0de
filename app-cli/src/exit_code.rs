//! The exit codes, which scripts rely on. `docs/exit-codes.md` tells people about them.
//!
//! 64 to 78 are those of `sysexits.h` (BSD); 100 is what nextest says when tests failed; 130 and 143 are what shells say
//! of a process ended by SIGINT and SIGTERM (128 and the signal's number).

use std::process;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// All went well, or the run stopped as it was asked to.
    Success = 0,
    /// A fault of the program.
    Internal = 1,
    /// What was asked for makes no sense, or not in this state of the queue.
    Usage = 2,
    /// What is stored is damaged (`EX_DATAERR`).
    Damaged = 65,
    /// The place cannot be written to (`EX_CANTCREAT`).
    CannotWrite = 73,
    /// The system failed us (`EX_IOERR`).
    Io = 74,
    /// Later it may work (`EX_TEMPFAIL`).
    TryAgain = 75,
    /// A setting or a format version is not usable (`EX_CONFIG`).
    Config = 78,
    /// Some files failed in this run.
    FilesFailed = 100,
    /// Current attempts were ended by SIGINT.
    Interrupted = 130,
    /// Current attempts were ended by SIGTERM or SIGHUP.
    Terminated = 143,
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
