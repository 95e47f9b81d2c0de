//! Tests changes of the store's files by other programs.

use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::StorageError;
use autoproc_domain::request::{Remove, Selector};
use autoproc_domain::{FileQueue, Timestamp};

use super::flawed::FlawedDisk;
use super::history::{addition, engine, transact};
use crate::disk::fake::FakeDisk;
use crate::disk::{Access, Disk, read_to_end};
use crate::engine::{Engine, Limits, Mode, Settings};
use crate::layout::{self, LOCK, SNAPSHOT};
use crate::request::PendingRequest;

fn paths(queue: &FileQueue) -> Vec<String> {
    queue.items().map(|item| item.file_path.to_string()).collect()
}

fn add(engine: &mut Engine<FlawedDisk>, file: &str) -> Result<(), StorageError> {
    transact(engine, addition(file)).map(drop)
}

fn command(disk: &FakeDisk) -> Engine<FlawedDisk> {
    engine(disk.of_another_process(), None, Mode::Command)
}

fn run_with_a_journal() -> (FakeDisk, Engine<FlawedDisk>) {
    let disk = FakeDisk::default();
    let mut run = engine(disk.of_another_process(), None, Mode::Service);
    for file in ["/first", "/second", "/third"] {
        add(&mut run, file).expect("added");
    }
    (disk, run)
}

fn journal(disk: &FakeDisk) -> String {
    let names = disk.list("").expect("a disk");
    names.into_iter().find(|name| layout::is_journal(name)).expect("a journal")
}

#[derive(Debug, Clone, Copy)]
enum Loss {
    JournalRemoved,
    LastLineRemoved,
    CutWithinTheFirstLine,
    JournalReplaced,
}

impl Loss {
    const ALL: [Self; 4] =
        [Self::JournalRemoved, Self::LastLineRemoved, Self::CutWithinTheFirstLine, Self::JournalReplaced];

    fn inflict(self, disk: &FakeDisk) {
        let name = journal(disk);
        let bytes = disk.contents().into_iter().find(|(file, _)| *file == name).expect("the journal").1;
        let first_line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let truncate = |len: usize| {
            let file = disk.open(&name, Access::Append).expect("the journal");
            disk.truncate(&file, len as u64).expect("truncated");
        };
        match self {
            Self::JournalRemoved => disk.remove(&name).expect("removed"),
            Self::LastLineRemoved => truncate(first_line.len()),
            Self::CutWithinTheFirstLine => truncate(first_line.len() / 2),
            Self::JournalReplaced => {
                disk.remove(&name).expect("removed");
                disk.put(&name, first_line);
            }
        }
    }
}

#[test]
fn a_new_process_notices_lost_changes() {
    for loss in Loss::ALL {
        let (disk, run) = run_with_a_journal();
        drop(run);
        loss.inflict(&disk);
        let before = disk.contents();
        let read = command(&disk).view().map(paths);
        assert!(matches!(read, Err(StorageError::Damaged { .. })), "{loss:?}: {read:?}");
        let added = add(&mut command(&disk), "/fourth");
        assert!(matches!(added, Err(StorageError::Damaged { .. })), "{loss:?}: {added:?}");
        assert_eq!(disk.contents(), before, "{loss:?}: nothing is changed");
    }
}

#[test]
fn a_live_run_notices_lost_changes_without_the_note_in_the_lock_file() {
    for loss in Loss::ALL {
        let (disk, mut run) = run_with_a_journal();
        loss.inflict(&disk);
        disk.put(LOCK, b"");
        let added = add(&mut run, "/fourth");
        assert!(matches!(added, Err(StorageError::Damaged { .. })), "{loss:?}: {added:?}");
        let read = run.view().map(paths);
        assert!(matches!(read, Err(StorageError::Damaged { .. })), "{loss:?}: {read:?}");
    }
}

#[test]
fn a_live_run_leaves_another_folder_in_the_place_of_its_own_alone() {
    let (disk, mut run) = run_with_a_journal();
    disk.replace_folder();
    let added = add(&mut run, "/fourth");
    assert!(added.is_err(), "{added:?}");
    assert!(run.view().is_err());
    assert_eq!(disk.contents(), []);
}

#[test]
fn a_live_run_writes_what_it_knows_beside_the_damage() {
    for loss in Loss::ALL {
        let (disk, mut run) = run_with_a_journal();
        loss.inflict(&disk);
        for file in ["/fourth", "/fifth"] {
            add(&mut run, file).expect_err("damaged");
        }
        let contents = disk.contents();
        let rescued: Vec<_> = contents.iter().filter(|(name, _)| layout::is_rescued(name)).collect();
        let [(_, document)] = rescued[..] else { panic!("{loss:?}: {} rescued files", rescued.len()) };
        let copy = FakeDisk::default();
        copy.put(SNAPSHOT, document);
        let queue = command(&copy).view().map(paths).expect("a snapshot");
        assert_eq!(queue, ["/first", "/second", "/third", "/fourth", "/fifth"], "{loss:?}");
    }
}

#[test]
fn a_live_run_refuses_an_older_snapshot_and_a_missing_one() {
    let (disk, mut run) = run_with_a_journal();
    let older = disk.contents().into_iter().find(|(name, _)| name == SNAPSHOT).expect("a snapshot").1;
    run.close().expect("one file");
    add(&mut run, "/fourth").expect("added");
    disk.put(SNAPSHOT, &older);
    let added = add(&mut run, "/fifth");
    assert!(matches!(added, Err(StorageError::Damaged { .. })), "{added:?}");

    let (disk, mut run) = run_with_a_journal();
    disk.vanish(SNAPSHOT);
    let added = add(&mut run, "/fourth");
    assert!(matches!(added, Err(StorageError::Damaged { .. })), "{added:?}");
}

#[test]
fn a_new_snapshot_is_not_mistaken_for_an_older_one_of_the_same_stamp() {
    let disk = FakeDisk::default();
    let mut run = engine(disk.of_another_process(), None, Mode::Service);
    add(&mut run, "/a").expect("added");
    add(&mut command(&disk), "/bbbb").expect("added");
    assert_eq!(run.view().map(paths).expect("read"), ["/a", "/bbbb"]);
    let second = run.view().expect("read").items().last().map(|item| Selector::Id(item.id));
    transact(&mut command(&disk), Remove(second.into_iter().collect())).expect("removed");
    add(&mut command(&disk), "/cccc").expect("added");
    add(&mut run, "/d").expect("added");
    assert_eq!(command(&disk).view().map(paths).expect("read"), ["/a", "/cccc", "/d"]);
}

#[test]
fn a_missing_snapshot_beside_its_journal_or_a_rescued_queue_is_damage() {
    let (disk, run) = run_with_a_journal();
    drop(run);
    disk.vanish(SNAPSHOT);
    let added = add(&mut command(&disk), "/fourth");
    assert!(matches!(added, Err(StorageError::Damaged { .. })), "{added:?}");

    let (disk, mut run) = run_with_a_journal();
    disk.vanish(SNAPSHOT);
    add(&mut run, "/fourth").expect_err("damaged");
    drop(run);
    disk.vanish(&journal(&disk));
    let read = command(&disk).view().map(paths);
    assert!(matches!(read, Err(StorageError::Damaged { .. })), "{read:?}");

    // A small queue has no journal, so a missing snapshot means an empty queue.
    let disk = FakeDisk::default();
    add(&mut command(&disk), "/first").expect("added");
    disk.vanish(SNAPSHOT);
    assert_eq!(command(&disk).view().map(paths).expect("an empty queue"), Vec::<String>::new());
}

#[test]
fn a_copy_of_a_damaged_store_is_damaged_too() {
    let (disk, mut run) = run_with_a_journal();
    Loss::JournalRemoved.inflict(&disk);
    add(&mut run, "/fourth").expect_err("damaged");
    let copy = FakeDisk::default();
    // This file takes the inode number that the snapshot has in the original store.
    copy.put("QUEUE-STATE.other", b"");
    for (name, bytes) in disk.contents() {
        copy.put(&name, &bytes);
    }
    let read = command(&copy).view().map(paths);
    assert!(matches!(read, Err(StorageError::Damaged { .. })), "{read:?}");
}

#[test]
fn a_note_that_is_behind_the_journal_is_not_appended_at() {
    let disk = FakeDisk::default();
    let mut run = engine(disk.of_another_process(), None, Mode::Service);
    add(&mut run, "/first").expect("added");
    add(&mut run, "/second").expect("added");
    let file = disk.open(LOCK, Access::Read).expect("the lock file");
    let note = read_to_end(&disk, &file, 0).expect("its notes");
    add(&mut run, "/third").expect("added");
    drop(run);
    disk.put(LOCK, &note);
    let settings = Settings {
        base: "/".into(),
        lock_timeout: Duration::ZERO,
        limits: Limits::ZERO,
        mode: Mode::Command,
        on_notice: Arc::new(|_| {}),
    };
    let (request, mut reply) = PendingRequest::new(addition("/fourth"), Timestamp::from_micros(0));
    Engine::new(disk.of_another_process(), settings).change(vec![Box::new(request)]);
    assert!(matches!(reply.try_recv(), Ok(Ok(_))));
    assert_eq!(command(&disk).view().map(paths).expect("sound"), ["/first", "/second", "/third", "/fourth"]);
}

#[test]
fn a_journal_whose_last_lines_became_nul_is_refused() {
    let (disk, run) = run_with_a_journal();
    drop(run);
    let name = journal(&disk);
    let mut bytes = disk.contents().into_iter().find(|(file, _)| *file == name).expect("the journal").1;
    let first_line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().len();
    bytes[first_line..].fill(0);
    disk.put(&name, &bytes);
    let read = command(&disk).view().map(paths);
    assert!(matches!(read, Err(StorageError::Damaged { .. })), "{read:?}");
    let added = add(&mut command(&disk), "/fourth");
    assert!(matches!(added, Err(StorageError::Damaged { .. })), "{added:?}");
}

#[test]
fn a_journal_that_was_replaced_by_its_copy_is_opened_again() {
    let (disk, mut run) = run_with_a_journal();
    let name = journal(&disk);
    let bytes = disk.contents().into_iter().find(|(file, _)| *file == name).expect("the journal").1;
    disk.vanish(&name);
    disk.put(&name, &bytes);
    add(&mut run, "/fourth").expect("added");
    drop(run);
    assert_eq!(command(&disk).view().map(paths).expect("sound"), ["/first", "/second", "/third", "/fourth"]);
}

#[test]
fn a_lock_file_that_was_removed_is_not_relied_on() {
    let disk = FakeDisk::default();
    let settings = Settings {
        base: "/".into(),
        lock_timeout: Duration::ZERO,
        limits: Limits::default(),
        mode: Mode::Service,
        on_notice: Arc::new(|_| {}),
    };
    let mut run = Engine::new(disk.of_another_process(), settings);
    run.locked(|run| run.fresh_queue().map(drop)).expect("an empty queue");
    disk.vanish(LOCK);
    run.locked(|run| run.fresh_queue().map(drop)).expect("a new lock file");
    disk.hold(LOCK);
    let locked = run.locked(|run| run.fresh_queue().map(drop));
    assert!(matches!(locked, Err(StorageError::Busy { .. })), "{locked:?}");
}
