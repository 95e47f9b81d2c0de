//! Handles signals to the guard, and resets signals that a parent left blocked or ignored.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// Makes the guard survive SIGINT, SIGTERM and SIGHUP, so that it can end the processes of the
/// command if the run dies. Also catches SIGXFSZ (setrlimit(2)): a write beyond the limit on file
/// sizes then fails instead of ending the guard.
///
/// Installs handlers that do nothing, instead of ignoring the signals: commands would inherit
/// ignored signals, whereas execve(2) resets handlers. If SIGHUP was ignored at the start, as by
/// nohup(1), it stays ignored, so that commands ignore it too.
pub(crate) fn survive_termination_signals() -> io::Result<()> {
    catch([SIGINT, SIGTERM, SIGXFSZ].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP)))
}

/// Undoes a parent's changes to signals: unblocks all signals and catches SIGCHLD. Otherwise the
/// end of a child (waitpid(2)) or a request to stop could go unnoticed.
pub(super) fn undo_inherited() -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    catch([SIGCHLD])
}

/// Calls `start` with all signals blocked in this thread. A new guard inherits the blocked signals
/// until it calls [`undo_inherited`]. So no signal from the terminal can end the guard before the
/// guard has its own session.
pub(crate) fn with_all_blocked<T>(start: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let started = start();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    started
}

/// Makes commands start with the default action of every standard signal. SIGHUP is an exception:
/// commands that nohup(1) protects must ignore it.
pub(super) fn reset_for_commands() -> io::Result<()> {
    let catchable = |signal: &c_int| !signal_hook::consts::FORBIDDEN.contains(signal);
    catch((1..=LAST_STANDARD_SIGNAL).filter(catchable).filter(|signal| *signal != SIGHUP && is_ignored(*signal)))
}

/// The highest number of a standard signal on Linux: SIGSYS (signal(7)).
const LAST_STANDARD_SIGNAL: c_int = 31;

/// Installs handlers that do nothing. execve(2) resets the handled signals to the default action.
fn catch(signals: impl IntoIterator<Item = c_int>) -> io::Result<()> {
    let unread = Arc::new(AtomicBool::new(false));
    signals.into_iter().try_for_each(|signal| signal_hook::flag::register(signal, Arc::clone(&unread)).map(drop))
}

/// True if this process ignores a signal: bit n-1 of `SigIgn` represents signal n
/// (`proc_pid_status(5)`). False without `/proc`.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
