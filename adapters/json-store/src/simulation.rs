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
//!
//! Beside the crashes, `bytes` changes what is on the disk, `contention` lets processes at it at once, and `runs` looks at
//! runs that begin. That these checks
//! can fail is shown by making one [`Mistake`] at a time.

mod bytes;
mod contention;
mod crash;
mod disk;
mod explore;
mod history;
mod runs;

use crate::mistake::{Mistake, while_making};
use explore::{Bounds, Count, Explorer};
use history::histories;

/// How long the histories of an ordinary test run are. `AUTOPROC_HISTORY` asks for longer ones.
const ORDINARY_LENGTH: usize = 3;

fn crashes(longest: usize) -> Result<Count, String> {
    let mut explorer = Explorer::new(Bounds { second_crash: true });
    for history in (1..=longest).flat_map(histories) {
        explorer.explore(history).map_err(|violation| violation.to_string())?;
    }
    Ok(explorer.count())
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are a part of the result")]
fn no_crash_loses_what_was_acknowledged() {
    let asked = std::env::var("AUTOPROC_HISTORY").ok().and_then(|length| length.parse().ok());
    let count = crashes(asked.unwrap_or(ORDINARY_LENGTH)).unwrap_or_else(|violation| panic!("{violation}"));
    eprintln!("{count}: no violation");
    assert!(count.crash_states > 50_000, "{count}");
}

/// A bit at either end, nothing at all, and the byte that ends lines. `AUTOPROC_ALL_BYTES` asks for all there are.
fn some_changes(byte: u8) -> Vec<u8> {
    vec![byte ^ 1, byte ^ 0x80, 0, b'\n']
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are a part of the result")]
fn every_changed_byte_is_refused_or_confined_to_the_last_line() {
    let all: fn(u8) -> Vec<u8> = |_| (0..=u8::MAX).collect();
    let changes = if std::env::var_os("AUTOPROC_ALL_BYTES").is_some() { all } else { some_changes };
    let tried = bytes::flips(&bytes::with_lines(100), changes).unwrap_or_else(|violation| panic!("{violation}"));
    eprintln!("{tried} changed bytes: no violation");
}

#[test]
fn lines_that_are_not_where_they_belong_are_refused() {
    bytes::misplaced_lines().unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn processes_at_once_lose_nothing() {
    contention::writers_at_once(None).unwrap_or_else(|violation| panic!("{violation}"));
}

/// So often processes are let at the store at once, until a mistake is noticed: whether they meet is up to the machine.
const CONTENTIONS: usize = 10;

/// The checks, by the names that `docs/durability.md` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Crashes,
    ChangedBytes,
    MisplacedLines,
    Contention,
}

impl Check {
    fn run(self, mistake: Mistake) -> Result<(), String> {
        if self == Self::Contention {
            return (0..CONTENTIONS).try_for_each(|_| contention::writers_at_once(Some(mistake)));
        }
        while_making(Some(mistake), || match self {
            Self::Crashes => crashes(ORDINARY_LENGTH).map(drop),
            Self::ChangedBytes => bytes::flips(&bytes::with_lines(5), some_changes).map(drop),
            Self::MisplacedLines => bytes::misplaced_lines(),
            Self::Contention => Ok(()),
        })
    }
}

/// Every mistake, and the check that kills it.
const MISTAKES: [(Mistake, Check); 23] = [
    (Mistake::SnapshotNotSynced, Check::Crashes),
    (Mistake::RenameNotSynced, Check::Crashes),
    (Mistake::LineNotSynced, Check::Crashes),
    (Mistake::JournalNameNotSynced, Check::Crashes),
    (Mistake::NamesOfOthersTrusted, Check::Crashes),
    (Mistake::RecordsOfOthersTrusted, Check::Crashes),
    (Mistake::TornTailLeft, Check::Crashes),
    (Mistake::SyncRetried, Check::Crashes),
    (Mistake::GhostLeft, Check::Crashes),
    (Mistake::JournalRemovedEarly, Check::Crashes),
    (Mistake::ClearedAwayEarly, Check::Crashes),
    (Mistake::JournalNameReused, Check::Crashes),
    (Mistake::FailedChangeKept, Check::Crashes),
    (Mistake::LockOnSnapshot, Check::Contention),
    (Mistake::NotLocked, Check::Contention),
    (Mistake::NewSnapshotUnnoticed, Check::Crashes),
    (Mistake::AllDamageIsTorn, Check::ChangedBytes),
    (Mistake::NothingIsTorn, Check::Crashes),
    (Mistake::ChecksumIgnored, Check::ChangedBytes),
    (Mistake::ChainIgnored, Check::MisplacedLines),
    (Mistake::HeaderIgnored, Check::MisplacedLines),
    (Mistake::TipBelieved, Check::Crashes),
    (Mistake::TipNotedEarly, Check::Crashes),
];

#[test]
fn every_mistake_is_noticed() {
    let survivors: Vec<_> = MISTAKES
        .into_iter()
        .filter(|(mistake, check)| std::panic::catch_unwind(|| check.run(*mistake)).is_ok_and(|found| found.is_ok()))
        .collect();
    assert!(survivors.is_empty(), "not noticed: {survivors:?}");
}
