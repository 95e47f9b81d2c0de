//! Becoming the parent of what guards leave behind.

use std::sync::atomic::{AtomicBool, Ordering};

static ADOPTS: AtomicBool = AtomicBool::new(false);

/// Makes this process the one to which the orphans of its descendants fall (`PR_SET_CHILD_SUBREAPER`, prctl(2)): what a
/// guard looked after falls to us when somebody kills the guard, and is ended by us. Where the system knows no such thing,
/// nothing changes.
///
/// For a program whose only children are guards: from now on every other child is taken for such an orphan and killed when
/// a guard is killed. A library user decides for itself.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if rustix::process::set_child_subreaper(Some(rustix::process::getpid())).is_ok() {
        ADOPTS.store(true, Ordering::SeqCst);
    }
}

/// Whether every child that is no guard is an orphan of one.
pub(crate) fn adopts_orphans() -> bool {
    ADOPTS.load(Ordering::SeqCst)
}
