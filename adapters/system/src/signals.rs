//! Handles signals of this process.

use std::io;
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// A signal that asks a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSignal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
    /// SIGHUP, after the terminal was closed.
    HangUp,
}

/// Ends this process by the signal, as if the signal had never been handled. The parent process
/// thus learns the cause. For instance, a shell loop ends too after Ctrl-C.
///
/// # Errors
/// If the system refuses; otherwise the function does not return.
pub fn end_by(signal: EndSignal) -> io::Result<()> {
    signal_hook::low_level::emulate_default_handler(match signal {
        EndSignal::Interrupt => SIGINT,
        EndSignal::Terminate => SIGTERM,
        EndSignal::HangUp => SIGHUP,
    })
}

/// Makes a write beyond the file size limit (setrlimit(2)) return an error. By default, SIGXFSZ
/// would end the process. Commands that this process starts get the default action.
///
/// # Errors
/// If the system refuses the handler.
pub fn survive_file_size_limit() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// True if this process ignores `signal`; false if unknown. See `SigIgn` in `proc_pid_status(5)`.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}
