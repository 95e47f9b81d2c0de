//! Adopts the orphaned processes of killed guards.
//!
//! # Theory of operation
//!
//! This process is a child subreaper (prctl(2)). If a guard is killed, the processes of the guard
//! become children of this process. These children are called orphans. Usually, all children are
//! guards or orphans. Each child that is not a guard therefore counts as an orphan.
//!
//! Unrelated children occur in two cases:
//!
//! - This process had children before it called exec(2).
//! - This process is process 1 of a pid namespace, as in a container.
//!
//! In these cases, a child counts as an orphan in two situations. The environment of the child
//! contains the marker of the run, or the child is in the session of the killed guard. This process
//! reaps unrelated children, but never signals them.

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

/// Makes this process adopt its orphaned descendants (`PR_SET_CHILD_SUBREAPER`, prctl(2)). If a
/// guard is killed, this process becomes the parent of the guard's processes, and ends them. Has no
/// effect on systems other than Linux.
///
/// If this process is process 1 or already has children, it may have children that belong to no
/// guard. It reaps these when they end, and never signals them. Otherwise, all later children must
/// be guards: when a guard is killed, every child that is not a guard is killed as an orphan.
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

/// Sets `adopts` at the first call, and returns the new value. Returns `None` at later calls: by
/// then, guards may be children of this process.
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
