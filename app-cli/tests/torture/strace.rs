//! Injects faults at single system calls with `strace -e inject` (strace(1), "Tampering").

use crate::fixture::{Done, TempProject};

/// All system calls by which the binary changes something, on all architectures of Linux.
pub(crate) const CHANGING: [&str; 9] =
    ["mkdir", "flock", "write", "pwrite64", "fdatasync", "fsync", "rename", "unlink", "ftruncate"];

/// The result of a command with an injected fault.
pub(crate) struct Tampered {
    pub(crate) done: Done,
    /// True if the command reached the fault.
    pub(crate) is_hit: bool,
}

/// Runs the binary with a fault, such as `signal=SIGKILL` or `error=EIO`, at the `nth` system call
/// `call` of a thread.
pub(crate) fn tampered(project: &TempProject, words: &[&str], call: &str, fault: &str, nth: usize) -> Tampered {
    let log = project.path("strace.log");
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}:when={nth}"));
    let tool = ["strace", "-f", "-qq", "-o", log.to_str().expect("text"), "-e", &trace, "-e", &inject];
    let output = project.command_under(&tool, words).output().expect("strace(1)");
    let log = std::fs::read_to_string(&log).unwrap_or_default();
    let done = Done::of(&output);
    let is_hit = log.contains("(INJECTED)") || done.is_killed();
    Tampered { done, is_hit }
}
