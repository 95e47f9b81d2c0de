//! Handles that wait for each other, and handles that notify each other.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use autoproc_domain::RunId;
use autoproc_domain::ports::Storage;
use autoproc_domain::request::{RecoverRequest, Scope, Settlement, Verdict};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, exchange};

/// The claim that an exchange makes after it was entered.
const CLAIM: &str =
    "update item set status = 1, attempts = 1, claim_number = nextval('claim_number'), claim_run = 'run',
                     claim_request = 1, claim_priority = priority, claim_depth = depth";

/// The lease of a run ends between the beginning of its exchange and its commit.
#[test]
fn a_recovery_waits_for_an_exchange_that_has_begun() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    add(&store, &["/a"]).unwrap();
    begin(&store, "run");
    let exchange = queue.reopen();
    exchange.execute("begin; select enter_exchange('run', 1)");
    queue.execute("update lease set until_us = clock_us() - 1");
    let recovered = thread::scope(|scope| {
        let recovery = scope.spawn(|| {
            let request = RecoverRequest { runs: vec![RunId::new("run")], max_attempts: 4 };
            block_on(queue.open().recover(request, NOW)).unwrap()
        });
        let waiting = "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'";
        while queue.query(waiting, &[&queue.schema]).is_empty() {
            assert!(!recovery.is_finished(), "the recovery did not wait");
            thread::yield_now();
        }
        exchange.execute(&format!("{CLAIM}; commit"));
        recovery.join().unwrap()
    });
    assert_eq!(recovered.len(), 1, "the recovery did not see the claim");
}

/// Makes a change, and waits for it in a thread of its own. The handle never polls, so only a
/// notification ends the wait.
fn notices(waiting: &Arc<PostgresStore>, change: impl FnOnce()) {
    block_on(waiting.counts(Scope::Queue)).unwrap();
    change();
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::clone(waiting);
    thread::spawn(move || {
        block_on(waiting.changed());
        // The test may have given up.
        let _ = sender.send(());
    });
    assert!(receiver.recv_timeout(Duration::from_secs(60)).is_ok(), "no notification arrived");
}

#[test]
fn changes_of_other_handles_are_announced() {
    let Some(queue) = Queue::create() else { return };
    let never = Duration::from_secs(100_000);
    let options = queue.options("postgres").with_poll_interval(never);
    let waiting = Arc::new(PostgresStore::open(options).unwrap());
    let other = queue.open();
    begin(&other, "run");
    // The first wait connects, and therefore ends at once.
    block_on(waiting.changed());
    notices(&waiting, || drop(add(&other, &["/a"]).unwrap()));
    let claimed = block_on(other.exchange(exchange("run", 1, Vec::new(), 1), NOW)).unwrap();
    let released = Settlement { token: claimed.claims[0].0, verdict: Verdict::Release };
    notices(&waiting, || drop(block_on(other.exchange(exchange("run", 2, vec![released], 0), NOW)).unwrap()));
}
