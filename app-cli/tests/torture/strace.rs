use crate::fixture::{Done, TempProject};

/// The system calls at which a fault is injected.
pub(crate) const CHANGING: [&str; 9] =
    ["mkdir", "flock", "write", "pwrite64", "fdatasync", "fsync", "rename", "unlink", "ftruncate"];

pub(crate) struct Tampered {
    pub(crate) done: Done,
    /// True if the command reached the fault.
    pub(crate) is_hit: bool,
}

/// Runs the binary under strace(1). Injects the fault, such as `error=EIO`, at the `nth` call of
/// `call` in each thread.
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
