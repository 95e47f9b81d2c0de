use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{Runs, Storage, StorageError};
use autoproc_domain::run_info::{DeadRun, DeathEvidence, LiveRun};
use autoproc_json_store::{JsonStore, Mode, StoreConfig};
use autoproc_testkit::block_on;

use crate::temp_store::{TempStore, add, at, claim, exchange, files, items, run};

fn with_short_timeout(temp: &TempStore) -> JsonStore {
    JsonStore::open(StoreConfig {
        state_dir: temp.state_dir(),
        base: PathBuf::from("/"),
        lock_timeout: Duration::from_millis(20),
        mode: Mode::Command,
        on_notice: Arc::new(|_| {}),
    })
}

#[test]
fn additions_of_many_handles_at_once_are_all_kept() {
    let temp = TempStore::new();
    thread::scope(|scope| {
        for writer in 0..8 {
            let temp = &temp;
            scope.spawn(move || {
                let mode = if writer % 2 == 0 { Mode::Command } else { Mode::Service };
                for number in 0..10 {
                    let store = temp.open(mode);
                    add(&store, &format!("/writer-{writer}/file-{number}")).unwrap();
                }
            });
        }
    });
    let store = temp.open(Mode::Command);
    let read = items(&store).unwrap();
    assert_eq!(read.len(), 80);
    for writer in 0..8 {
        let of_writer: Vec<_> =
            files(&store).unwrap().into_iter().filter(|f| f.contains(&format!("-{writer}/"))).collect();
        assert!(of_writer.is_sorted(), "first in, first out: {of_writer:?}");
    }
}

#[test]
fn many_claimers_never_get_the_same_item() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    for number in 0..60 {
        add(&store, &format!("/file-{number}")).unwrap();
    }
    let claimed: Vec<_> = thread::scope(|scope| {
        let claimers: Vec<_> = (0..6)
            .map(|claimer| {
                let temp = &temp;
                scope.spawn(move || {
                    let store = temp.open(Mode::Service);
                    let claims =
                        (0..10).map(|_| claim(&store, &format!("run-{claimer}"), 1).unwrap().claims.remove(0).0.item);
                    claims.collect::<Vec<_>>()
                })
            })
            .collect();
        claimers.into_iter().flat_map(|claimer| claimer.join().unwrap()).collect()
    });
    let mut distinct = claimed.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 60);
}

#[test]
fn a_held_lock_is_reported_with_its_holder() {
    let temp = TempStore::new();
    add(&temp.open(Mode::Command), "/a").unwrap();
    let lock = OpenOptions::new().read(true).write(true).open(temp.path("QUEUE-STATE.lock")).unwrap();
    fs2::FileExt::lock_exclusive(&lock).unwrap();
    let store = with_short_timeout(&temp);
    let Err(StorageError::Busy { holder }) = add(&store, "/b") else { panic!("the lock was not honoured") };
    assert_eq!(holder, "another process", "the note names this process, which does not hold the lock");
    let note = format!("{:255}\n", r#"{"holder":"process 1 on elsewhere"}"#);
    lock.write_all_at(note.as_bytes(), 0).unwrap();
    let Err(StorageError::Busy { holder }) = add(&store, "/b") else { panic!("the lock was not honoured") };
    assert_eq!(holder, "process 1 on elsewhere");
    let before = temp.contents();
    assert_eq!(files(&store).unwrap(), ["/a"], "readers never wait");
    assert_eq!(temp.contents(), before);
    fs2::FileExt::unlock(&lock).unwrap();
    add(&store, "/b").unwrap();
}

#[test]
fn a_change_by_another_handle_is_noticed() {
    let temp = TempStore::new();
    let (waiter, other) = (temp.open(Mode::Service), temp.open(Mode::Command));
    add(&waiter, "/a").unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(waiter.changed()));
        thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "nothing has changed yet");
        add(&other, "/b").unwrap();
        waiting.join().unwrap();
    });
    assert_eq!(claim(&waiter, "run", 9).unwrap().claims.len(), 2);
}

#[test]
fn a_wait_takes_a_tenth_of_a_second_even_if_nothing_is_cached() {
    for mode in [Mode::Command, Mode::Service] {
        let temp = TempStore::new();
        let store = temp.open(mode);
        let begin = Instant::now();
        (0..3).for_each(|_| block_on(store.changed()));
        assert!(begin.elapsed() >= Duration::from_millis(300), "{mode:?}: {:?}", begin.elapsed());
    }
}

#[test]
fn a_run_lives_exactly_as_long_as_its_handle() {
    let temp = TempStore::new();
    let (holder, other) = (temp.open(Mode::Service), temp.open(Mode::Command));
    let run = run("night");
    assert!(block_on(holder.begin(run.clone())).unwrap().others.is_empty());
    assert_eq!(block_on(other.live()).unwrap(), [LiveRun { info: run.clone(), heard_of: None }]);
    assert!(block_on(other.dead()).unwrap().is_empty());
    drop(holder);
    assert!(block_on(other.live()).unwrap().is_empty());
    let dead = DeadRun { run: run.id, location: Some(run.location), evidence: DeathEvidence::Gone };
    assert_eq!(block_on(other.dead()).unwrap(), [dead]);
}

#[test]
fn nothing_changes_while_a_run_of_version_1_is_alive() {
    let temp = TempStore::with_snapshot(r#"{"version": "1.0.0", "items": [{"file_path": "/a"}]}"#);
    fs::create_dir_all(temp.path("runs")).unwrap();
    let record = r#"{"run_id":"v1","owner":"process 16096 on vm","started_at":"2026-11-28T21:34:29.577670Z","jobs":1,"max_attempts":2,"timeout_s":300.0}"#;
    fs::write(temp.path("runs/v1.lock"), record).unwrap();
    let held = fs::File::open(temp.path("runs/v1.lock")).unwrap();
    held.lock().unwrap();
    let before = temp.contents();
    for mode in [Mode::Command, Mode::Service] {
        let store = temp.open(mode);
        for _ in 0..2 {
            let Err(StorageError::Busy { holder }) = add(&store, "/b") else { panic!("it was changed") };
            assert!(holder.contains("process 16096 on vm") && holder.contains("earlier version"), "{holder}");
            assert!(matches!(block_on(store.begin(run("night"))), Err(StorageError::Busy { .. })));
        }
        assert_eq!(files(&store).unwrap(), ["/a"], "the store can be read");
        assert_eq!(block_on(store.live()).unwrap().len(), 1);
    }
    assert_eq!(temp.contents(), before);
    drop(held);
    add(&temp.open(Mode::Command), "/b").unwrap();
}

#[test]
fn only_the_handle_of_a_live_run_exchanges() {
    let temp = TempStore::new();
    let (holder, other) = (temp.open(Mode::Service), temp.open(Mode::Service));
    add(&holder, "/a").unwrap();
    let refused = |store: &JsonStore| {
        let answer = block_on(store.exchange(exchange("night", Vec::new(), 1), at(1)));
        matches!(answer, Err(StorageError::LeaseLost { .. }))
    };
    assert!(refused(&holder), "the run has not begun");
    block_on(holder.begin(run("night"))).unwrap();
    assert!(refused(&other));
    assert_eq!(claim(&holder, "night", 1).unwrap().claims.len(), 1);
    block_on(holder.end(RunId::new("night"))).unwrap();
    assert!(refused(&holder), "the run has ended");
}

#[test]
fn an_exchange_that_is_asked_again_is_not_carried_out_again() {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/a").unwrap();
    add(&store, "/b").unwrap();
    block_on(store.begin(run("night"))).unwrap();
    let request = exchange("night", Vec::new(), 1);
    let first = block_on(store.exchange(request.clone(), at(1))).unwrap();
    assert_eq!(block_on(store.exchange(request, at(2))).unwrap(), first);
    assert_eq!(claim(&store, "night", 9).unwrap().claims.len(), 1);
}
