//! Entry points for fuzzers of the store's files.
//!
//! Each function puts bytes into a file in memory. It panics if the store breaks one of these
//! guarantees:
//!
//! - No call panics, and a store that cannot be opened stays unchanged.
//! - A reader and a writer see the same queue.
//! - After each change, every process sees the correct queue.

mod check;
mod seal;
#[cfg(test)]
mod tests;

use crate::disk::fake::FakeDisk;
use crate::engine::Mode;
use crate::layout::{self, ORIGINAL, SNAPSHOT};
use check::{check, engine};

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

const JOURNAL: &str = "QUEUE-STATE.journal.3-0a1b2c3d";

const RUN: &str = "run";

/// Checks a store whose snapshot is `bytes`.
pub fn snapshot(bytes: &[u8]) {
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, bytes);
    check(&disk);
}

/// Checks a store with an intact snapshot and the journal `bytes`.
pub fn journal(bytes: &[u8]) {
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(JOURNAL, bytes);
    check(&disk);
}

/// Checks a store whose snapshot precedes the first NUL in `bytes` and whose journal follows it.
pub fn snapshot_and_journal(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, &bytes[..at]);
    disk.put(JOURNAL, bytes.get(at + 1..).unwrap_or_default());
    check(&disk);
}

/// Checks a store with one journal line for each nonempty line of `bytes`. Adds valid checksums,
/// because a fuzzer cannot guess them.
pub fn operations(bytes: &[u8]) {
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(JOURNAL, &seal::journal(A_SNAPSHOT.as_bytes(), bytes.split(|byte| *byte == b'\n')));
    check(&disk);
}

/// Checks a snapshot that the original Python program wrote, with `bytes` as its list of items. The
/// first write must keep an exact copy of this snapshot.
pub fn original(bytes: &[u8]) {
    let document = [&b"{\"version\": \"1.0.0\", \"items\": ["[..], bytes, b"]}"].concat();
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, &document);
    if check(&disk) {
        let kept = (ORIGINAL.to_owned(), document);
        assert!(disk.contents().contains(&kept), "no copy of the original is kept");
    }
}

/// Checks a store in which a live run has a lock file with the contents `bytes`. If version 1 wrote
/// these contents, the store must refuse all changes.
pub fn run_lock(bytes: &[u8]) {
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(&layout::run(RUN), bytes);
    disk.hold(&layout::run(RUN));
    let live = engine(&disk, Mode::Command).live_runs();
    let live = live.expect("a held lock means a live run, whatever the file contains");
    assert_eq!(live.iter().map(|live| live.info.id.as_str()).collect::<Vec<_>>(), [RUN]);
    assert!(disk.contents().contains(&(layout::run(RUN), bytes.to_vec())));
    let is_version_1 = engine(&disk, Mode::Command).live_run_of_version_1().expect("the file can be read").is_some();
    let opened = engine(&disk, Mode::Command).locked(|_| Ok(()));
    assert_eq!(opened.is_err(), is_version_1, "{opened:?}");
    if !is_version_1 {
        check(&disk);
    }
}

/// Checks a store whose own lock file contains `bytes`.
pub fn store_lock(bytes: &[u8]) {
    let disk = FakeDisk::default();
    disk.put(SNAPSHOT, A_SNAPSHOT.as_bytes());
    disk.put(layout::LOCK, bytes);
    check(&disk);
}
