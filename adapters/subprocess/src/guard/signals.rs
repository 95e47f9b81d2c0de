//! Handles signals to the guard itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Makes the guard survive requests to terminate: the runner decides when to stop, and the guard
/// must outlive the runner to end its processes.
///
/// Installs handlers that do nothing. A command would inherit an ignored signal, whereas execve(2)
/// resets handlers. If SIGHUP was ignored at the start, as by nohup(1), it stays ignored, so that
/// commands ignore it too.
pub(crate) fn survive_termination_signals() -> io::Result<()> {
    let unread = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP)) {
        signal_hook::flag::register(signal, Arc::clone(&unread))?;
    }
    Ok(())
}

/// True if this process ignores a signal: bit n-1 of `SigIgn` represents signal n
/// (`proc_pid_status(5)`). False without `/proc`.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
