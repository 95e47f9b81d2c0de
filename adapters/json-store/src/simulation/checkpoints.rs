//! Tests of checkpoints.

use autoproc_domain::request::{AnswerNeeded, Enqueue};
use serde_json::Value;

use super::flawed::FlawedDisk;
use super::history::{addition, engine, engine_with, transact};
use crate::disk::fake::{FakeDisk, Fault};
use crate::engine::{Engine, Limits, Mode};
use crate::layout::{self, SNAPSHOT};

fn add(engine: &mut Engine<FlawedDisk>, file: &str) -> bool {
    transact(engine, addition(file)).is_ok()
}

fn snapshot(disk: &FakeDisk) -> Vec<u8> {
    disk.contents().into_iter().find(|(name, _)| name == SNAPSHOT).expect("a snapshot").1
}

fn has_journal(disk: &FakeDisk) -> bool {
    disk.contents().iter().any(|(name, _)| layout::is_journal(name))
}

fn disk_with_a_journal() -> FakeDisk {
    let disk = FakeDisk::default();
    let mut run = engine(disk.of_another_process(), None, Mode::Service);
    assert!(add(&mut run, "/first") && add(&mut run, "/second"));
    assert!(has_journal(&disk));
    disk
}

#[test]
fn each_snapshot_has_the_next_generation() {
    let disk = FakeDisk::default();
    for (file, generation) in [("/first", 1), ("/second", 2), ("/third", 3)] {
        assert!(add(&mut engine(disk.of_another_process(), None, Mode::Command), file));
        let document: Value = serde_json::from_slice(&snapshot(&disk)).expect("JSON");
        assert_eq!(document["store"]["generation"], generation);
    }
}

#[test]
fn a_change_is_appended_if_its_snapshot_cannot_be_written() {
    let original = disk_with_a_journal().image();
    let is_appended = |call: usize| {
        let disk = FakeDisk::new(original.clone());
        let before = snapshot(&disk);
        let mut command = engine(disk.of_another_process().with_fault(call, Fault::Enospc), None, Mode::Command);
        if !add(&mut command, "/third") || snapshot(&disk) != before {
            return false;
        }
        let mut reader = engine(disk.of_another_process(), None, Mode::Command);
        assert_eq!(reader.view().map(|queue| queue.counts().total()).expect("a sound store"), 3);
        true
    };
    let appended = (0..100).filter(|call| is_appended(*call)).count();
    assert!(appended > 1, "the snapshot was written after {appended} faults of the disk");
}

#[test]
fn only_a_small_queue_is_written_as_one_file_at_the_end() {
    for (small_snapshot_bytes, is_small) in [(0, false), (1 << 20, true)] {
        let disk = disk_with_a_journal();
        let limits = Limits { small_snapshot_bytes, ..Limits::default() };
        let mut run = engine_with(disk.of_another_process(), None, Mode::Service, limits);
        assert!(add(&mut run, "/third"));
        run.close().expect("closed");
        assert_eq!(has_journal(&disk), !is_small);
        let written = snapshot(&disk);
        run.close().expect("closed again");
        assert_eq!(snapshot(&disk), written, "nothing has changed");
    }
}

#[test]
fn a_command_writes_one_more_snapshot_if_the_queue_outgrows_the_limit() {
    let disk = FakeDisk::default();
    assert!(add(&mut engine(disk.of_another_process(), None, Mode::Command), "/first"));
    let limits = Limits { small_snapshot_bytes: snapshot(&disk).len() as u64, ..Limits::default() };
    let names: Vec<_> = (0..10).map(|number| format!("/{number}")).collect();
    let many = Enqueue {
        items: names.iter().flat_map(|name| addition(name).items).collect(),
        answer: AnswerNeeded::Later,
        ..Enqueue::default()
    };
    let command = || engine_with(disk.of_another_process(), None, Mode::Command, limits);
    transact(&mut command(), many).expect("added");
    assert!(!has_journal(&disk), "the queue is in one long snapshot");
    assert!(add(&mut command(), "/last") && has_journal(&disk), "the next command appends");
}

#[test]
fn an_edited_snapshot_is_replaced_before_lines_follow_it() {
    let disk = FakeDisk::default();
    for file in ["/first", "/second"] {
        assert!(add(&mut engine(disk.of_another_process(), None, Mode::Command), file));
    }
    let mut document: Value = serde_json::from_slice(&snapshot(&disk)).expect("JSON");
    document["items"].as_array_mut().expect("a list").reverse();
    disk.put(SNAPSHOT, &serde_json::to_vec(&document).expect("JSON"));
    let mut run = engine(disk.of_another_process(), None, Mode::Service);
    assert!(add(&mut run, "/third") && !has_journal(&disk));
    assert!(add(&mut run, "/fourth") && has_journal(&disk));
}

#[test]
fn the_snapshot_after_a_failed_sync_has_the_transaction_of_the_lost_line() {
    let original = disk_with_a_journal().image();
    let seq = |call: usize| {
        let disk = FakeDisk::new(original.clone());
        let mut run = engine(disk.of_another_process().with_fault(call, Fault::Eio), None, Mode::Service);
        let is_recovered = add(&mut run, "/third") && !has_journal(&disk);
        let document: Value = serde_json::from_slice(&snapshot(&disk)).expect("JSON");
        is_recovered.then(|| document["store"]["seq"].as_u64().expect("a number"))
    };
    let seqs: Vec<_> = (0..100).filter_map(seq).collect();
    assert!(!seqs.is_empty() && seqs.iter().all(|seq| *seq == 3), "{seqs:?}");
}
