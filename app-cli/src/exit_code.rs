//! The exit codes, a stable interface for scripts; see `docs/exit-codes.md`.
//!
//! 64 to 78 are those of `sysexits.h` (BSD); 100 is nextest's code for failed tests; 130 and 143
//! are the shells' codes for a process ended by SIGINT and SIGTERM (128 and the signal's number).

use std::process;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// Success, or a run that stopped as requested.
    Success = 0,
    /// A bug in the program.
    Internal = 1,
    /// Invalid arguments, or a request that the queue's state does not allow.
    Usage = 2,
    /// Stored data is damaged (`EX_DATAERR`).
    Damaged = 65,
    /// The place is not writable (`EX_CANTCREAT`).
    CannotWrite = 73,
    /// An I/O error (`EX_IOERR`).
    Io = 74,
    /// A temporary failure (`EX_TEMPFAIL`).
    TryAgain = 75,
    /// An unusable setting or format version (`EX_CONFIG`).
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
