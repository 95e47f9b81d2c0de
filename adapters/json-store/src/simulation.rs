//! Simulates the store on a fake disk, with a crash at every call.
//!
//! A *history* is a short list of operations. The simulation executes the history once and copies
//! the disk before each call. From each copy, it computes the disks that a power cut may leave. A
//! new process opens each disk. It must find all acknowledged operations. The unfinished operation
//! must be complete or absent. The new process then makes a change and is crashed at every call
//! too. Finally, the history is repeated with a failure of each call in turn.
//!
//! This is the method of ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI
//! 2014), without a model of a file system. Unsynced changes to different files may become durable
//! in any combination.
//!
//! The tests are tested too. They must detect each [`Flaw`] of a disk, and each mutation in
//! `tests/mutants.rs`.

mod bytes;
mod checkpoints;
mod contention;
mod crash;
mod explore;
mod flawed;
mod history;
mod interference;
mod room;
mod runs;
mod unreadable;

use explore::{Bounds, Count, Explorer};
use flawed::Flaw;
use history::histories;

/// The maximum length of a history. `AUTOPROC_HISTORY` overrides this value.
const DEFAULT_LENGTH: usize = 3;

fn crashes(max_length: usize, flaw: Option<Flaw>) -> Result<Count, String> {
    let mut explorer = Explorer::new(Bounds { second_crash: true }, flaw);
    for history in (1..=max_length).flat_map(histories) {
        explorer.explore(history).map_err(|violation| violation.to_string())?;
    }
    Ok(explorer.count())
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are part of the result")]
fn no_crash_loses_an_acknowledged_change() {
    let length = std::env::var("AUTOPROC_HISTORY").ok().and_then(|length| length.parse().ok());
    let count = crashes(length.unwrap_or(DEFAULT_LENGTH), None).unwrap_or_else(|violation| panic!("{violation}"));
    eprintln!("{count}: no violation");
    assert!(count.crash_states > 50_000, "{count}");
}

fn some_changes(byte: u8) -> Vec<u8> {
    vec![byte ^ 1, byte ^ 0x80, 0, b'\n']
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are part of the result")]
fn every_changed_byte_is_refused_or_confined_to_the_last_line() {
    let all: fn(u8) -> Vec<u8> = |_| (0..=u8::MAX).collect();
    let changes = if std::env::var_os("AUTOPROC_ALL_BYTES").is_some() { all } else { some_changes };
    let tried = bytes::flips(&bytes::with_lines(100), changes).unwrap_or_else(|violation| panic!("{violation}"));
    eprintln!("{tried} changed bytes: no violation");
}

#[test]
fn misplaced_lines_are_refused() {
    bytes::misplaced_lines().unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn concurrent_processes_lose_nothing() {
    contention::concurrent_writers(None).unwrap_or_else(|violation| panic!("{violation}"));
}

const CONTENTION_TRIES: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Crashes,
    Contention,
}

impl Check {
    fn run(self, flaw: Flaw) -> Result<(), String> {
        match self {
            Self::Crashes => crashes(DEFAULT_LENGTH, Some(flaw)).map(drop),
            Self::Contention => (0..CONTENTION_TRIES).try_for_each(|_| contention::concurrent_writers(Some(flaw))),
        }
    }
}

const FLAWS: [(Flaw, Check); 14] = [
    (Flaw::SnapshotNotSynced, Check::Crashes),
    (Flaw::RenameNotSynced, Check::Crashes),
    (Flaw::LineNotSynced, Check::Crashes),
    (Flaw::JournalNameNotSynced, Check::Crashes),
    (Flaw::OthersNamesNotSynced, Check::Crashes),
    (Flaw::OthersLinesNotSynced, Check::Crashes),
    (Flaw::TornTailKept, Check::Crashes),
    (Flaw::SyncRepeated, Check::Crashes),
    (Flaw::JournalRemovedEarly, Check::Crashes),
    (Flaw::LeftoversRemovedEarly, Check::Crashes),
    (Flaw::TipNotedEarly, Check::Crashes),
    (Flaw::StampRemembered, Check::Crashes),
    (Flaw::SnapshotLocked, Check::Contention),
    (Flaw::NotLocked, Check::Contention),
];

#[test]
#[expect(clippy::print_stderr, reason = "the violations are part of the result")]
fn every_flaw_is_noticed() {
    let unnoticed: Vec<_> = FLAWS
        .into_iter()
        .filter(|(flaw, check)| match std::panic::catch_unwind(|| check.run(*flaw)) {
            Ok(Ok(())) => true,
            Ok(Err(violation)) => {
                eprintln!("{flaw:?}: {violation}");
                false
            }
            Err(_) => false,
        })
        .collect();
    assert!(unnoticed.is_empty(), "not noticed: {unnoticed:?}");
}
