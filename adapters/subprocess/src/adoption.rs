//! Becoming the parent of what commands leave behind.

/// Makes this process the one to which the orphans of its descendants fall (`PR_SET_CHILD_SUBREAPER`, prctl(2)), so that a
/// group of processes which were ended is seen to be empty at once: else its dead members stay until the system's first
/// process reaps them, and a slot waits for that. Where the system knows no such thing, it waits.
///
/// Meant for a program whose only children are the attempts; a library user decides for itself.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    // Only an invalid argument could fail, and there is none.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}
