//! Entry points for fuzzers: bytes in, a panic where the store breaks a promise. Not part of the interface.
//!
//! Whatever bytes a state folder holds, no call may panic. What is refused must be left as it was. What opens must be the
//! same queue to a reader and to a writer, and after each change the queue that the domain alone makes of it, also to a
//! process that opens the store afresh, from a journal and from a snapshot. The disk is memory, so that a second has
//! thousands of tries in it, and it refuses names that the store has no business with.
//!
//! Checksums would keep a fuzzer out of everything behind them, so [`operations`] puts good ones on what it is given.

mod judge;
pub(crate) mod memory;
mod seal;

use crate::layout::{self, ORIGINAL, SNAPSHOT};
use crate::store::Mode;
use judge::{engine, judge};
use memory::MemoryDisk;

/// A snapshot that names [`JOURNAL`], as this program writes it.
const A_SNAPSHOT: &str = r#"{
"version": "1.0.0",
"store": {"id":"fuzz","generation":3,"seq":7,"next_id":4,"next_claim":2,"journal":"QUEUE-STATE.journal.3-0a1b2c3d"},
"items": [
{"id":1,"file_path":"/a","priority":5,"added_at":"2026-11-22T13:16:00.000000Z","attempts":0,"last_attempt":null,"status":"pending"},
{"id":2,"file_path":"/b","priority":0,"added_at":"2026-11-22T13:16:00.000000Z","attempts":1,"last_attempt":"2026-11-22T13:17:00.000000Z","status":"processing","run_id":"r","token":1},
{"id":3,"file_path":"/c","priority":0,"added_at":"2026-11-22T13:16:00.000000Z","attempts":4,"last_attempt":"2026-11-22T13:18:00.000000Z","status":"failed","last_error":"exit status 1"}
]
}
"#;

/// The journal of [`A_SNAPSHOT`].
const JOURNAL: &str = "QUEUE-STATE.journal.3-0a1b2c3d";

/// The run whose lock file is looked at.
const RUN: &str = "run";

/// A store whose snapshot is these bytes.
pub fn snapshot(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, bytes);
    judge(&disk);
}

/// A store with these bytes for a journal beside a sound snapshot.
pub fn journal(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(JOURNAL, bytes);
    judge(&disk);
}

/// A store whose snapshot is the bytes up to the first NUL, with what follows it for a journal.
pub fn snapshot_and_journal(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, &bytes[..at]);
    disk.put(JOURNAL, bytes.get(at + 1..).unwrap_or_default());
    judge(&disk);
}

/// A store with a journal in which each of these lines is a list of operations, under a good checksum.
pub fn operations(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(JOURNAL, &seal::journal(A_SNAPSHOT.as_bytes(), bytes.split(|byte| *byte == b'\n')));
    judge(&disk);
}

/// A store as the original program left it, with these bytes for the list of its items. What opens is kept, to the byte,
/// before it is first written.
pub fn original(bytes: &[u8]) {
    let document = [&b"{\"version\": \"1.0.0\", \"items\": ["[..], bytes, b"]}"].concat();
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, &document);
    if judge(&disk) {
        assert_eq!(disk.get(ORIGINAL).as_deref(), Some(&document[..]), "what was there before is not kept");
    }
}

/// The lock file of a run, alive, with these bytes in it.
pub fn run_lock(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(&layout::run(RUN), bytes);
    disk.hold(&layout::run(RUN));
    let living = engine(&disk, Mode::Command).living_runs();
    let living = living.expect("a lock that is held is a living run, whatever it says");
    assert_eq!(living.iter().map(|live| live.info.id.as_str()).collect::<Vec<_>>(), [RUN]);
    assert_eq!(disk.get(&layout::run(RUN)).as_deref(), Some(bytes));
    judge(&disk);
}

/// The lock file of the store, with these bytes in it, beside a queue that is small or counts as large.
pub fn store_lock(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(layout::LOCK, bytes);
    judge(&disk);
}
