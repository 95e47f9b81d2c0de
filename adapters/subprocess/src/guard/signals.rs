//! Signals to the guard itself: none of them ends it, and all are as they were for the commands it starts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Makes the usual requests to end go by: it is the runner's to stop, and the guard's to see that nothing is left then.
///
/// By handlers that do nothing, because a command would inherit a signal that is ignored, while handlers end with exec
/// (execve(2)). For the same reason a hang-up that whoever started us has ignored, as nohup(1) does, stays ignored.
pub(crate) fn outlive_requests() -> io::Result<()> {
    let unread = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP)) {
        signal_hook::flag::register(signal, Arc::clone(&unread))?;
    }
    Ok(())
}

/// Whether this process ignores a signal: bit n-1 of `SigIgn` stands for signal n (`proc_pid_status(5)`). Where the system
/// tells nothing, it does not.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
