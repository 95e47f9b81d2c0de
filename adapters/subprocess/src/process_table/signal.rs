//! Sends signals to processes.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::process_table::{ProcessId, is_alive, positive_pid};

/// The result of sending a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalResult {
    /// The signal was sent.
    Sent,
    /// The process has ended (it may be a zombie), or the process table does not show it.
    Gone,
    /// The system refused, usually because the process belongs to another user.
    Refused(Errno),
}

/// Sends SIGKILL to one process; see [`signal`].
#[must_use]
pub fn kill(id: ProcessId) -> SignalResult {
    signal(id, Signal::KILL)
}

/// Sends SIGCONT to one process; see [`signal`].
#[must_use]
pub fn resume(id: ProcessId) -> SignalResult {
    signal(id, Signal::CONT)
}

/// Sends a signal to one process.
///
/// Opens a pidfd (`pidfd_open(2)`, Linux 5.3) and then checks the start time of the process. In
/// this order, the signal cannot reach a later process with the same number. Without pidfds, checks
/// the start time and then sends the signal by number. This is safe in practice: a number is reused
/// only after thousands of other processes have started.
#[must_use]
pub fn signal(id: ProcessId, signal: Signal) -> SignalResult {
    let Some(pid) = positive_pid(id.pid) else { return SignalResult::Gone };
    match send(pid, id, signal) {
        Ok(true) => SignalResult::Sent,
        Ok(false) | Err(Errno::SRCH) => SignalResult::Gone,
        Err(errno) => SignalResult::Refused(errno),
    }
}

#[cfg(target_os = "linux")]
fn send(pid: Pid, id: ProcessId, signal: Signal) -> Result<bool, Errno> {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) if is_alive(id) => pidfd_send_signal(&fd, signal).map(|()| true),
        Ok(_) => Ok(false),
        Err(Errno::SRCH) => Err(Errno::SRCH),
        // The kernel has no pidfds, a seccomp filter refuses the call, or no descriptor is free.
        Err(_) => send_by_number(pid, id, signal),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(pid: Pid, id: ProcessId, signal: Signal) -> Result<bool, Errno> {
    send_by_number(pid, id, signal)
}

fn send_by_number(pid: Pid, id: ProcessId, signal: Signal) -> Result<bool, Errno> {
    if is_alive(id) { kill_process(pid, signal).map(|()| true) } else { Ok(false) }
}
