use std::time::Duration;

use autoproc_domain::ports::{LeaseTerms, Runs, Storage, StorageError};
use autoproc_domain::request::{Cancel, Scope, Selector, Settlement, Verdict};
use autoproc_domain::{FilePath, QueueItem, RunId, Status};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;
use futures_util::future::poll_immediate;

use crate::proxy::Proxy;
use crate::queue::{NOW, Queue, TERMS, add, begin, completed, ended, exchange, full_text, try_begin};
use crate::server::PostgresServer;
use crate::sharing::{notices, open_without_polls};

fn find(store: &PostgresStore, file: &str) -> QueueItem {
    block_on(store.find(Selector::Path(FilePath::new(file).unwrap()))).unwrap().unwrap()
}

fn through(proxy: &Proxy, queue: &Queue) -> PostgresStore {
    PostgresStore::open(queue.options_at(&proxy.address())).unwrap()
}

#[test]
fn a_run_outlives_a_restart_of_its_server() {
    let Some(server) = PostgresServer::start() else { return };
    let server: &PostgresServer = Box::leak(Box::new(server));
    let queue = Queue::create_on(server);
    let store = queue.open();
    add(&store, &["/a", "/b"]).unwrap();
    let lease = begin(&store, "run").lease.unwrap();
    let first = block_on(store.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap();

    server.control(&["stop", "-w", "-m", "immediate"]);
    let unreachable = block_on(store.exchange(exchange("run", 2, completed(&first), 1), NOW)).unwrap_err();
    assert!(matches!(unreachable, StorageError::Unreachable { .. }), "{unreachable:?}");
    server.control(&["start", "-w"]);

    let second = block_on(store.exchange(exchange("run", 2, completed(&first), 1), NOW)).unwrap();
    assert_eq!((second.stale.len(), second.claims.len()), (0, 1));
    assert_eq!(find(&store, "/a").status, Status::Completed);
    server.control(&["restart", "-w", "-m", "immediate"]);
    let third = block_on(store.exchange(exchange("run", 3, completed(&second), 1), NOW)).unwrap();
    assert_eq!((third.stale.len(), third.has_waiting), (0, false));
    assert!(block_on(poll_immediate(lease.lost())).is_none(), "the lease was lost");
}

#[test]
fn leases_and_notifications_outlive_a_restart_of_the_server() {
    let Some(server) = PostgresServer::start() else { return };
    let server: &PostgresServer = Box::leak(Box::new(server));
    let queue = Queue::create_on(server);
    let store = open_without_polls(&queue);
    let lease = begin(&store, "run").lease.unwrap();
    block_on(store.changed());
    server.control(&["restart", "-w", "-m", "immediate"]);
    let tables = queue.reopen();
    let age = "update lease set until_us = clock_us() + 30000000 returning until_us";
    let aged: i64 = tables.query(age, &[])[0].get(0);
    let renewed = "select until_us > $1 from lease";
    while !tables.query(renewed, &[&(aged + 1_000_000)])[0].get::<_, bool>(0) {
        let is_over = "select until_us < clock_us() from lease";
        assert!(!tables.query(is_over, &[])[0].get::<_, bool>(0), "the lease was not renewed in 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(block_on(poll_immediate(lease.lost())).is_none(), "the lease was lost");
    notices(&store, || drop(add(&queue.open(), &["/a"]).unwrap()));
}

#[test]
fn a_lease_is_lost_while_the_server_is_silent() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let terms = LeaseTerms { lasts: Duration::from_secs(3), ..TERMS };
    let store = PostgresStore::open(queue.options_at(&proxy.address()).with_lease(terms)).unwrap();
    let lease = begin(&store, "run").lease.unwrap();
    proxy.fall_silent();
    assert!(ended(move || block_on(lease.lost())).is_some(), "the lost lease is not reported");
}

#[test]
fn a_server_that_never_answers_is_unreachable() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    proxy.fall_silent();
    let options = queue.options_at(&format!("{} connect_timeout=1", proxy.address()));
    let connected = ended(move || block_on(PostgresStore::open(options).unwrap().connect()));
    let error = connected.expect("an attempt to connect ends").unwrap_err();
    assert!(matches!(error, StorageError::Unreachable { .. }), "{error:?}");
    assert!(full_text(&error).contains("does not answer"), "{error:?}");
}

#[test]
fn an_exchange_whose_commit_was_not_answered_happens_once() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let (store, other) = (through(&proxy, &queue), queue.open());
    add(&other, &["/a", "/b"]).unwrap();
    begin(&store, "run");
    let first = block_on(store.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap();
    proxy.lose_next_commit();
    let second = block_on(store.exchange(exchange("run", 2, completed(&first), 1), NOW)).unwrap();
    assert_eq!(second.stale, []);
    assert_eq!(second.claims.iter().map(|(_, item)| item.clone()).collect::<Vec<_>>(), [find(&other, "/b")]);
    assert_eq!((find(&other, "/a").status, find(&other, "/b").attempts), (Status::Completed, 1));
}

#[test]
fn a_repeated_exchange_reports_the_claims_that_were_cancelled() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let store = through(&proxy, &queue);
    add(&store, &["/a", "/b"]).unwrap();
    begin(&store, "run");
    let claimed = block_on(store.exchange(exchange("run", 1, Vec::new(), 2), NOW)).unwrap();
    let tokens: Vec<_> = claimed.claims.iter().map(|(token, _)| *token).collect();
    block_on(queue.open().cancel(Cancel(vec![Selector::Id(tokens[1].item)]), NOW)).unwrap();
    let released = tokens.iter().map(|token| Settlement { token: *token, verdict: Verdict::Release }).collect();
    proxy.lose_next_commit();
    let answer = block_on(store.exchange(exchange("run", 2, released, 0), NOW)).unwrap();
    assert_eq!((answer.stale, answer.cancelled), (vec![], vec![tokens[1]]));
    assert_eq!((find(&store, "/a").status, find(&store, "/b").status), (Status::Pending, Status::Failed));
}

#[test]
fn an_exchange_with_an_unknown_outcome_is_resolved_by_its_id() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let (store, other) = (through(&proxy, &queue), queue.open());
    add(&other, &["/a", "/b"]).unwrap();
    begin(&store, "run");
    let request = exchange("run", 1, Vec::new(), 1);
    block_on(store.connect()).unwrap();
    proxy.lose_next_commit();
    proxy.refuse_connections(true);
    let unknown = block_on(store.exchange(request.clone(), NOW)).unwrap_err();
    assert!(matches!(unknown, StorageError::Unreachable { .. }), "{unknown:?}");
    assert_eq!(block_on(other.counts(Scope::Queue)).unwrap().processing, 1);
    proxy.refuse_connections(false);
    let answer = block_on(store.exchange(request, NOW)).unwrap();
    assert_eq!(answer.claims.iter().map(|(_, item)| item.clone()).collect::<Vec<_>>(), [find(&other, "/a")]);
    assert_eq!(find(&other, "/b").attempts, 0);
}

#[test]
fn a_notification_that_fails_is_no_failure_of_its_exchange() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let store = through(&proxy, &queue);
    add(&store, &["/a"]).unwrap();
    begin(&store, "run");
    let claimed = block_on(store.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap();
    let released = Settlement { token: claimed.claims[0].0, verdict: Verdict::Release };
    proxy.end_after_next_commit();
    proxy.refuse_connections(true);
    let answer = block_on(store.exchange(exchange("run", 2, vec![released], 0), NOW)).unwrap();
    assert_eq!((answer.stale, answer.has_waiting), (vec![], true));
}

#[test]
fn an_addition_whose_commit_was_not_answered_has_an_unknown_outcome() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let store = through(&proxy, &queue);
    block_on(store.connect()).unwrap();
    proxy.lose_next_commit();
    let unknown = add(&store, &["/a"]).unwrap_err();
    assert!(matches!(unknown, StorageError::Unreachable { .. }), "{unknown:?}");
    assert_eq!(find(&store, "/a").status, Status::Pending);
}

#[test]
fn a_run_whose_registration_was_not_answered_begins_once() {
    let Some(queue) = Queue::create() else { return };
    let proxy = Proxy::start(queue.server().socket());
    let store = through(&proxy, &queue);
    block_on(store.connect()).unwrap();
    proxy.lose_next_commit();
    let begun = begin(&store, "run");
    assert_eq!(begun.others.len(), 0);
    assert_eq!(block_on(queue.open().live()).unwrap().len(), 1);
    assert_eq!(block_on(store.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap().claims, []);
}

#[test]
fn the_name_of_a_run_is_never_used_again() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    block_on(store.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap();
    let is_refused = || matches!(try_begin(&store, "run"), Err(StorageError::Failed { .. }));
    assert!(is_refused(), "the run is alive");
    block_on(store.end(RunId::new("run"))).unwrap();
    assert!(is_refused(), "the run has ended");
    assert_eq!(block_on(store.live()).unwrap().len(), 0);
}

#[test]
fn a_repeated_registration_does_not_revive_a_lease_that_is_over() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    assert!(try_begin(&store, "run").is_ok(), "the lease is not over");
    queue.execute("update lease set until_us = clock_us() - 1");
    let error = try_begin(&store, "run").unwrap_err();
    assert!(matches!(error, StorageError::LeaseLost { .. }), "{error:?}");
    assert_eq!(block_on(store.live()).unwrap(), []);
}
