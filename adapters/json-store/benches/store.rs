//! Measures the time of single queue operations.
//!
//! Run with `cargo bench -p autoproc-json-store`. The time of a sync depends on the disk. Compare
//! with `floor_append_and_sync`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue has no result")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::ports::{Runs, Storage};
use autoproc_domain::request::{Enqueue, ExchangeRequest, NewItem, RequestId, Scope, Settlement, Verdict};
use autoproc_domain::run_info::{Location, RunInfo};
use autoproc_domain::{FilePath, RunId, Timestamp};
use autoproc_json_store::{JsonStore, Mode, StoreConfig};
use autoproc_testkit::block_on;
use divan::{Bencher, black_box};
use tempfile::TempDir;

const LENGTHS: [usize; 3] = [1_000, 100_000, 1_000_000];

fn main() {
    divan::main();
}

fn open(folder: &Path, mode: Mode) -> JsonStore {
    JsonStore::open(StoreConfig {
        state_dir: folder.to_owned(),
        base: PathBuf::from("/"),
        lock_timeout: Duration::from_secs(10),
        mode,
        on_notice: Arc::new(|_| {}),
    })
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

fn new_item(number: usize) -> NewItem {
    let file_path = FilePath::new(format!("/srv/archive/recordings/2025/session-{number:012}/audio.wav")).unwrap();
    NewItem::new(file_path)
}

fn run() -> RunInfo {
    let (host, boot, pid_namespace) = ("here".into(), "boot".into(), "pid".into());
    let location = Location { host, boot, pid_namespace, pid: 1, project: Path::new("/").into() };
    let timeout = Duration::from_secs(300);
    RunInfo {
        id: RunId::new("bench"),
        started_at: now(),
        jobs: 1,
        max_attempts: 4,
        timeout,
        recipe: None,
        work: None,
        location,
    }
}

fn filled(length: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let batch = (0..length).map(new_item).collect();
    block_on(open(folder.path(), Mode::Command).enqueue(Enqueue::new(batch), now())).unwrap();
    folder
}

#[divan::bench]
fn floor_append_and_sync(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = OpenOptions::new().append(true).create(true).open(folder.path().join("log")).unwrap();
    let line = [b'x'; 200];
    bencher.bench_local(|| {
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
    });
}

#[divan::bench(args = LENGTHS)]
fn add(bencher: Bencher<'_, '_>, length: usize) {
    let folder = filled(length);
    let store = open(folder.path(), Mode::Service);
    let mut number = length;
    block_on(store.enqueue(Enqueue::new(vec![new_item(number)]), now())).unwrap();
    bencher.bench_local(|| {
        number += 1;
        block_on(store.enqueue(Enqueue::new(vec![new_item(number)]), now())).unwrap()
    });
}

#[divan::bench(args = LENGTHS)]
fn settle_and_claim(bencher: Bencher<'_, '_>, length: usize) {
    let folder = filled(length);
    let store = open(folder.path(), Mode::Service);
    block_on(store.begin(run())).unwrap();
    let mut id = RequestId::default();
    let mut exchange = |settlements| {
        id = id.next();
        let request = ExchangeRequest { run: RunId::new("bench"), id, settlements, limit: 1, scope: Scope::Queue };
        block_on(store.exchange(request, now())).unwrap().claims.remove(0).0
    };
    let mut token = exchange(Vec::new());
    bencher.bench_local(|| {
        token = exchange(vec![Settlement { token, verdict: Verdict::Complete(Completion::default()) }]);
    });
}

#[divan::bench(args = LENGTHS, sample_count = 10, sample_size = 1)]
fn open_and_count(bencher: Bencher<'_, '_>, length: usize) {
    let folder = filled(length);
    bencher.bench_local(|| {
        let store = open(folder.path(), Mode::Command);
        black_box(block_on(store.counts(Scope::Queue)).unwrap())
    });
}

#[divan::bench(args = LENGTHS, sample_count = 5, sample_size = 1)]
fn bulk_add(bencher: Bencher<'_, '_>, length: usize) {
    let batch: Vec<_> = (0..length).map(new_item).collect();
    bencher.with_inputs(|| (tempfile::tempdir().unwrap(), batch.clone())).bench_local_values(|(folder, batch)| {
        block_on(open(folder.path(), Mode::Command).enqueue(Enqueue::new(batch), now())).unwrap();
        folder
    });
}
