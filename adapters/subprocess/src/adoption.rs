//! Adopts the orphans of killed guards.

use std::sync::atomic::{AtomicBool, Ordering};

static ADOPTS: AtomicBool = AtomicBool::new(false);

/// Makes this process the parent of its descendants' orphans (`PR_SET_CHILD_SUBREAPER`, prctl(2)).
/// If a guard is killed, the guard's processes become children of this process, which ends them.
/// Has no effect on systems other than Linux.
///
/// Call this only in a program whose only children are guards: when a guard is killed, every other
/// child counts as an orphan of that guard and is killed too.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if rustix::process::set_child_subreaper(Some(rustix::process::getpid())).is_ok() {
        ADOPTS.store(true, Ordering::SeqCst);
    }
}

/// True if this process adopts orphans. Then every child that is not a guard is an orphan.
pub(crate) fn adopts_orphans() -> bool {
    ADOPTS.load(Ordering::SeqCst)
}
