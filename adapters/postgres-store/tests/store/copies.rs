use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{
    AttemptRef, History, HistoryQuery, RecordedEvent, ResourceUsage, RunFilter, RunTotals, Runs, Storage, StorageError,
};
use autoproc_domain::queue::Restore;
use autoproc_domain::request::Scope;
use autoproc_domain::{FilePath, FileQueue, ItemId, Recipe, RunId, Timestamp};
use autoproc_postgres_store::{CopiedExecution, CopiedOutput, RunPlace};
use autoproc_testkit::block_on;
use autoproc_testkit::strategies::grown_queue;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::queue::{NOW, Queue, add, begin};
use crate::sharing::while_waiting;

const PATIENCE: Duration = Duration::from_secs(30);

fn without_claims(queue: &FileQueue) -> FileQueue {
    let mut restore = Restore::default();
    for item in queue.items() {
        restore.push(item.clone().released()).unwrap();
    }
    restore.finish(queue.next_number(), queue.next_claim())
}

#[test]
fn a_copied_queue_is_equal() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    let mut runner = TestRunner::new(Config::with_cases(40));
    let ran = runner.run(&grown_queue(60), |(grown, _)| {
        let queue = without_claims(&grown);
        block_on(async {
            let locked = store.lock_for_copy(PATIENCE).await.unwrap();
            prop_assert!(locked.is_empty().await.unwrap());
            locked.add_queue(&queue).await.unwrap();
            locked.commit().await.unwrap();
            prop_assert_eq!(store.counts(Scope::Queue).await.unwrap(), queue.counts());
            let read = store.lock_for_copy(PATIENCE).await.unwrap().queue().await.unwrap();
            prop_assert_eq!(&read, &queue);
            Ok(())
        })?;
        database.execute(
            "delete from item; truncate tally; update numbering set next_number = 1;
             alter sequence claim_number restart",
        );
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn a_copy_that_is_not_committed_leaves_nothing() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    let queue = without_claims(&FileQueue::new());
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    block_on(locked.add_queue(&queue)).unwrap();
    block_on(locked.add_events(&events())).unwrap();
    drop(locked);
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    assert!(block_on(locked.is_empty()).unwrap());
    block_on(locked.add_events(&events())).unwrap();
    block_on(locked.commit()).unwrap();
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    assert!(!block_on(locked.is_empty()).unwrap(), "a history without files is not empty");
}

#[test]
fn numbers_that_were_assigned_are_not_assigned_again() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    add(&store, &["/a", "/b"]).unwrap();
    database.execute("delete from item");
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    block_on(locked.add_queue(&FileQueue::new())).unwrap();
    block_on(locked.commit()).unwrap();
    assert_eq!(add(&store, &["/c"]).unwrap()[0].item, Some(ItemId::new(3)));
}

#[test]
fn a_queue_with_a_live_run_or_a_lock_is_busy() {
    let Some(database) = Queue::create() else { return };
    let (store, other) = (database.open(), database.open());
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    let busy = block_on(other.lock_for_copy(Duration::from_millis(50))).unwrap_err();
    assert!(matches!(busy, StorageError::Busy { .. }), "{busy}");
    drop(locked);
    begin(&store, "run");
    let busy = block_on(other.lock_for_copy(PATIENCE)).unwrap_err();
    assert!(busy.to_string().contains("locked by the run run of "), "{busy}");
}

#[test]
fn a_copy_waits_for_an_addition_that_has_begun() {
    let Some(database) = Queue::create() else { return };
    let (store, addition) = (database.open(), database.reopen());
    addition.execute("begin; update numbering set next_number = next_number");
    let locked = while_waiting(
        &database,
        || block_on(store.lock_for_copy(PATIENCE)).map(drop),
        || addition.execute("lock table item in row exclusive mode; commit"),
    );
    assert!(locked.is_ok(), "{locked:?}");
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + 1_000_000 * seconds)
}

fn event(seconds: i64, name: &str) -> RecordedEvent {
    RecordedEvent {
        at: at(seconds),
        run: RunId::new("run"),
        name: name.into(),
        of: None,
        attempt_run: None,
        is_requeued: None,
        elapsed: None,
        usage: None,
        input_changed: false,
        size_bytes: None,
        recipe: None,
        reason: None,
        totals: None,
        stopped_by: None,
        stop: None,
        line: None,
    }
}

fn events() -> Vec<RecordedEvent> {
    let of = |id, path| AttemptRef {
        id: ItemId::new(id),
        file_path: FilePath::new(path).unwrap(),
        round: 1,
        attempt: AttemptNumber::FIRST,
        claim: None,
    };
    let attempt = |id, path| (Some(of(id, path)), Some(RunId::new("run")));
    let (started, failed) = (attempt(2, "/b"), attempt(2, "/b"));
    vec![
        event(0, "processor_started"),
        RecordedEvent {
            of: Some(of(1, "/a")),
            attempt_run: Some(RunId::new("dead")),
            is_requeued: Some(false),
            ..event(1, "file_recovered")
        },
        RecordedEvent {
            of: started.0,
            attempt_run: started.1,
            size_bytes: Some(u64::MAX),
            recipe: Some(Recipe::new([7; 8])),
            line: Some("{\"kept\":\"as it is\"}".into()),
            ..event(2, "file_started")
        },
        RecordedEvent { stop: Some(("draining".into(), "command".into())), ..event(3, "stop_requested") },
        RecordedEvent {
            of: failed.0,
            attempt_run: failed.1,
            elapsed: Some(Duration::from_micros(1_234_567)),
            usage: Some(ResourceUsage {
                user: Duration::from_millis(5),
                system: Duration::from_millis(6),
                peak_memory: 7,
            }),
            input_changed: true,
            reason: Some("no \0 text\\".into()),
            ..event(4, "file_failed")
        },
        RecordedEvent {
            totals: Some(RunTotals { completed: 3, failed: 2, retried: 1 }),
            stopped_by: Some("queue_empty".into()),
            ..event(5, "processor_stopped")
        },
        event(6, "an_event_of_a_later_version"),
    ]
}

#[test]
fn a_copied_history_is_equal_and_has_the_figures_of_its_runs() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    let copied = events();
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    block_on(locked.add_events(&copied)).unwrap();
    block_on(locked.commit()).unwrap();
    let mut locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    let mut read = block_on(locked.next_events(3)).unwrap();
    read.extend(block_on(locked.next_events(100)).unwrap());
    assert_eq!(read, copied);
    assert!(block_on(locked.next_events(100)).unwrap().is_empty());
    drop(locked);
    let summary = block_on(store.runs(RunFilter::All)).unwrap();
    let [run] = &summary.runs[..] else { panic!("{summary:?}") };
    assert_eq!((run.completed, run.failed, run.retried, run.started_at), (3, 2, 1, Some(at(0))));
    assert_eq!(summary.failed_files, 2);
    let attempts = block_on(store.attempts(HistoryQuery::of_item(ItemId::new(2)))).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].started_at, attempts[0].error.as_deref()), (Some(at(2)), Some("no \0 text\\")));
}

fn parts(claim: u64) -> (CopiedOutput, CopiedExecution) {
    let (item, claim) = (ItemId::new(2), ClaimNumber::new(claim));
    let output = CopiedOutput {
        item,
        attempt: AttemptNumber::FIRST,
        claim,
        at: at(4),
        host: "elsewhere".into(),
        file: "/logs/2.1.9.log".into(),
        bytes: 1_000,
        ending: b"the \0 end".to_vec(),
    };
    let events = vec!["{\"at\":\"\\u0000\"}".to_owned(), "{}".to_owned()];
    (output, CopiedExecution { item, claim, run: RunId::new("run"), completed_at: None, events })
}

#[test]
fn copied_outputs_and_executions_are_equal() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    add(&store, &["/a", "/b"]).unwrap();
    let claim = ClaimNumber::new(9);
    let mut copied = events();
    copied[2].of.as_mut().unwrap().claim = Some(claim);
    let (output, execution) = parts(9);
    let unknown = CopiedOutput { claim: ClaimNumber::new(8), ..output.clone() };
    let gone = CopiedExecution { item: ItemId::new(77), ..execution.clone() };
    let place = RunPlace { run: RunId::new("run"), host: "there".into(), project: "/night".into() };
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    block_on(locked.add_events(&copied)).unwrap();
    block_on(locked.add_run_places(std::slice::from_ref(&place))).unwrap();
    assert_eq!(block_on(locked.add_outputs(&[unknown, output.clone()])).unwrap(), 1);
    assert!(block_on(locked.add_execution(&execution)).unwrap());
    assert!(!block_on(locked.add_execution(&gone)).unwrap());
    block_on(locked.commit()).unwrap();

    let mut locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    assert_eq!(block_on(locked.run_places()).unwrap(), std::slice::from_ref(&place));
    assert_eq!(block_on(locked.next_outputs(1)).unwrap(), [output]);
    assert_eq!(block_on(locked.next_outputs(1)).unwrap(), []);
    assert_eq!(block_on(locked.next_executions(1)).unwrap(), std::slice::from_ref(&execution));
    assert_eq!(block_on(locked.next_executions(1)).unwrap(), []);
    drop(locked);
    assert_eq!(block_on(store.place_of_run(&place.run)).unwrap(), Some(place));
    let stored = block_on(store.stored_outputs(ItemId::new(2))).unwrap();
    assert_eq!((stored.len(), &*stored[0].host), (1, "elsewhere"), "the host of the file, not of the run");
    let journal = block_on(store.execution(ItemId::new(2))).unwrap().unwrap();
    assert_eq!((&*journal.host, journal.project.as_path()), ("there", std::path::Path::new("/night")));
    assert_eq!(journal.events.iter().map(|event| &**event).collect::<Vec<_>>(), execution.events);
    assert_eq!(block_on(store.dead()).unwrap(), [], "a copied run has ended");
}

#[test]
fn a_database_with_outputs_is_not_empty() {
    let Some(database) = Queue::create() else { return };
    let store = database.open();
    database.execute(
        "insert into attempt_output (item, claim, run, attempt, file, bytes, ending) values (1, 1, 'r', 1, '/f', 1, 'x')",
    );
    let locked = block_on(store.lock_for_copy(PATIENCE)).unwrap();
    assert!(!block_on(locked.is_empty()).unwrap());
}
