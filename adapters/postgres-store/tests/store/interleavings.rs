use std::sync::Arc;
use std::thread;
use std::time::Duration;

use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::request::{ExchangeRequest, Scope, Settlement, Verdict};
use autoproc_postgres_store::PostgresStore;
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, ended, exchange};
use crate::sharing::{is_waiting, while_waiting};

const STEPPING_CLOCK: &str = "
    create table test_clock (us bigint not null);
    insert into test_clock values (0);
    create or replace function now_us() returns bigint language sql stable as 'select us from test_clock';
    alter function enter_exchange(text, bigint) rename to enter_before_step;
    create function enter_exchange(asking text, number bigint) returns void language plpgsql as
        'begin perform enter_before_step(asking, number); update test_clock set us = us + 1000000; end';
";

#[test]
fn an_item_that_becomes_due_during_an_exchange_is_next_due() {
    for name in ["queue", "scope"] {
        let Some(queue) = Queue::create() else { return };
        queue.execute(STEPPING_CLOCK);
        let store = queue.open();
        let added = add(&store, &["/a"]).unwrap();
        let scope =
            if name == "scope" { added.into_iter().filter_map(|added| added.item).collect() } else { Scope::Queue };
        begin(&store, "run");
        let ask = |id, settlements| {
            let request = ExchangeRequest { scope: scope.clone(), ..exchange("run", id, settlements, 1) };
            block_on(store.exchange(request, NOW)).unwrap()
        };
        let token = ask(1, Vec::new()).claims[0].0;
        let backoff = Duration::from_millis(500);
        let retried = ask(2, vec![Settlement { token, verdict: Verdict::Retry { backoff, error: "again".into() } }]);
        assert_eq!(retried.next_due, Some(NOW.saturating_add(backoff)), "{name}");
        let missed = ask(3, Vec::new());
        let soon = Some(NOW.saturating_add(Duration::from_millis(10)));
        assert_eq!((missed.claims.len(), missed.next_due, missed.has_waiting), (0, soon, true), "{name}");
        assert_eq!(ask(4, Vec::new()).claims.len(), 1, "{name}");
    }
}

#[test]
fn a_repeated_exchange_of_a_run_that_is_being_recovered_has_lost_its_lease() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    add(&store, &["/a"]).unwrap();
    begin(&store, "run");
    let request = exchange("run", 1, Vec::new(), 1);
    block_on(store.exchange(request.clone(), NOW)).unwrap();
    let recovery = queue.reopen();
    recovery.execute("begin; lock table item in access exclusive mode");
    let answer = while_waiting(
        &queue,
        || block_on(store.exchange(request, NOW)),
        || recovery.execute("delete from exchange; commit"),
    );
    assert!(matches!(answer, Err(StorageError::LeaseLost { .. })), "{answer:?}");
}

#[test]
fn a_run_that_stores_its_scope_leaves_claims_to_other_runs() {
    let Some(queue) = Queue::create() else { return };
    let (store, other) = (queue.open(), queue.open());
    let files: Vec<String> = (0..2_500).map(|file| format!("/in/{file}")).collect();
    let added = add(&store, &files.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    begin(&store, "run");
    begin(&other, "other");
    let holder = queue.reopen();
    holder.execute("begin; select from item where id = (select max(id) from item) for update");
    let scope = added.into_iter().filter_map(|added| added.item).collect();
    let request = ExchangeRequest { scope, ..exchange("run", 1, Vec::new(), 2) };
    let store_scope = || block_on(store.exchange(request, NOW)).unwrap();
    let own = while_waiting(&queue, store_scope, || {
        let others = block_on(other.exchange(exchange("other", 1, Vec::new(), 1), NOW)).unwrap();
        holder.execute("commit");
        assert_eq!(others.claims.len(), 1, "every item is locked");
    });
    assert_eq!(own.claims.len(), 2);
}

const SLOW_FOLD: &str = "
    create function wait_for_test() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock(4711); return old; end';
    create trigger wait_for_test before delete on tally for each row execute function wait_for_test();
";

#[test]
fn no_exchange_waits_until_the_tally_is_folded() {
    let Some(queue) = Queue::create() else { return };
    queue.execute(SLOW_FOLD);
    let holder = queue.reopen();
    holder.execute("select pg_advisory_lock(4711)");
    let store = Arc::new(queue.open());
    add(&store, &["/a"]).unwrap();
    begin(&store, "run");
    let answered = ended(exchanges(&store, 100));
    while answered.is_some() && !is_waiting(&queue) {
        thread::yield_now();
    }
    holder.execute("select pg_advisory_unlock(4711)");
    assert!(answered.is_some(), "the exchange waits for the fold");
}

fn exchanges(store: &Arc<PostgresStore>, count: u64) -> impl FnOnce() + Send + 'static {
    let store = Arc::clone(store);
    move || {
        for id in 1..=count {
            block_on(store.exchange(exchange("run", id, Vec::new(), 0), NOW)).unwrap();
        }
    }
}
