use std::time::Duration;

use autoproc_domain::RunConfig;
use autoproc_domain::ports::{AttemptOutcome, AttemptProgress, RunEventKind, StopCause, StopLevel, StorageError};
use autoproc_domain::run::{Action, Input, ProcessorError, Wakeup};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::{Counts, Exchanged};

use super::fixture::{Run, busy, claims, completed, damaged, full, released, unreachable};

#[test]
fn a_locked_store_is_asked_again_after_a_second() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], false)).actions();
    run.succeed(1).actions();
    run.refuse(busy());
    assert!(run.actions().is_empty());
    assert_eq!(run.troubles(), 1);
    assert_eq!(run.wakeup, Wakeup { at: Some(run.now.saturating_add(Duration::from_secs(1))), on_change: false });
    run.pass(Duration::from_secs(1)).feed(Input::Woken);
    assert_eq!(run.exchange().settlements, [completed(1)]);
}

#[test]
fn what_could_not_be_settled_goes_first() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.succeed(1).actions();
    run.succeed(2);
    run.refuse(busy()).pass(Duration::from_secs(1)).feed(Input::Woken);
    assert_eq!(run.exchange_among().settlements, [completed(1), completed(2)]);
}

#[test]
fn an_unanswered_exchange_is_offered_again_unchanged() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    let lost = run.succeed(1).exchange();
    run.refuse(unreachable());
    run.succeed(2);
    for _ in 0..3 {
        run.pass(Duration::from_secs(1)).feed(Input::Woken);
        assert_eq!(run.exchange(), lost);
        run.refuse(unreachable());
    }
    run.pass(Duration::from_secs(1)).feed(Input::Woken);
    assert_eq!(run.exchange(), lost);
    run.answer(claims(&[3], true));
    let actions = run.actions();
    let [Action::Start(attempt), Action::Exchange(request)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(attempt.token.item.get(), 3);
    assert_eq!(request.settlements, [completed(2)]);
    assert!(request.id > lost.id);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileCompleted { .. })), 1);
}

#[test]
fn an_unanswered_exchange_keeps_its_id_while_the_store_is_locked() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    let lost = run.succeed(1).exchange_among();
    for error in [unreachable(), busy(), unreachable()] {
        run.refuse(error);
        run.pass(Duration::from_secs(1)).feed(Input::Woken);
        assert_eq!(run.exchange_among(), lost);
    }
}

#[test]
fn a_run_does_not_end_while_an_exchange_is_unanswered() {
    let mut run = Run::begun(RunConfig::default());
    let lost = run.exchange_among();
    run.refuse(unreachable());
    run.stop(StopLevel::Draining, StopCause::Interrupt);
    assert!(run.actions().is_empty());
    run.pass(Duration::from_secs(1)).feed(Input::Woken);
    assert_eq!(run.exchange(), lost);
    run.answer(claims(&[1], false));
    assert_eq!(run.exchange().settlements, [super::fixture::released(1)]);
    run.answer(claims(&[], true));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::Request(StopCause::Interrupt));
}

#[test]
fn a_repeated_answer_is_followed_by_another_look() {
    let mut run = Run::begun(RunConfig::default());
    run.actions();
    run.refuse(unreachable()).pass(Duration::from_secs(60)).feed(Input::Woken);
    run.exchange();
    run.answer(claims(&[], false));
    assert_eq!(run.exchange().limit, 2);
}

#[test]
fn counts_are_followed_by_an_exchange() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], false)).actions();
    run.pass(Duration::from_secs(1)).start(1);
    assert!(matches!(run.actions()[..], [Action::Count(_)]));
    run.feed(Input::Counted(Ok(Counts { pending: 1, processing: 1, ..Counts::default() })));
    assert_eq!(run.exchange().limit, 1);
    run.answer(claims(&[2], false)).pass(Duration::from_secs(1)).start(2).actions();
    run.feed(Input::Counted(Ok(Counts { processing: 2, ..Counts::default() })));
    assert_eq!(run.exchange().limit, 0, "an attempt may be cancelled");
    run.answer(claims(&[], false));
    assert!(run.actions().is_empty());
}

#[test]
fn a_change_is_looked_at_while_attempts_run_that_might_be_cancelled() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.start(1).stop(StopLevel::Draining, StopCause::Interrupt).actions();
    run.feed(Input::Woken);
    assert_eq!(run.exchange().limit, 0);
    run.answer(Exchanged { cancelled: vec![super::fixture::token(1)], ..claims(&[], true) });
    assert!(run.actions().iter().any(|action| matches!(action, Action::Cancel(_))));
}

#[test]
fn a_clock_set_back_makes_the_run_look_again() {
    let mut run = Run::begun(RunConfig::default());
    run.actions();
    let due = run.now.saturating_add(Duration::from_secs(8));
    run.answer(Exchanged { next_due: Some(due), ..claims(&[1], true) }).actions();
    run.set_back(Duration::from_secs(3600)).start(1);
    assert_eq!(run.exchange().limit, 1);
}

#[test]
fn a_clock_set_back_does_not_keep_the_run_from_its_store() {
    let mut run = Run::begun(RunConfig::default());
    run.actions();
    run.refuse(busy());
    run.set_back(Duration::from_secs(3600)).feed(Input::Woken);
    assert_eq!(run.exchange().limit, 2);
}

#[test]
fn a_full_store_takes_results_and_no_claims() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.succeed(1).actions();
    run.refuse(full());
    let request = run.exchange();
    assert_eq!((request.settlements, request.limit), (vec![completed(1)], 0));
    run.answer(claims(&[], true)).actions();
    run.feed(Input::Counted(Ok(Counts { pending: 5, ..Counts::default() })));
    run.feed(Input::Deregistered(Ok(Vec::new())));
    let result = run.outcome().unwrap();
    assert_eq!((result.processed, result.remaining, result.stopped_by), (1, 5, StoppedBy::StorageFull));
    assert_eq!(run.troubles(), 1);
}

#[test]
fn a_store_too_full_for_results_ends_the_run() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.succeed(1);
    run.refuse(full());
    run.refuse(full());
    assert!(matches!(run.outcome(), Err(ProcessorError::Storage(StorageError::Full(_)))));
}

#[test]
fn a_damaged_store_ends_the_run_after_it_was_offered_the_results() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(2).succeed(1).actions();
    run.refuse(damaged());
    assert!(run.actions().is_empty());
    assert_eq!(run.wakeup, Wakeup::default(), "a change of the store is of no use");
    run.end(2, AttemptOutcome::Succeeded);
    let offered = run.exchange();
    assert_eq!((offered.settlements, offered.limit), (vec![completed(1), completed(2)], 0));
    run.refuse(damaged());
    assert!(matches!(run.actions()[..], [Action::Deregister]));
    run.feed(Input::Deregistered(Ok(Vec::new())));
    assert!(matches!(run.outcome(), Err(ProcessorError::Storage(StorageError::Damaged { .. }))));
    let Some(RunEventKind::ProcessorStopped { result }) = run.events.last() else { panic!("{:?}", run.events) };
    assert_eq!((result.processed, result.stopped_by), (0, StoppedBy::Error));
}

#[test]
fn a_run_without_results_offers_nothing_to_a_damaged_store() {
    let mut run = Run::begun(RunConfig::default());
    run.actions();
    run.refuse(damaged());
    assert!(matches!(run.actions()[..], [Action::Deregister]));
}

#[test]
fn a_damaged_store_is_offered_claims_that_never_began() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).succeed(1).actions();
    run.refuse(damaged()).actions();
    run.progress(2, AttemptProgress::NotStarted { shortage: None });
    assert_eq!(run.exchange().settlements, vec![completed(1), released(2)]);
}

#[test]
fn a_locked_store_ends_an_aborting_run() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.start(1).stop(StopLevel::Aborting, StopCause::Interrupt);
    run.end(1, AttemptOutcome::Aborted).actions();
    run.refuse(busy());
    assert!(matches!(run.outcome(), Err(ProcessorError::Storage(StorageError::Busy { .. }))));
}

#[test]
fn counts_are_read_once_a_second_at_most() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).feed(Input::Woken).answer(claims(&[], true)).actions();
    run.pass(Duration::from_millis(999)).feed(Input::Woken).answer(claims(&[], true));
    assert!(matches!(run.actions()[..], [Action::Exchange(_)]));
    run.pass(Duration::from_millis(1)).feed(Input::Woken).answer(claims(&[], true));
    assert!(matches!(run.actions()[..], [Action::Exchange(_), Action::Count(_)]));
    run.feed(Input::Counted(Ok(Counts::default())));
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::Progress { .. })), 1);
    run.answer(claims(&[], true));
    assert!(matches!(run.actions()[..], [Action::Exchange(_)]));
    run.feed(Input::Woken).answer(claims(&[], true));
    assert!(matches!(run.actions()[..], [Action::Exchange(_)]));
}

#[test]
fn the_run_waits_for_what_falls_due_next() {
    let mut run = Run::begun(RunConfig::default());
    let due = run.now.saturating_add(Duration::from_secs(8));
    run.actions();
    run.answer(Exchanged { next_due: Some(due), ..claims(&[], true) });
    assert!(run.actions().is_empty());
    assert_eq!((run.wakeup.at, run.wakeup.on_change), (Some(due), true));
    run.now = due;
    run.feed(Input::Woken);
    assert_eq!(run.exchange().limit, 2);
    // Each wait would end at once while the exchange is pending.
    assert_eq!((run.wakeup.at, run.wakeup.on_change), (None, false));
}

#[test]
fn a_run_without_room_does_not_wait_for_what_falls_due() {
    let mut run = Run::begun(RunConfig::default());
    run.actions();
    let due = run.now.saturating_add(Duration::from_secs(8));
    run.answer(Exchanged { next_due: Some(due), ..claims(&[1, 2], true) });
    assert_eq!(run.wakeup.at, None);
}
