//! The protocols on a simulated disk, through every crash there is.
//!
//! A history is a short list of operations by one run, a second process and one-shot commands. It is carried out once, and
//! the disk is copied before each of its calls; each copy is then put through every loss of power, each of which leaves
//! some of what was not synced, and through the death of the process alone. A fresh process opens what is left. It must
//! find every acknowledged operation, and of the one that was under way all or nothing; it then goes on, and is itself
//! crashed at every call. Histories in which a call fails, or does half its work, are carried out once for each.
//!
//! The idea is ALICE's (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014), without its file systems: what
//! is not synced may come out in any way at all.

mod crash;
mod disk;
mod explore;
mod history;

use explore::{Bounds, Explorer};
use history::histories;

#[test]
#[expect(clippy::print_stderr, reason = "the figures are a part of the result")]
fn no_crash_loses_what_was_acknowledged() {
    let mut explorer = Explorer::new(Bounds { second_crash: true });
    for length in 1..=3 {
        for history in histories(length) {
            explorer.explore(history).unwrap_or_else(|violation| panic!("{violation}"));
        }
    }
    let count = explorer.count();
    eprintln!("{count}");
    assert!(count.crash_states > 50_000, "{count}");
}
