//! Signals to one process and to no later one that bears its number.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::process_table::{ProcessId, lives, signallable};

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// It was sent.
    Sent,
    /// The process is no more, or a zombie.
    Gone,
    /// The system refused: the process is not ours to signal.
    Refused(Errno),
}

/// Kills one process, as [`signal`] does.
#[must_use]
pub fn kill(id: ProcessId) -> Signalled {
    signal(id, Signal::KILL)
}

/// Sends a signal to one process.
///
/// A pidfd (`pidfd_open(2)`, Linux 5.3) is taken first and the start time compared then: what the descriptor stands for can
/// no longer change. Where there are none, the comparison comes right before the signal, and between the two lie
/// microseconds, while the numbers of a system come round only after thousands of other processes.
#[must_use]
pub fn signal(id: ProcessId, signal: Signal) -> Signalled {
    let Some(pid) = signallable(id.pid) else { return Signalled::Gone };
    match send(pid, id, signal) {
        Ok(true) => Signalled::Sent,
        Ok(false) | Err(Errno::SRCH) => Signalled::Gone,
        Err(errno) => Signalled::Refused(errno),
    }
}

#[cfg(target_os = "linux")]
fn send(pid: Pid, id: ProcessId, signal: Signal) -> Result<bool, Errno> {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) if lives(id) => pidfd_send_signal(&fd, signal).map(|()| true),
        Ok(_) => Ok(false),
        Err(Errno::SRCH) => Err(Errno::SRCH),
        // An older kernel, a filter that forbids it, or no free descriptor.
        Err(_) => send_by_number(pid, id, signal),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(pid: Pid, id: ProcessId, signal: Signal) -> Result<bool, Errno> {
    send_by_number(pid, id, signal)
}

fn send_by_number(pid: Pid, id: ProcessId, signal: Signal) -> Result<bool, Errno> {
    if lives(id) { kill_process(pid, signal).map(|()| true) } else { Ok(false) }
}
