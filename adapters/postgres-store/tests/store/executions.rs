use std::path::Path;

use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::ports::{Storage, StorageError};
use autoproc_domain::request::{RecoverRequest, Remove, Selector, Settlement, Verdict};
use autoproc_domain::view::RecoveredItem;
use autoproc_domain::{ItemId, RunId};
use autoproc_postgres_store::{ExecutionJournal, PostgresStore, RecordingClaim};
use autoproc_testkit::block_on;

use crate::queue::{NOW, Queue, add, begin, exchange};
use crate::sharing::while_waiting;

fn claim(store: &PostgresStore, file: &str, run: &str, request: u64) -> RecordingClaim {
    add(store, &[file]).unwrap();
    let claimed = block_on(store.exchange(exchange(run, request, Vec::new(), 1), NOW)).unwrap();
    RecordingClaim { token: claimed.claims[0].0, run: RunId::new(run) }
}

fn opened(queue: &Queue) -> (PostgresStore, RecordingClaim) {
    let store = queue.open();
    begin(&store, "run");
    let claim = claim(&store, "/a", "run", 1);
    block_on(store.open_execution(claim.clone(), 0)).unwrap();
    (store, claim)
}

fn append(store: &PostgresStore, claim: &RecordingClaim, before: usize, event: &str) -> Result<(), StorageError> {
    let is_completed = event == "completed";
    block_on(store.append_to_execution(claim.clone(), before, vec![event.into()], is_completed))
}

fn journal(store: &PostgresStore, item: ItemId) -> Option<ExecutionJournal> {
    block_on(store.execution(item)).unwrap()
}

fn events(store: &PostgresStore, item: ItemId) -> Vec<String> {
    journal(store, item).map(|journal| journal.events.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

#[track_caller]
fn expect_lost(changed: &Result<(), StorageError>) {
    assert!(matches!(changed, Err(StorageError::LeaseLost { .. })), "{changed:?}");
}

fn recover(store: &PostgresStore, run: &str) -> Vec<RecoveredItem> {
    block_on(store.recover(RecoverRequest { runs: vec![RunId::new(run)], max_attempts: 4 }, NOW)).unwrap()
}

#[test]
fn a_journal_grows_and_begins_anew() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    let claim = claim(&store, "/a", "run", 1);
    let item = claim.token.item;
    assert_eq!(journal(&store, item), None);
    block_on(store.open_execution(claim.clone(), 0)).unwrap();
    assert_eq!(events(&store, item), Vec::<String>::new());
    append(&store, &claim, 0, "one \\u0000").unwrap();
    append(&store, &claim, 1, "two").unwrap();
    // Repeats the call, as after a lost answer.
    append(&store, &claim, 1, "two").unwrap();
    let other = queue.open();
    assert_eq!(events(&other, item), ["one \\u0000", "two"]);
    let read = journal(&other, item).unwrap();
    assert_eq!((&*read.host, &*read.project), ("here", Path::new("/project")));
    block_on(store.open_execution(claim.clone(), 1)).unwrap();
    assert_eq!(events(&other, item), ["one \\u0000"]);
    assert_eq!(block_on(other.unfinished_executions()).unwrap(), [item]);
    append(&store, &claim, 1, "completed").unwrap();
    assert_eq!(block_on(other.unfinished_executions()).unwrap(), Vec::<ItemId>::new());
    assert_eq!(events(&other, item).len(), 2);
}

#[test]
fn a_journal_belongs_to_the_claim() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    begin(&store, "other");
    let claim = claim(&store, "/a", "run", 1);
    block_on(store.open_execution(claim.clone(), 0)).unwrap();
    append(&store, &claim, 0, "one").unwrap();
    let ClaimToken { item, number } = claim.token;
    let later = ClaimToken { item, number: ClaimNumber::new(number.get() + 1) };
    for stranger in
        [RecordingClaim { token: later, ..claim.clone() }, RecordingClaim { run: RunId::new("other"), ..claim.clone() }]
    {
        expect_lost(&append(&store, &stranger, 1, "two"));
        expect_lost(&block_on(store.open_execution(stranger, 0)));
    }
    assert_eq!(events(&store, item), ["one"]);
}

#[test]
fn a_run_that_lost_its_lease_changes_no_journal() {
    let Some(queue) = Queue::create() else { return };
    let (store, claim) = opened(&queue);
    append(&store, &claim, 0, "one").unwrap();
    // Ends the lease. The server refuses to renew an expired lease.
    queue.execute("update lease set until_us = clock_us() - 1");
    expect_lost(&append(&store, &claim, 1, "two"));
    expect_lost(&block_on(store.open_execution(claim.clone(), 0)));
    let other = queue.open();
    begin(&other, "other");
    assert_eq!(recover(&other, "run").len(), 1);
    expect_lost(&append(&store, &claim, 1, "two"));
    assert_eq!(events(&other, claim.token.item), ["one"]);
}

#[test]
fn a_journal_that_was_removed_meanwhile_is_not_continued() {
    let Some(queue) = Queue::create() else { return };
    let (store, claim) = opened(&queue);
    append(&store, &claim, 0, "one").unwrap();
    block_on(store.open_execution(claim.clone(), 1)).unwrap();
    queue.execute("delete from execution_event");
    expect_lost(&block_on(store.open_execution(claim.clone(), 1)));
    block_on(store.open_execution(claim, 0)).unwrap();
}

#[test]
fn a_change_of_a_journal_waits_for_a_recovery_that_has_begun() {
    let Some(queue) = Queue::create() else { return };
    let (store, claim) = opened(&queue);
    let recovery = queue.reopen();
    let append_one = || append(&store, &claim, 0, "one");
    let open_anew = || block_on(store.open_execution(claim.clone(), 0));
    for change in [&append_one as &(dyn Fn() -> Result<(), StorageError> + Sync), &open_anew] {
        recovery
            .execute("begin; update item set status = 0, claim_number = null, claim_run = null, claim_request = null");
        expect_lost(&while_waiting(&queue, change, || recovery.execute("commit")));
        let number = claim.token.number.get();
        recovery.execute(&format!("update item set status = 1, claim_number = {number}, claim_run = 'run'"));
    }
    assert_eq!(events(&store, claim.token.item), Vec::<String>::new());
}

#[test]
fn a_journal_leaves_with_its_item() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    let claims = [claim(&store, "/a", "run", 1), claim(&store, "/b", "run", 2)];
    for claim in &claims {
        block_on(store.open_execution(claim.clone(), 0)).unwrap();
        append(&store, claim, 0, "completed").unwrap();
    }
    let settle = |claim: &RecordingClaim| Settlement { token: claim.token, verdict: Verdict::Release };
    let settlements = claims.iter().map(settle).collect();
    assert_eq!(block_on(store.exchange(exchange("run", 3, settlements, 0), NOW)).unwrap().stale, []);
    let gone = claims[0].token.item;
    block_on(store.remove(Remove(vec![Selector::Id(gone)]), NOW)).unwrap();
    assert_eq!(journal(&store, gone), None);
    assert_eq!(events(&store, claims[1].token.item), ["completed"]);
    assert_eq!(queue.query("select item from execution_event", &[]).len(), 1);
}

#[test]
fn old_completed_executions_are_removed() {
    let Some(queue) = Queue::create() else { return };
    let store = queue.open();
    begin(&store, "run");
    let [old, new] = [("/a", 1), ("/b", 2)].map(|(file, request)| claim(&store, file, "run", request));
    for claim in [&old, &new] {
        block_on(store.open_execution(claim.clone(), 0)).unwrap();
    }
    append(&store, &old, 0, "one").unwrap();
    let item = old.token.item.get().cast_signed();
    queue.query("update execution set completed_at_us = 0 where item = $1", &[&item]);
    queue.execute(
        "insert into execution select n, 1, 'run', n from generate_series(1000001, 1001200) n;
         insert into execution_event select n, 1, 'x' from generate_series(1000001, 1001200) n",
    );
    append(&store, &new, 0, "completed").unwrap();
    let counted = "select count(*) from execution where item > 1000000";
    while queue.query(counted, &[])[0].get::<_, i64>(0) > 1000 {
        std::thread::yield_now();
    }
    let first = |table| {
        let rows = queue.query(&format!("select min(item) from {table} where item > 1000"), &[]);
        rows[0].get::<_, i64>(0)
    };
    assert_eq!(["execution", "execution_event"].map(first), [1_000_201; 2]);
    for claim in [old, new] {
        assert_eq!(events(&store, claim.token.item).len(), 1, "{claim:?}");
    }
}
