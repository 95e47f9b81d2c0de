//! Tests of the space that claims reserve for results.

use autoproc_domain::RunId;
use autoproc_domain::ports::StorageError;
use autoproc_domain::request::{Enqueue, ExchangeRequest, RequestId, Scope, Settlement, Verdict};
use autoproc_domain::view::Claimed;

use super::flawed::FlawedDisk;
use super::history::{addition, engine, engine_with, transact};
use crate::disk::fake::FakeDisk;
use crate::engine::{Engine, Limits, Mode, RESERVE_STEP_BYTES, RESULT_BYTES};
use crate::layout;
use crate::request::Unfenced;

const FILES: usize = 3;

/// The number of long paths that need more space than is reserved.
const FILES_TO_ADD: usize = 40;

/// The longest error that an item keeps.
const ERROR_BYTES: usize = 500;

type Run = Engine<FlawedDisk>;

fn run_with_files() -> (FakeDisk, Run) {
    let disk = FakeDisk::default();
    let mut run = engine(disk.clone(), None, Mode::Service);
    for number in 0..FILES {
        transact(&mut run, addition(&format!("/{number}"))).expect("added");
    }
    (disk, run)
}

fn exchange(run: &mut Run, settlements: Vec<Settlement>, limit: usize) -> Result<Vec<Claimed>, StorageError> {
    let id = RequestId::default();
    let request = ExchangeRequest { run: RunId::new("run"), id, settlements, limit, scope: Scope::Queue };
    transact(run, Unfenced(request)).map(|reply| reply.claims)
}

/// Returns the length of the journal and the length that is reserved for it.
fn journal(disk: &FakeDisk) -> (usize, usize) {
    let image = disk.image();
    let (_, inode) = image.names.iter().find(|(name, _)| layout::is_journal(name)).expect("a journal");
    let inode = &image.inodes[*inode];
    (inode.visible.len(), inode.reserved)
}

fn results() -> usize {
    FILES * usize::try_from(RESULT_BYTES).expect("a small number")
}

#[test]
fn the_results_of_claimed_files_fit_on_a_full_disk() {
    let (disk, mut run) = run_with_files();
    let claimed = exchange(&mut run, Vec::new(), FILES).expect("claimed");
    let (length, reserved) = journal(&disk);
    let step = usize::try_from(RESERVE_STEP_BYTES).expect("a small number");
    assert_eq!(reserved, length + results() + step);
    disk.fill_up_to(0);
    for (token, _) in claimed {
        let verdict = Verdict::Fail { timed_out: false, error: "x".repeat(ERROR_BYTES).into() };
        exchange(&mut run, vec![Settlement { token, verdict }], 0).expect("recorded");
    }
    assert!(journal(&disk).0 <= length + results(), "a result takes more than {RESULT_BYTES} bytes");
}

#[test]
fn a_claim_needs_room_for_the_results_and_for_no_more() {
    let claim = |room: usize| {
        let (disk, mut run) = run_with_files();
        let before = journal(&disk);
        disk.fill_up_to(room);
        let is_claimed = exchange(&mut run, Vec::new(), FILES).is_ok();
        assert!(is_claimed || journal(&disk) == before, "a refused claim changes the journal");
        is_claimed.then(|| journal(&disk))
    };
    let (room, (length, reserved)) = (0..10_000).find_map(|room| Some((room, claim(room)?))).expect("enough room");
    assert_eq!((room, reserved), (length + results(), room));
}

#[test]
fn an_addition_without_room_takes_no_room_from_a_run() {
    let whole = |disk: &FakeDisk| engine(disk.clone(), None, Mode::Service);
    let blind = |disk: &FakeDisk| engine_with(disk.clone(), None, Mode::Command, Limits::ZERO);
    for open in [whole, blind] {
        let (disk, mut run) = run_with_files();
        let claimed = exchange(&mut run, Vec::new(), FILES).expect("claimed");
        let before = journal(&disk);
        disk.fill_up_to(0);
        let folder = "x".repeat(before.1 / FILES_TO_ADD);
        let items = (0..FILES_TO_ADD).flat_map(|file| addition(&format!("/{folder}/{file}")).items).collect();
        let added = transact(&mut open(&disk), Enqueue { items, ..addition("/") });
        assert!(matches!(added, Err(StorageError::Full { .. })), "{added:?}");
        assert_eq!(journal(&disk), before);
        let verdict = Verdict::Fail { timed_out: false, error: "x".repeat(ERROR_BYTES).into() };
        let settlements = claimed.into_iter().map(|(token, _)| Settlement { token, verdict: verdict.clone() });
        exchange(&mut run, settlements.collect(), 0).expect("recorded");
    }
}
