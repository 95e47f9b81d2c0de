//! The guard: the process between the runner and a command.

use std::process::ExitCode;

/// Serves as a guard to its end where this process was started as one; says what the process is to exit with.
///
/// To be called at the very head of `main`, before any thread or runtime starts.
#[must_use]
pub fn become_guard() -> Option<ExitCode> {
    None
}
