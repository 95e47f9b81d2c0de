use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{ExchangeRequest, Hold, Reprioritise, Scope, Selector, Settlement, Verdict};
use autoproc_domain::view::{Exchanged, PageRequest};
use autoproc_domain::{FilePath, Priority, Status};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, completed, exchange};

const RUNS: usize = 4;
const FILES: usize = 60;

fn files() -> Vec<String> {
    (0..FILES).map(|file| format!("/in/{file}")).collect()
}

fn process(store: &PostgresStore, run: &str, scope: &Scope, ended: &Mutex<BTreeMap<String, usize>>) {
    let mut settlements = Vec::new();
    for id in 1.. {
        let request = exchange(run, id, std::mem::take(&mut settlements), 3);
        let request = ExchangeRequest { scope: scope.clone(), ..request };
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

fn disturb(store: &PostgresStore) {
    for (round, file) in files().iter().enumerate() {
        let which = Selector::Path(FilePath::new(file).unwrap());
        let priority = Priority::new(i32::try_from(round % 5).unwrap());
        // Fails if the item is claimed or has ended.
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
    add_files(&queue);
    check_crowd(&queue, &Scope::Queue);
}

#[test]
fn a_crowd_with_one_scope_processes_each_file_once() {
    let Some(queue) = Queue::create() else { return };
    let scope = add_files(&queue);
    check_crowd(&queue, &scope);
}

fn add_files(queue: &Queue) -> Scope {
    let added = add(&queue.open(), &files().iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    added.into_iter().filter_map(|added| added.item).collect()
}

fn check_crowd(queue: &Queue, whose: &Scope) {
    let ended = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for run in 0..RUNS {
            let ended = &ended;
            scope.spawn(move || {
                let (store, run) = (queue.open(), format!("run-{run}"));
                begin(&store, &run);
                process(&store, &run, whose, ended);
            });
        }
        scope.spawn(|| disturb(&queue.open()));
    });
    // A file that was held when the other runs ended is still pending. The last run processes it.
    let last = queue.open();
    begin(&last, "last");
    process(&last, "last", whose, &ended);
    assert_eq!(ended.into_inner().unwrap(), files().into_iter().map(|file| (file, 1)).collect());
    let counts = block_on(last.counts(Scope::Queue)).unwrap();
    assert_eq!((counts.completed, counts.total(), counts.held), (FILES, FILES, 0));
}

#[test]
fn an_exchange_reads_few_rows() {
    let Some(queue) = Queue::create() else { return };
    queue.execute("alter table item set (autovacuum_enabled = off)");
    let files: Vec<String> = (0..FILES_IN_LINE).map(|file| format!("/in/{file}")).collect();
    let added = add(&queue.open(), &files.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let ids: Scope = added.into_iter().filter_map(|added| added.item).collect();
    for (name, scope) in [("queue", Scope::Queue), ("scope", ids)] {
        let before = rows_read(&queue);
        drain_some(&queue, name, &scope);
        let read = rows_read(&queue) - before;
        // The first exchange of a scope reads all of its items in order to store the scope.
        let most = EXCHANGES * 200 + if name == "scope" { 4 * FILES_IN_LINE } else { 0 };
        assert!(read <= most, "{EXCHANGES} exchanges of the {name} read {read} rows, at most {most} are expected");
    }
}

const FILES_IN_LINE: i64 = 2000;
const EXCHANGES: i64 = 50;
const BATCH: usize = 16;

fn drain_some(queue: &Queue, name: &str, scope: &Scope) {
    in_session(queue, name, |store| {
        begin(store, name);
        let mut settlements = Vec::new();
        for id in 1..=EXCHANGES {
            let request = exchange(name, id.unsigned_abs(), settlements, BATCH);
            let request = ExchangeRequest { scope: scope.clone(), ..request };
            settlements = completed(&block_on(store.exchange(request, NOW)).unwrap());
        }
    });
}

#[test]
fn a_page_reads_few_rows() {
    let Some(queue) = Queue::create() else { return };
    queue.execute("alter table item set (autovacuum_enabled = off)");
    let files: Vec<String> = (0..FILES_IN_LINE).map(|file| format!("/in/{file}")).collect();
    add(&queue.open(), &files.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    queue.execute("update item set status = 2 where id < (select max(id) from item)");
    let before = rows_read(&queue);
    in_session(&queue, "pages", |store| {
        for (status, files) in [(Status::Pending, 1), (Status::Processing, 0), (Status::Failed, 0)] {
            let request = PageRequest { statuses: vec![status], after: None, limit: Some(10) };
            assert_eq!(block_on(store.page(request)).unwrap().items.len(), files, "{status:?}");
        }
    });
    let read = rows_read(&queue) - before;
    assert!(read <= 100, "3 pages read {read} rows");
}

fn in_session(queue: &Queue, name: &str, work: impl FnOnce(&PostgresStore)) {
    let session = format!("{}_{name}", queue.schema);
    let address = format!("{} application_name={session}", queue.server().address("postgres", "postgres"));
    let store = PostgresStore::open(queue.options_at(&address)).unwrap();
    work(&store);
    drop(store);
    let open = "select from pg_stat_activity where application_name = $1";
    while !queue.query(open, &[&session]).is_empty() {
        thread::yield_now();
    }
}

fn rows_read(queue: &Queue) -> i64 {
    let read = "select (sum(seq_tup_read) + sum(coalesce(idx_tup_fetch, 0)))::bigint
                from pg_stat_user_tables where schemaname = $1 and relname in ('item', 'scope_item')";
    queue.query(read, &[&queue.schema])[0].get(0)
}

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
