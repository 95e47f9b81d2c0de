//! The exit codes, a stable interface for scripts; see `docs/exit-codes.md`.
//!
//! Codes 64 to 78 are those of `sysexits.h` (BSD). Code 100 is nextest's code for failed tests.
//! Codes 129, 130 and 143 are 128 plus the signal number, as in shells.

use std::process;

use autoproc_system::EndSignal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    Success = 0,
    /// A bug in the program.
    Internal = 1,
    /// Invalid arguments, or a request that the queue does not allow.
    Usage = 2,
    /// Stored data is damaged (`EX_DATAERR`).
    Damaged = 65,
    /// A missing input or folder, or no run to resume (`EX_NOINPUT`).
    NoInput = 66,
    /// The location is not writable (`EX_CANTCREAT`).
    CannotWrite = 73,
    /// An I/O error (`EX_IOERR`).
    Io = 74,
    /// A temporary failure, or an unfinished run (`EX_TEMPFAIL`).
    TryAgain = 75,
    /// An unusable setting, workflow or database (`EX_CONFIG`).
    Config = 78,
    /// Some files failed, or the workflow of `workflow run` failed.
    FilesFailed = 100,
    HungUp = 129,
    Interrupted = 130,
    Terminated = 143,
}

impl ExitCode {
    /// Returns the signal by which the process must end, if any. The parent process then sees the
    /// signal.
    pub(crate) fn signal(self) -> Option<EndSignal> {
        match self {
            Self::HungUp => Some(EndSignal::HangUp),
            Self::Interrupted => Some(EndSignal::Interrupt),
            Self::Terminated => Some(EndSignal::Terminate),
            _ => None,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
