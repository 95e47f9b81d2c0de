//! Sets up signal handling.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// Makes the guard survive SIGINT, SIGTERM, SIGHUP and SIGXFSZ. If the run dies, the guard can then
/// end its processes.
///
/// Installs handlers that do nothing, because commands would inherit ignored signals. If SIGHUP is
/// already ignored, as by nohup(1), it stays ignored.
pub(crate) fn survive_termination_signals() -> io::Result<()> {
    catch([SIGINT, SIGTERM, SIGXFSZ].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP)))
}

/// Unblocks all signals and catches SIGCHLD. Otherwise, the end of a child could go unnoticed.
pub(super) fn undo_inherited() -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    catch([SIGCHLD])
}

/// Calls `start` with all signals blocked. A new guard keeps them blocked until it calls
/// [`undo_inherited`]. So no signal from the terminal can end the guard before it has its own
/// session.
pub(crate) fn with_all_blocked<T>(start: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let started = start();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    started
}

/// Makes commands start with default signal actions, except SIGHUP under nohup(1).
pub(super) fn reset_for_commands() -> io::Result<()> {
    let catchable = |signal: &c_int| !signal_hook::consts::FORBIDDEN.contains(signal);
    catch((1..=LAST_STANDARD_SIGNAL).filter(catchable).filter(|signal| *signal != SIGHUP && is_ignored(*signal)))
}

/// The highest standard signal on Linux: SIGSYS (signal(7)).
const LAST_STANDARD_SIGNAL: c_int = 31;

/// Installs empty handlers. execve(2) resets them to the default action.
fn catch(signals: impl IntoIterator<Item = c_int>) -> io::Result<()> {
    let unread = Arc::new(AtomicBool::new(false));
    signals.into_iter().try_for_each(|signal| signal_hook::flag::register(signal, Arc::clone(&unread)).map(drop))
}

/// True if this process ignores the signal. Bit n-1 of `SigIgn` represents signal n
/// (`proc_pid_status(5)`).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
