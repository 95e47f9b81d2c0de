use std::collections::BTreeSet;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::{Runs, StopLevel, StopSignal, Storage, StorageError};
use autoproc_domain::request::Scope;
use autoproc_postgres_store::{PostgresStore, Route, StopTarget};
use autoproc_testkit::block_on;
use autoproc_testkit::conformance::history::{exercise_entries, exercise_runs, exercise_visits};
use autoproc_testkit::conformance::storage::{Effort, exercise};
use tokio::runtime::Runtime;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::conformance::Fixture;
use crate::history::no_warning;
use crate::pooler::Pooler;
use crate::queue::{NOW, Queue, add, begin, completed, exchange, full_text};
use crate::server::PostgresServer;

const PATIENCE: Duration = Duration::from_secs(30);

const EFFORT: Effort = Effort { cases: 6, steps: 30 };

fn start(mode: &str) -> Option<&'static Pooler> {
    Some(Box::leak(Box::new(Pooler::start(PostgresServer::shared()?, mode)?)))
}

fn pooled_queue() -> Option<(Queue, &'static Pooler)> {
    let pooler = start("transaction")?;
    Some((Queue::create()?, pooler))
}

fn open(queue: &Queue, pooler: &Pooler) -> PostgresStore {
    PostgresStore::open(queue.options_at(&pooler.address("postgres"))).unwrap()
}

#[test]
fn the_store_behind_a_pooler_keeps_the_promises_of_its_ports() {
    let Some(pooler) = start("transaction") else { return };
    exercise(|| Fixture::behind(pooler), EFFORT).unwrap();
}

#[test]
fn the_history_behind_a_pooler_conforms() {
    let Some(pooler) = start("transaction") else { return };
    let queue = || Queue::create().unwrap();
    let (runs, entries, visits) = (queue(), queue(), queue());
    let [of_runs, of_entries, of_visits] = [&runs, &entries, &visits].map(|queue| open(queue, pooler));
    block_on(exercise_runs(&of_runs.event_log(no_warning()), &of_runs)).unwrap();
    block_on(exercise_entries(&of_entries.event_log(no_warning()), &of_entries)).unwrap();
    block_on(exercise_visits(&of_visits.event_log(no_warning()), &of_visits)).unwrap();
}

#[test]
fn a_pooler_is_recognised() {
    let Some((queue, pooler)) = pooled_queue() else { return };
    let route = |store: &PostgresStore| block_on(store.inspect()).unwrap().route;
    assert_eq!(route(&open(&queue, pooler)), Route::Pooled);
    assert_eq!(route(&queue.open()), Route::Direct);
    let Some(pooler) = start("session") else { return };
    let store = open(&queue, pooler);
    assert_eq!(route(&store), Route::Pooled);
    add(&store, &["/a"]).unwrap();
}

fn answers(pooler: &Pooler, statement: &str) -> BTreeSet<String> {
    let sql = format!("select pg_backend_pid(), ({statement})");
    let runtime = Runtime::new().unwrap();
    let rows = runtime.block_on(async {
        let connect = async || {
            let (client, connection) = tokio_postgres::connect(&pooler.address("postgres"), NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        };
        let (one, other) = (connect().await, connect().await);
        // While this transaction is open, the other client has other sessions.
        let mut rows = one.simple_query(&format!("begin; {sql}")).await.unwrap();
        for _ in 0..20 {
            rows.extend(other.simple_query(&sql).await.unwrap());
        }
        rows
    });
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None })
        .collect();
    let sessions: BTreeSet<_> = rows.iter().map(|row| row.get(0)).collect();
    assert!(sessions.len() > 1, "the pooler has one session only");
    rows.iter().map(|row| row.get(1).unwrap_or("null").to_owned()).collect()
}

#[test]
fn the_store_leaves_sessions_of_the_server_unchanged() {
    let Some((queue, pooler)) = pooled_queue() else { return };
    let (store, other) = (open(&queue, pooler), open(&queue, pooler));
    add(&store, &["/a", "/b"]).unwrap();
    // While this transaction is open, the pooler needs another session.
    let locked = block_on(other.lock_for_copy(PATIENCE)).unwrap();
    assert_eq!(block_on(store.counts(Scope::Queue)).unwrap().pending, 2);
    assert_eq!(block_on(locked.queue()).unwrap().counts().pending, 2);
    block_on(locked.commit()).unwrap();
    // The first wait connects, and therefore ends at once.
    block_on(store.changed());
    begin(&store, "run");
    let claimed = block_on(store.exchange(exchange("run", 1, Vec::new(), 2), NOW)).unwrap();
    block_on(store.exchange(exchange("run", 2, completed(&claimed), 2), NOW)).unwrap();
    let setting = |name| answers(pooler, &format!("select current_setting('{name}')"));
    for (name, default) in [
        ("search_path", "\"$user\", public"),
        ("enable_seqscan", "on"),
        ("plan_cache_mode", "auto"),
        ("idle_in_transaction_session_timeout", "0"),
    ] {
        assert_eq!(setting(name), BTreeSet::from([default.to_owned()]), "{name}");
    }
    let none = BTreeSet::from(["0".to_owned()]);
    assert_eq!(answers(pooler, "select count(*) from pg_prepared_statements"), none);
    assert_eq!(answers(pooler, "select count(*) from pg_listening_channels()"), none);
}

#[test]
fn a_request_to_stop_reaches_a_run_behind_a_pooler() {
    let Some((queue, pooler)) = pooled_queue() else { return };
    let store = open(&queue, pooler);
    begin(&store, "run");
    let signal = store.stop_signal(&RunId::new("run"));
    let addressed = block_on(open(&queue, pooler).request_stop(StopLevel::Draining, StopTarget::AllRuns)).unwrap();
    assert_eq!(addressed, 1);
    assert_eq!(block_on(signal.raised_above(StopLevel::Running)).level, StopLevel::Draining);
    assert_eq!(block_on(store.end(RunId::new("run"))).unwrap(), []);
}

#[test]
fn changes_behind_a_pooler_are_announced_and_polled() {
    let Some((queue, pooler)) = pooled_queue() else { return };
    let direct = crate::sharing::open_without_polls(&queue);
    let options = queue.options_at(&pooler.address("postgres")).with_poll_interval(Duration::from_millis(50));
    let store = PostgresStore::open(options).unwrap();
    // The first wait connects, and therefore ends at once.
    block_on(direct.changed());
    crate::sharing::notices(&direct, || drop(add(&store, &["/a"]).unwrap()));
    block_on(store.counts(Scope::Queue)).unwrap();
    block_on(store.changed());
}

#[test]
fn a_schema_is_created_behind_a_pooler() {
    let Some((queue, pooler)) = pooled_queue() else { return };
    queue.execute(&format!("drop schema \"{}\" cascade", queue.schema));
    let migrated = block_on(open(&queue, pooler).migrate()).unwrap();
    assert_eq!(migrated.before, None);
    add(&queue.open(), &["/a"]).unwrap();
}

#[test]
fn a_pooler_that_separates_the_statements_of_a_transaction_is_refused() {
    let Some(pooler) = start("statement") else { return };
    let queue = Queue::create().unwrap();
    let error = add(&open(&queue, pooler), &["/a"]).unwrap_err();
    assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
    assert!(full_text(&error).contains("separates the statements of a transaction"), "{}", full_text(&error));
    assert!(queue.query("select from item", &[]).is_empty());
}
