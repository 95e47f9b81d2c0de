//! Tests of checkpoints.

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
