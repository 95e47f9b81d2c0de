use std::sync::Arc;
use std::thread;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::{Runs, Storage};
use autoproc_domain::request::{RecoverRequest, Scope, Settlement, Verdict};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, ended, exchange};

const CLAIM: &str =
    "update item set status = 1, attempts = 1, claim_number = nextval('claim_number'), claim_run = 'run',
                     claim_request = 1, claim_priority = priority, claim_depth = depth";

pub(crate) fn while_waiting<T: Send>(queue: &Queue, work: impl FnOnce() -> T + Send, release: impl FnOnce()) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(work);
        while !is_waiting(queue) {
            assert!(!worker.is_finished(), "the transaction did not wait");
            thread::yield_now();
        }
        release();
        worker.join().unwrap()
    })
}

pub(crate) fn is_waiting(queue: &Queue) -> bool {
    let waiting = "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'";
    !queue.query(waiting, &[&queue.schema]).is_empty()
}

#[test]
fn a_recovery_waits_for_an_exchange_that_has_begun() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    add(&store, &["/a"]).unwrap();
    begin(&store, "run");
    let exchange = queue.reopen();
    exchange.execute("begin; select enter_exchange('run', 1)");
    queue.execute("update lease set until_us = clock_us() - 1");
    let recover = || {
        let request = RecoverRequest { runs: vec![RunId::new("run")], max_attempts: 4 };
        block_on(queue.open().recover(request, NOW)).unwrap()
    };
    let recovered = while_waiting(&queue, recover, || exchange.execute(&format!("{CLAIM}; commit")));
    assert_eq!(recovered.len(), 1, "the recovery did not see the claim");
}

#[test]
fn ends_of_runs_wait_for_each_other() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "one");
    begin(&store, "two");
    let other = queue.reopen();
    other.execute(
        "begin; select pg_advisory_xact_lock(hashtextextended('autoproc runs of ' || current_schema(), 0));
         delete from lease where run = 'one'; update run set ended_at_us = clock_us() where id = 'one'",
    );
    let end = || block_on(store.end(RunId::new("two"))).unwrap();
    assert_eq!(while_waiting(&queue, end, || other.execute("commit")), []);
}

/// Opens a handle that never polls, so only a notification ends its waits.
pub(crate) fn open_without_polls(queue: &Queue) -> Arc<PostgresStore> {
    let never = Duration::from_secs(100_000);
    Arc::new(PostgresStore::open(queue.options("postgres").with_poll_interval(never)).unwrap())
}

/// Makes a change, and checks that `waiting` is notified.
pub(crate) fn notices(waiting: &Arc<PostgresStore>, change: impl FnOnce()) {
    block_on(waiting.counts(Scope::Queue)).unwrap();
    change();
    check_wait_ends(waiting);
}

fn check_wait_ends(waiting: &Arc<PostgresStore>) {
    let waiting = Arc::clone(waiting);
    assert!(ended(move || block_on(waiting.changed())).is_some(), "no notification arrived");
}

#[test]
fn changes_of_other_handles_are_announced() {
    let Some(queue) = Queue::create() else { return };
    let waiting = open_without_polls(&queue);
    let other = queue.open();
    begin(&other, "run");
    // The first wait connects, and therefore ends at once.
    block_on(waiting.changed());
    notices(&waiting, || drop(add(&other, &["/a"]).unwrap()));
    let claimed = block_on(other.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap();
    let released = Settlement { token: claimed.claims[0].0, verdict: Verdict::Release };
    notices(&waiting, || drop(block_on(other.exchange(exchange("run", 2, vec![released], 0), NOW)).unwrap()));
}

#[test]
fn only_reading_the_queue_ends_the_news_of_a_change() {
    let Some(queue) = Queue::create() else { return };
    let (waiting, other) = (open_without_polls(&queue), queue.open());
    // The first wait connects, and therefore ends at once.
    block_on(waiting.changed());
    notices(&waiting, || drop(add(&other, &["/a"]).unwrap()));
    block_on(waiting.live()).unwrap();
    check_wait_ends(&waiting);
}
