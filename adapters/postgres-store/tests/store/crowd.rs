//! Many handles at the same time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Hold, Reprioritise, Scope, Selector, Settlement, Verdict};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{FilePath, Priority};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, completed, exchange};

const RUNS: usize = 4;
const FILES: usize = 60;

fn files() -> Vec<String> {
    (0..FILES).map(|file| format!("/in/{file}")).collect()
}

/// Claims and settles until nothing waits. Every second claim is released or retried at once.
fn process(store: &PostgresStore, run: &str, ended: &Mutex<BTreeMap<String, usize>>) {
    let mut settlements = Vec::new();
    for id in 1.. {
        let request = exchange(run, id, std::mem::take(&mut settlements), 3);
        let exchanged = block_on(store.exchange(request, NOW)).unwrap();
        assert_eq!(exchanged.stale, [], "a claim of {run} was taken away");
        if exchanged.claims.is_empty() && !exchanged.has_waiting {
            return;
        }
        settlements = verdicts(&exchanged, ended);
    }
}

fn verdicts(exchanged: &Exchanged, ended: &Mutex<BTreeMap<String, usize>>) -> Vec<Settlement> {
    let mut settlements = completed(exchanged);
    for (settlement, (_, item)) in settlements.iter_mut().zip(&exchanged.claims) {
        if item.attempts < 2 {
            let error = "again".into();
            settlement.verdict = Verdict::Retry { backoff: std::time::Duration::ZERO, error };
        } else {
            *ended.lock().unwrap().entry(item.file_path.to_string()).or_default() += 1;
        }
    }
    settlements
}

/// Changes the queue as a person does, while runs process it.
fn disturb(store: &PostgresStore) {
    for (round, file) in files().iter().enumerate() {
        let which = Selector::Path(FilePath::new(file).unwrap());
        let priority = Priority::new(i32::try_from(round % 5).unwrap());
        // The item may be claimed or have ended; then the change is rejected.
        let _ = block_on(store.reprioritise(Reprioritise { which: which.clone(), priority }, NOW));
        for is_held in [true, false] {
            let _ = block_on(store.hold(Hold { which: vec![which.clone()], is_held }, NOW));
        }
        add(store, &[file, "/in/0"]).unwrap();
    }
}

#[test]
fn a_crowd_processes_each_file_once_and_counts_exactly() {
    let Some(queue) = Queue::create() else { return };
    let files = files();
    add(&queue.open(), &files.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let ended = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for run in 0..RUNS {
            let (queue, ended) = (&queue, &ended);
            scope.spawn(move || {
                let (store, run) = (queue.open(), format!("run-{run}"));
                begin(&store, &run);
                process(&store, &run, ended);
            });
        }
        scope.spawn(|| disturb(&queue.open()));
    });
    // A file that was held when the last run looked still waits.
    let last = queue.open();
    begin(&last, "last");
    process(&last, "last", &ended);
    assert_eq!(ended.into_inner().unwrap(), files.into_iter().map(|file| (file, 1)).collect());
    let counts = block_on(last.counts(Scope::Queue)).unwrap();
    assert_eq!((counts.completed, counts.total(), counts.held), (FILES, FILES, 0));
}

/// The tally has more rows than a handle folds at once.
#[test]
fn the_tally_is_folded_and_stays_exact() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    let mut settlements = Vec::new();
    for id in 1..=220 {
        add(&store, &[&format!("/in/{id}")]).unwrap();
        settlements = completed(&block_on(store.exchange(exchange("run", id, settlements, 1), NOW)).unwrap());
    }
    let counts = block_on(store.counts(Scope::Queue)).unwrap();
    assert_eq!((counts.completed, counts.processing, counts.total()), (219, 1, 220));
    // Each exchange adds three rows.
    let rows: i64 = queue.query("select count(*) from tally", &[])[0].get(0);
    assert!(rows <= 100, "{rows} rows");
}
