use std::num::NonZeroU64;

use autoproc_domain::RunConfig;
use autoproc_domain::ports::{
    AttemptOutcome, AttemptProgress, BackPressure, Begun, RunEventKind, StopCause, StopLevel,
};
use autoproc_domain::run::{Action, FailureLimit, Input};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::Counts;

use super::fixture::{Run, claims, failed, released};

fn shut(run: &mut Run, reason: &str) {
    run.feed(Input::Pressure(Some(BackPressure { reason: reason.into() })));
}

fn of_the_gate(run: &Run) -> Vec<&RunEventKind> {
    let is_of_the_gate =
        |kind: &&RunEventKind| matches!(kind, RunEventKind::StartsHeld { .. } | RunEventKind::StartsResumed { .. });
    run.events.iter().filter(is_of_the_gate).collect()
}

#[test]
fn a_held_run_claims_nothing_and_resumes() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    shut(&mut run, "no disk");
    // The run only checks whether other runs have processed the waiting files.
    assert_eq!(run.exchange_among().limit, 0);
    run.answer(claims(&[], true));
    run.succeed(1);
    assert_eq!(run.exchange_among().limit, 0);
    run.answer(claims(&[], true)).feed(Input::Pressure(None));
    assert_eq!(run.exchange_among().limit, 2);
    let resumed = RunEventKind::StartsResumed { because: None };
    assert_eq!(of_the_gate(&run), [&RunEventKind::StartsHeld { reason: "no disk".into(), probe_at: None }, &resumed]);
}

#[test]
fn a_gate_that_shuts_while_every_slot_is_busy_is_reported_when_one_is_free() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).start(2);
    shut(&mut run, "no disk");
    assert!(of_the_gate(&run).is_empty());
    run.end(1, AttemptOutcome::Succeeded);
    assert_eq!(of_the_gate(&run).len(), 1);
}

#[test]
fn another_reason_is_reported_and_the_same_is_not() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], true)).actions();
    for reason in ["no disk", "no disk", "load"] {
        shut(&mut run, reason);
        run.answer(claims(&[], true));
    }
    assert_eq!(of_the_gate(&run).len(), 2);
}

#[test]
fn a_shut_gate_that_nothing_waits_for_is_not_reported() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], false)).actions();
    shut(&mut run, "no disk");
    assert!(of_the_gate(&run).is_empty());
}

#[test]
fn a_gate_that_is_shut_at_the_beginning_is_reported_if_a_file_waits() {
    for (pending, held, reports) in [(2, 1, 1), (2, 2, 0), (0, 0, 0)] {
        let mut run = Run::new(RunConfig::default());
        shut(run.feed(Input::Begin), "no disk");
        run.feed(Input::Counted(Ok(Counts { pending, held, ..Counts::default() })));
        run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new()))));
        assert_eq!(of_the_gate(&run).len(), reports, "{pending} pending, {held} held");
    }
}

#[test]
fn a_held_run_ends_when_others_have_done_the_rest() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], true)).actions();
    shut(&mut run, "no disk");
    run.answer(claims(&[], false));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::QueueEmpty);
}

#[test]
fn a_held_run_looks_at_every_change_of_the_queue() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[], true)).actions();
    shut(&mut run, "no disk");
    run.answer(claims(&[], true)).actions();
    assert!(run.wakeup.on_change);
    run.feed(Input::Woken);
    assert_eq!(run.exchange().limit, 0);
}

#[test]
fn a_held_run_that_does_not_wait_for_backoffs_waits_for_the_gate() {
    let mut run = Run::begun(RunConfig::default().without_waiting());
    run.answer(claims(&[1], true)).actions();
    shut(&mut run, "no disk");
    run.answer(claims(&[], true)).succeed(1).actions();
    run.answer(claims(&[], true));
    assert!(run.actions().is_empty());
    run.feed(Input::Pressure(None)).actions();
    run.answer(claims(&[], true));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::NothingDue);
}

#[test]
fn attempts_that_have_not_begun_are_recalled_once() {
    let mut run = Run::begun(RunConfig::default());
    run.feed(Input::Capacity(4)).actions();
    run.answer(claims(&[1, 2, 3], true)).actions();
    run.start(1).actions();
    shut(&mut run, "no disk");
    assert!(matches!(run.actions()[..], [Action::Recall, Action::Exchange(_)]));
    shut(&mut run, "load");
    assert!(run.actions().is_empty());
    run.progress(2, AttemptProgress::NotStarted { shortage: None }).answer(claims(&[], true));
    assert_eq!(run.exchange_among().settlements, [released(2)]);
}

#[test]
fn a_stop_recalls_drains_and_gives_back_later_claims() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.start(1).feed(Input::Woken).actions();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    run.answer(claims(&[2], true));
    assert_eq!(run.exchange_among().settlements, [released(2)]);
    run.answer(claims(&[], true));
    run.end(1, AttemptOutcome::Succeeded).actions();
    run.answer(claims(&[], true));
    let result = run.outcome().unwrap();
    assert_eq!((result.processed, result.stopped_by), (1, StoppedBy::Request(StopCause::StopFile)));
    assert_eq!(result.stop_level, StopLevel::Draining);
    let cleared = RunEventKind::StopSignalCleared;
    assert_eq!(run.count(|kind| *kind == cleared), 1);
}

#[test]
fn a_higher_level_is_reported_and_another_is_not() {
    let mut run = Run::begun(RunConfig::default());
    let draining = StopLevel::Draining;
    for level in [draining, draining, StopLevel::Running, StopLevel::Aborting, StopLevel::Aborting, draining] {
        run.stop(level, StopCause::Interrupt);
    }
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::StopRequested { .. })), 2);
}

#[test]
fn the_failure_limit_counts_recorded_and_new_results() {
    let limit = FailureLimit::Files(NonZeroU64::new(4).unwrap());
    let mut run = Run::begun(RunConfig::default().with_failure_limit(limit));
    for id in 1..=4 {
        run.answer(claims(&[id], true)).actions();
        run.start(id).end(id, failed());
        assert_eq!(run.exchange_among().limit, if id < 4 { 2 } else { 0 }, "after file {id}");
    }
}

fn limit_after_one_failure_in_ten(percent: u8) -> usize {
    let mut run = Run::begun(RunConfig::default().with_failure_limit(FailureLimit::Percent(percent)));
    for id in 1..=9 {
        run.answer(claims(&[id], true)).actions();
        run.succeed(id);
    }
    run.answer(claims(&[10], true)).actions();
    run.start(10).end(10, failed());
    run.exchange_among().limit
}

#[test]
fn a_share_of_failures_counts_all_files_that_ended() {
    assert_eq!((limit_after_one_failure_in_ten(10), limit_after_one_failure_in_ten(11)), (0, 2));
}

#[test]
fn nothing_is_claimed_once_the_failure_limit_is_reached() {
    let limit = FailureLimit::Files(NonZeroU64::new(2).unwrap());
    let mut run = Run::begun(RunConfig::default().with_failure_limit(limit));
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).start(2);
    run.end(1, failed());
    assert_eq!(run.exchange_among().limit, 1);
    // The second failure counts at once, so the run releases the claim of the pending exchange.
    run.end(2, failed()).answer(claims(&[3], true));
    let request = run.exchange_among();
    assert_eq!((request.limit, request.settlements.len()), (0, 2));
    run.answer(claims(&[], true)).actions();
    run.feed(Input::Counted(Ok(Counts { pending: 7, ..Counts::default() })));
    let result = run.feed(Input::Deregistered(Ok(Vec::new()))).outcome().unwrap();
    assert_eq!((result.failed, result.remaining, result.stopped_by), (2, 7, StoppedBy::TooManyFailed));
}
