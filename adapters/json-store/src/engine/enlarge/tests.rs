//! What is added to the text is what would have been added to the queue.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::command::{Enqueue, ExchangeRequest, NewItem, Settlement, Verdict};
use autoproc_domain::queue::Transaction;
use autoproc_domain::view::EnqueueOutcome;
use autoproc_domain::{FilePath, Priority, RunId, Timestamp};
use proptest::prelude::*;

use crate::disk::{Access, Disk, read_to_end};
use crate::engine::{Engine, SMALL_SNAPSHOT_BYTES, Settings};
use crate::fuzzing::memory::MemoryDisk;
use crate::layout::{LOCK, SNAPSHOT};
use crate::snapshot::BLOCK_BYTES;
use crate::store::{Mode, Pending};

/// Whoever loads the queue clears this away.
const LEFTOVER: &str = "QUEUE-STATE.json.tmp-dead";

/// Paths that are written in more than one way, or are a part of each other; two that differ only in bytes that are no text.
const PATHS: [&[u8]; 10] = [
    b"/a",
    b"/a/b",
    b"/b",
    b"/\"",
    b"/\\",
    b"/\",\"file_path\":\"/b\",",
    "/\u{e9}\u{7f}\u{1}\n".as_bytes(),
    b"/\xff",
    b"/\xfe",
    b"/\xef\xbf\xbd",
];

#[derive(Debug, Clone)]
enum Step {
    /// A command adds these of the paths, with these priorities.
    Add(Vec<(usize, i32)>),
    /// A run processes one file and closes.
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0..PATHS.len(), -1..2), 1..4).prop_map(Step::Add),
        1 => Just(Step::Run),
    ]
}

fn engine(disk: &MemoryDisk, mode: Mode) -> Engine<MemoryDisk> {
    let settings = Settings {
        base: PathBuf::from("/"),
        lock_timeout: Duration::ZERO,
        small_snapshot_bytes: SMALL_SNAPSHOT_BYTES,
        mode,
        on_notice: Arc::new(|_| {}),
    };
    Engine::new(disk.clone(), settings)
}

fn transact<T: Transaction>(engine: &mut Engine<MemoryDisk>, request: T) -> T::Reply {
    let (pending, mut receiver) = Pending::new(request, Timestamp::from_micros(1_700_000_000_000_000));
    engine.change(vec![Box::new(pending)]);
    receiver.try_recv().expect("every change is answered").expect("the disk works")
}

fn add(disk: &MemoryDisk, files: &[(usize, i32)]) -> Vec<EnqueueOutcome> {
    let new = |&(path, priority): &(usize, i32)| NewItem {
        file_path: FilePath::new(Path::new(OsStr::from_bytes(PATHS[path]))).expect("an absolute path"),
        priority: Priority::new(priority),
    };
    let mut command = engine(disk, Mode::Command);
    let outcomes = transact(&mut command, Enqueue(files.iter().map(new).collect()));
    command.close().expect("the disk works");
    outcomes
}

fn run(disk: &MemoryDisk) {
    let mut service = engine(disk, Mode::Service);
    let exchange = |settlements| ExchangeRequest { run: RunId::new("run"), settlements, limit: 1 };
    let claims = transact(&mut service, exchange(Vec::new())).claims;
    let settled = |(token, _)| Settlement { token, verdict: Verdict::Complete };
    let mut last = exchange(claims.into_iter().map(settled).collect());
    last.limit = 0;
    transact(&mut service, last);
    service.close().expect("the disk works");
}

/// Makes whoever comes next load the queue.
fn forget_the_note(disk: &MemoryDisk) {
    let lock = disk.open(LOCK, Access::Lock).expect("a lock");
    disk.overwrite(&lock, 0, &[b' '; 2048]).expect("the disk works");
}

fn document(disk: &MemoryDisk) -> String {
    let file = disk.open(SNAPSHOT, Access::Read).expect("a snapshot");
    String::from_utf8(read_to_end(disk, &file, 0).expect("the disk works")).expect("JSON is text")
}

/// The document without the names that are made up anew each time.
fn facts(disk: &MemoryDisk) -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_str(&document(disk)).expect("JSON");
    document["store"]["id"].take();
    document["store"]["journal"].take();
    document
}

proptest! {
    #[test]
    fn text_and_queue_grow_alike(steps in prop::collection::vec(step(), 1..12)) {
        let (noted, loading) = (MemoryDisk::default(), MemoryDisk::default());
        for step in steps {
            match step {
                Step::Add(files) => {
                    forget_the_note(&loading);
                    prop_assert_eq!(add(&noted, &files), add(&loading, &files));
                }
                Step::Run => {
                    run(&noted);
                    run(&loading);
                }
            }
            if noted.stat(SNAPSHOT).expect("the disk works").is_some() {
                prop_assert_eq!(facts(&noted), facts(&loading));
                let lines = |disk| document(disk).lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
                prop_assert_eq!(lines(&noted), lines(&loading));
            }
        }
    }
}

#[test]
fn only_what_is_new_for_certain_is_added_without_a_look_at_the_queue() {
    let disk = MemoryDisk::default();
    let loaded = |path| {
        disk.put(LEFTOVER, b"");
        add(&disk, &[(path, 0)]);
        disk.stat(LEFTOVER).expect("the disk works").is_none()
    };
    assert!(loaded(0), "there is no note yet");
    assert!(!loaded(1), "another path");
    assert!(!loaded(3) && !loaded(6), "a path that JSON writes in its own way");
    assert!(loaded(0) && loaded(3) && loaded(6), "it is there");
}

#[test]
fn a_document_that_somebody_else_wrote_is_read() {
    let disk = MemoryDisk::default();
    add(&disk, &[(0, 0)]);
    disk.put(SNAPSHOT, document(&disk).replace("\"/a\"", "\"\\u002fa\"").as_bytes());
    for _ in 0..2 {
        assert_eq!(add(&disk, &[(0, 0)]), [EnqueueOutcome::Unchanged]);
    }
    assert_eq!(add(&disk, &[(2, 0)]), [EnqueueOutcome::Added]);
    assert_eq!(facts(&disk)["items"].as_array().map(Vec::len), Some(2));
}

/// Adds files with paths of these lengths, one a command; says how long the document is, and how often the queue was loaded.
fn grown(lengths: &[usize]) -> (usize, usize) {
    let disk = MemoryDisk::default();
    let mut loads = 0;
    for (number, length) in lengths.iter().enumerate() {
        disk.put(LEFTOVER, b"");
        let path = format!("/{number:06}{}", "p".repeat(*length));
        let file_path = FilePath::new(Path::new(&path)).expect("an absolute path");
        let item = NewItem { file_path, priority: Priority::default() };
        assert_eq!(transact(&mut engine(&disk, Mode::Command), Enqueue(vec![item])), [EnqueueOutcome::Added]);
        loads += usize::from(disk.stat(LEFTOVER).expect("the disk works").is_none());
        let items = facts(&disk)["items"].as_array().map(Vec::len);
        assert_eq!(items, Some(number + 1), "after a path of {length} bytes");
    }
    (document(&disk).len(), loads)
}

#[test]
fn a_document_of_many_blocks_is_enlarged() {
    let lengths: Vec<_> = (1000..1200).chain([1; 20]).collect();
    let (length, loads) = grown(&lengths);
    assert!(length > 240_000 && loads == 1, "{length}, {loads}");
}

#[test]
fn a_block_may_end_anywhere_in_the_end_of_the_list() {
    let before = vec![3000; 20];
    let with = |lengths: &[usize]| grown(&[&before, lengths].concat());
    let missing = BLOCK_BYTES - with(&[1]).0;
    for length in missing - 12..missing + 12 {
        assert_eq!(with(&[length, 1, 1]).1, 1, "{length}");
    }
}
