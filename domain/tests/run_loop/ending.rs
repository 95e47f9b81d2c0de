use autoproc_domain::ports::{Begun, RunEventKind, StopCause, StopLevel, Unproven};
use autoproc_domain::recovery::Recovery;
use autoproc_domain::run::{Action, Input, ProcessorError};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::{Counts, RecoveredItem};
use autoproc_domain::{ItemId, QueueItem, RunConfig, RunId, Status};

use super::fixture::{Run, busy, claimed, claims, damaged, other_run};

fn recovered(id: u64, status: Status) -> Recovery {
    let (_, item) = claimed(id, 1);
    let item = QueueItem { status, claim: None, ..item };
    Recovery { recovered: vec![RecoveredItem { item, dead_run: RunId::new("dead") }], unproven: Vec::new() }
}

#[test]
fn an_empty_queue_ends_the_run_after_a_last_recovery() {
    let mut run = Run::begun(RunConfig::default());
    run.actions();
    run.answer(claims(&[], false));
    assert!(matches!(run.actions()[..], [Action::Recover]));
    run.feed(Input::Recovered(Ok(Recovery::default())));
    assert!(matches!(run.actions()[..], [Action::Count(_)]));
    run.feed(Input::Counted(Ok(Counts::default())));
    assert!(matches!(run.actions()[..], [Action::Deregister]));
    run.feed(Input::Deregistered(Ok(vec![other_run()])));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::QueueEmpty);
    assert!(matches!(run.events.last(), Some(RunEventKind::ProcessorStopped { .. })));
}

#[test]
fn the_result_counts_the_files_of_the_scope_that_have_failed_since_the_beginning() {
    let mut run = Run::new(RunConfig::default());
    run.feed(Input::Begin);
    run.feed(Input::Counted(Ok(Counts { pending: 9, failed: 2, timeout: 3, ..Counts::default() })));
    run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new()))));
    run.feed(Input::Recovered(Ok(Recovery::default())));
    run.answer(claims(&[], false)).actions();
    run.feed(Input::Recovered(Ok(Recovery::default()))).actions();
    let counts = Counts { pending: 4, processing: 5, failed: 8, timeout: 10, held: 1, ..Counts::default() };
    run.feed(Input::Counted(Ok(counts))).actions();
    run.feed(Input::Deregistered(Ok(vec![other_run()])));
    let result = run.outcome().unwrap();
    assert_eq!((result.failed_in_scope, result.remaining, result.processing, result.held), (13, 4, 5, 1));
}

#[test]
fn what_a_dead_run_left_is_processed() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], false)).actions();
    run.feed(Input::Recovered(Ok(recovered(1, Status::Pending))));
    assert_eq!(run.exchange_among().limit, 2);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileRecovered { requeued: true, .. })), 1);
}

#[test]
fn an_item_out_of_scope_is_recovered_and_left_alone() {
    let scope = [ItemId::new(9)].into_iter().collect();
    let mut run = Run::begun(RunConfig::default().with_scope(scope));
    run.answer(claims(&[], false)).actions();
    run.feed(Input::Recovered(Ok(recovered(1, Status::Pending))));
    assert!(matches!(run.actions()[..], [Action::Count(_)]));
    let mut run = Run::begun(RunConfig::default().with_scope([ItemId::new(9)].into_iter().collect()));
    run.answer(claims(&[], false)).actions();
    run.feed(Input::Recovered(Ok(recovered(1, Status::Failed))));
    assert_eq!(run.outcome().unwrap().failed, 0);
}

#[test]
fn a_recovered_file_without_attempts_left_counts_as_failed() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], false)).actions();
    run.feed(Input::Recovered(Ok(recovered(1, Status::Failed))));
    assert_eq!(run.outcome().unwrap().failed, 1);
}

#[test]
fn a_withheld_recovery_is_reported_once_and_not_waited_for() {
    let mut run = Run::begun(RunConfig::default());
    let unproven = || Unproven { run: RunId::new("dead"), reason: "a process stays".into() };
    let withheld = || Recovery { recovered: Vec::new(), unproven: vec![unproven()] };
    run.answer(claims(&[], false)).actions();
    run.feed(Input::Recovered(Ok(withheld())));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::QueueEmpty);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::RecoveryWithheld { .. })), 1);
}

#[test]
fn a_run_that_does_not_wait_ends_when_nothing_is_due() {
    let mut run = Run::begun(RunConfig::default().without_waiting());
    run.answer(claims(&[], true)).actions();
    run.feed(Input::Counted(Ok(Counts { pending: 3, ..Counts::default() })));
    let result = run.feed(Input::Deregistered(Ok(Vec::new()))).outcome().unwrap();
    assert_eq!((result.stopped_by, result.remaining), (StoppedBy::NothingDue, 3));
}

#[test]
fn a_run_that_others_outlive_leaves_the_stop_request() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], true)).stop(StopLevel::Draining, StopCause::StopFile).actions();
    run.feed(Input::Counted(Ok(Counts::default()))).actions();
    run.feed(Input::Deregistered(Ok(vec![other_run()])));
    assert!(matches!(run.actions()[..], [Action::End(Ok(_))]));
    assert_eq!(run.count(|kind| *kind == RunEventKind::StopSignalCleared), 0);
}

#[test]
fn a_locked_store_does_not_fail_the_end_and_a_damaged_one_does() {
    let ending = || {
        let mut run = Run::begun(RunConfig::default());
        run.answer(claims(&[], false)).feed(Input::Recovered(Ok(Recovery::default())));
        run.feed(Input::Counted(Ok(Counts::default()))).actions();
        run
    };
    let mut run = ending();
    run.feed(Input::Deregistered(Err(busy())));
    assert_eq!((run.outcome().unwrap().stopped_by, run.troubles()), (StoppedBy::QueueEmpty, 1));
    let mut run = ending();
    run.feed(Input::Deregistered(Err(damaged())));
    assert!(matches!(run.outcome(), Err(ProcessorError::Storage(_))));
}
