//! Adopts the orphans of killed guards.
//!
//! # Theory of operation
//!
//! This process becomes a child subreaper, so the processes of a killed guard become its children.
//! Usually, guards and their orphans are its only children. So a child that is not a guard counts
//! as an orphan of a guard.
//!
//! Other children occur in two cases. A program that has started children may call exec(2) and so
//! become this process. Process 1 of a pid namespace, as in a container, adopts the orphans of all
//! processes. In these cases, a child counts as an orphan of a guard only if it has the run's
//! marker in its environment or is in the session of the killed guard. This process never signals
//! its other children, but reaps them when they have ended, because only a parent can reap.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use signal_hook::consts::SIGCHLD;

use crate::guards::reap_other_children;
use crate::process_table::{Processes, own_pid};

const NONE: u8 = 0;
const OF_GUARDS: u8 = 1;
const OF_ALL: u8 = 2;

static ADOPTS: AtomicU8 = AtomicU8::new(NONE);

/// Makes this process adopt its descendants when their parents have ended
/// (`PR_SET_CHILD_SUBREAPER`, prctl(2)). If a guard is killed, the guard's processes become
/// children of this process, which ends them. Has no effect on systems other than Linux.
///
/// If this process is process 1 or already has children at the call, children that are neither
/// guards nor orphans of guards are reaped when they have ended, and never signalled. In any other
/// process, all later children must be guards: when a guard is killed, every child that is not a
/// guard counts as an orphan of the killed guard and is killed too.
///
/// Only the first call has an effect.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if rustix::process::set_child_subreaper(Some(rustix::process::getpid())).is_ok()
        && begin(&ADOPTS, || own_pid() == 1 || has_children()) == Some(OF_ALL)
    {
        // An error is ignored: without the thread, ended children only remain as zombies.
        let _ = reap_others_on_thread();
    }
}

/// Sets `adopts` at the first call, and returns the new value; `None` at a later call, because the
/// guards that this process has started since are its children.
fn begin(adopts: &AtomicU8, has_others: impl Fn() -> bool) -> Option<u8> {
    if adopts.load(Ordering::SeqCst) != NONE {
        return None;
    }
    let new = if has_others() { OF_ALL } else { OF_GUARDS };
    adopts.compare_exchange(NONE, new, Ordering::SeqCst, Ordering::SeqCst).is_ok().then_some(new)
}

/// True if all children of this process are guards or orphans of guards.
pub(crate) fn adopts_only_of_guards() -> bool {
    ADOPTS.load(Ordering::SeqCst) == OF_GUARDS
}

fn has_children() -> bool {
    let own = own_pid();
    Processes::read().is_ok_and(|all| all.iter().any(|process| process.parent == own))
}

/// Starts a thread that reaps ended children other than guards, at once and whenever a child ends.
fn reap_others_on_thread() -> io::Result<()> {
    let (mut ends, written) = io::pipe()?;
    signal_hook::low_level::pipe::register(SIGCHLD, written)?;
    let reap = move || {
        let mut bytes = [0; 64];
        loop {
            reap_other_children();
            if !matches!(ends.read(&mut bytes), Ok(1..)) {
                return;
            }
        }
    };
    thread::Builder::new().name("reaper".to_owned()).spawn(reap).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_call_decides() {
        for (has_others, expected) in [(true, OF_ALL), (false, OF_GUARDS)] {
            let adopts = AtomicU8::new(NONE);
            assert_eq!(begin(&adopts, || has_others), Some(expected));
            assert_eq!(begin(&adopts, || !has_others), None);
            assert_eq!(adopts.load(Ordering::SeqCst), expected);
        }
    }
}
