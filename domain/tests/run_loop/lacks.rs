use std::time::Duration;

use autoproc_domain::RunConfig;
use autoproc_domain::ports::{
    AttemptOutcome, AttemptProgress, AttemptReport, RunEventKind, StartFault, StopCause, StopLevel,
};
use autoproc_domain::request::{Settlement, Verdict};
use autoproc_domain::run::{Action, Input};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::{Counts, Exchanged};

use super::fixture::{Run, claims, completed, released, token};

const FIRST_DELAY: Duration = Duration::from_millis(500);

const NOT_FOUND: AttemptOutcome = AttemptOutcome::Exited { code: 127 };

fn missing() -> AttemptOutcome {
    AttemptOutcome::CannotStart { reason: "tool: No such file or directory".into(), fault: StartFault::Missing }
}

fn shortage() -> AttemptProgress {
    AttemptProgress::NotStarted { shortage: Some("no process".into()) }
}

fn fail_to_start(run: &mut Run, id: u64, outcome: &AttemptOutcome) {
    let end = AttemptProgress::Ended(AttemptReport::new(outcome.clone(), Duration::ZERO));
    let started = AttemptProgress::Started { fingerprint: None };
    run.feed(Input::Attempts(vec![(token(id), started), (token(id), end)]));
}

fn held(run: &Run) -> Vec<Option<&str>> {
    let reasons = run.events.iter().filter_map(|kind| match kind {
        RunEventKind::StartsHeld { reason, .. } => Some(Some(&**reason)),
        RunEventKind::StartsResumed { .. } => Some(None),
        _ => None,
    });
    reasons.collect()
}

#[track_caller]
fn expect_released(run: &mut Run, ids: &[u64]) {
    let settled = run.exchange_among().settlements;
    assert_eq!(settled, ids.iter().map(|id| released(*id)).collect::<Vec<_>>());
    run.answer(claims(&[], true)).actions();
}

fn proven() -> Run {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.succeed(1);
    assert_eq!(run.exchange_among().settlements, [completed(1)]);
    run
}

#[test]
fn a_shortage_gives_back_and_one_attempt_probes() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.progress(1, shortage());
    run.answer(claims(&[], true)).progress(2, shortage()).actions();
    run.answer(claims(&[], true)).actions();
    assert_eq!(held(&run), [Some("no process")]);
    for delay in [FIRST_DELAY, FIRST_DELAY * 2] {
        run.pass(delay.saturating_sub(Duration::from_millis(1))).feed(Input::Woken);
        assert_eq!(run.exchange_among().limit, 0, "it waits");
        run.answer(claims(&[], true)).actions();
        run.pass(Duration::from_millis(1)).feed(Input::Woken);
        assert_eq!(run.exchange_among().limit, 1, "one attempt probes");
        run.answer(claims(&[1], true));
        assert_eq!(run.started(), [1]);
        run.feed(Input::Counted(Ok(Counts::default())));
        assert_eq!(run.exchange_among().limit, 0, "no second probe");
        run.answer(claims(&[], true)).progress(1, shortage());
        expect_released(&mut run, &[1]);
    }
    run.pass(FIRST_DELAY * 4).feed(Input::Woken).actions();
    run.answer(claims(&[1], true)).actions();
    run.start(1).feed(Input::Counted(Ok(Counts::default()))).answer(claims(&[], true)).actions();
    run.pass(FIRST_DELAY).feed(Input::Woken);
    assert_eq!(run.exchange_among().limit, 1, "the other slot is free too");
    assert_eq!(held(&run), [Some("no process"), None]);
}

#[test]
fn what_the_machine_bears_goes_on() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).progress(2, shortage());
    expect_released(&mut run, &[2]);
    assert_eq!(held(&run), [Some("no process; processing fewer files at a time")]);
    run.end(1, AttemptOutcome::Succeeded);
    let request = run.exchange_among();
    assert_eq!((request.settlements, request.limit), (vec![completed(1)], 1));
}

#[test]
fn waiting_attempts_are_recalled_when_something_is_lacking() {
    let mut run = Run::begun(RunConfig::default());
    run.feed(Input::Capacity(4)).actions();
    run.answer(claims(&[1, 2, 3], true)).actions();
    run.progress(1, shortage());
    assert!(run.actions().iter().any(|action| matches!(action, Action::Recall)));
    run.progress(2, AttemptProgress::NotStarted { shortage: None });
    assert!(!run.actions().iter().any(|action| matches!(action, Action::Recall)), "once");
}

#[test]
fn a_shortage_after_the_start_is_not_counted_either() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    let cause = AttemptOutcome::CannotStart { reason: "no process".into(), fault: StartFault::Shortage };
    run.start(1).end(1, AttemptOutcome::StepFailed { step: "a/b".into(), cause: Box::new(cause) });
    expect_released(&mut run, &[1]);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileReleased { .. })), 1);
    assert_eq!(held(&run), [Some("a/b: cannot start: no process")]);
}

#[test]
fn a_program_that_never_worked_is_the_failure_of_each_file() {
    for outcome in [missing(), NOT_FOUND] {
        let mut run = Run::begun(RunConfig::default());
        run.answer(claims(&[1, 2], true)).actions();
        fail_to_start(&mut run, 1, &outcome);
        let settled = run.exchange_among().settlements;
        assert!(matches!(settled[..], [ref one] if matches!(one.verdict, Verdict::Fail { .. })), "{settled:?}");
        run.answer(claims(&[], true));
        fail_to_start(&mut run, 2, &outcome);
        assert!(held(&run).is_empty());
    }
}

#[test]
fn a_failure_proves_the_program_but_not_a_wrapper() {
    for (outcome, is_held) in [(missing(), true), (NOT_FOUND, false)] {
        let mut run = Run::begun(RunConfig::default());
        run.answer(claims(&[1, 2], true)).actions();
        run.start(1).end(1, AttemptOutcome::Exited { code: 1 });
        run.answer(claims(&[], true)).start(2).end(2, outcome);
        assert_eq!(!held(&run).is_empty(), is_held);
    }
}

#[test]
fn a_file_that_misses_the_program_waits_until_another_has_worked() {
    let mut run = proven();
    run.answer(claims(&[2], true)).actions();
    run.start(2).end(2, NOT_FOUND);
    assert!(run.actions().is_empty(), "the claim is kept");
    assert_eq!(held(&run), [Some("a program that worked before is missing: exit status 127")]);
    run.pass(FIRST_DELAY).feed(Input::Woken);
    assert_eq!(run.exchange_among().limit, 1);
    run.answer(claims(&[3], true)).actions();
    run.succeed(3);
    let settled = run.exchange_among().settlements;
    assert_eq!(settled, [completed(3), released(2)]);
    assert_eq!(held(&run).last(), Some(&None));
}

#[test]
fn the_second_time_that_only_one_file_misses_the_program_it_fails() {
    let mut run = proven();
    for (round, other) in [(1, 3), (2, 4)] {
        run.answer(claims(&[2], true)).actions();
        run.feed(Input::Counted(Ok(Counts::default()))).answer(claims(&[], true));
        run.actions();
        run.start(2).end(2, NOT_FOUND);
        if round == 2 {
            let settled = run.exchange_among().settlements;
            assert!(matches!(settled[..], [ref one] if matches!(one.verdict, Verdict::Fail { .. })), "{settled:?}");
            return;
        }
        run.pass(FIRST_DELAY).feed(Input::Woken).actions();
        run.answer(claims(&[other], true)).actions();
        run.succeed(other).actions();
    }
}

#[test]
fn a_probe_that_misses_the_program_again_does_not_end_the_wait() {
    let mut run = proven();
    run.answer(claims(&[2], true)).actions();
    run.start(2).end(2, NOT_FOUND).actions();
    run.pass(FIRST_DELAY).feed(Input::Woken).actions();
    run.answer(claims(&[3], true)).actions();
    run.succeed(3).actions();
    run.answer(claims(&[4], true)).actions();
    run.start(4).end(4, NOT_FOUND).actions();
    run.pass(FIRST_DELAY).feed(Input::Woken).actions();
    run.answer(claims(&[2], true)).actions();
    run.start(2).end(2, NOT_FOUND).feed(Input::Counted(Ok(Counts::default())));
    let request = run.exchange_among();
    assert!(matches!(request.settlements[..], [ref one] if matches!(one.verdict, Verdict::Fail { .. })), "{request:?}");
    assert_eq!(request.limit, 1, "only another probe may start");
    assert!(held(&run).last().is_some_and(Option::is_some), "{:?}", held(&run));
}

#[test]
fn the_last_file_is_its_own_probe() {
    let mut run = proven();
    run.answer(claims(&[2], false)).actions();
    run.start(2).end(2, missing());
    run.pass(FIRST_DELAY).feed(Input::Woken).actions();
    run.answer(claims(&[], false));
    let request = run.exchange_among();
    assert_eq!((request.settlements, request.limit), (vec![released(2)], 1));
    run.answer(claims(&[2], false)).actions();
    run.succeed(2);
    assert_eq!(run.exchange_among().settlements, [completed(2)]);
    assert_eq!(held(&run).last(), Some(&None));
}

#[test]
fn a_run_whose_program_stays_missing_ends_and_fails_nothing() {
    let mut run = proven();
    run.answer(claims(&[2], true)).actions();
    run.start(2).end(2, missing()).actions();
    run.pass(Duration::from_secs(60)).feed(Input::Woken);
    expect_released(&mut run, &[2]);
    run.feed(Input::Counted(Ok(Counts { pending: 8, ..Counts::default() })));
    let result = run.feed(Input::Deregistered(Ok(Vec::new()))).outcome().unwrap();
    assert_eq!((result.failed, result.remaining, result.stopped_by), (0, 8, StoppedBy::ProgramMissing));
}

#[test]
fn a_file_whose_folder_is_missing_waits_like_one_without_its_program() {
    let away = || AttemptOutcome::InputAway { cause: Box::new(AttemptOutcome::Exited { code: 1 }) };
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.start(1).end(1, away()).actions();
    assert_eq!(held(&run), [Some("the folder / is missing")]);
    run.pass(Duration::from_secs(60)).feed(Input::Woken);
    expect_released(&mut run, &[1]);
    run.feed(Input::Counted(Ok(Counts { pending: 9, ..Counts::default() })));
    let result = run.feed(Input::Deregistered(Ok(Vec::new()))).outcome().unwrap();
    assert_eq!((result.failed, result.stopped_by), (0, StoppedBy::InputMissing));
}

#[test]
fn a_run_that_does_not_wait_for_programs_fails_the_file() {
    let mut run = Run::begun(RunConfig::default().with_program_wait(Duration::ZERO));
    run.answer(claims(&[1], true)).actions();
    run.succeed(1).answer(claims(&[2], true)).actions();
    run.start(2).end(2, NOT_FOUND).actions();
    assert!(held(&run).is_empty());
}

#[test]
fn a_stop_releases_what_misses_its_program() {
    let mut run = proven();
    run.answer(claims(&[2], true)).actions();
    run.start(2).end(2, NOT_FOUND).actions();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    expect_released(&mut run, &[2]);
}

#[test]
fn a_run_wakes_for_its_probe() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.progress(1, shortage());
    let since = run.now;
    run.answer(claims(&[], true));
    assert_eq!(run.wakeup.at, Some(since.saturating_add(FIRST_DELAY)));
}

#[test]
fn one_attempt_probes_while_another_runs() {
    let mut run = Run::begun(RunConfig::default());
    run.feed(Input::Capacity(4)).actions();
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).progress(2, shortage());
    expect_released(&mut run, &[2]);
    run.pass(FIRST_DELAY).feed(Input::Woken);
    assert_eq!(run.exchange_among().limit, 1);
    run.answer(claims(&[3], true)).feed(Input::Counted(Ok(Counts::default())));
    assert_eq!(run.exchange_among().limit, 0, "no second probe");
}

#[test]
fn a_run_that_does_not_wait_for_backoffs_waits_for_its_probe() {
    let mut run = Run::begun(RunConfig::default().without_waiting());
    run.answer(claims(&[1], true)).actions();
    run.progress(1, shortage());
    expect_released(&mut run, &[1]);
    run.feed(Input::Woken);
    assert_eq!(run.exchange_among().limit, 0);
}

#[test]
fn a_running_attempt_proves_the_program() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1);
    fail_to_start(&mut run, 2, &missing());
    assert_eq!(held(&run).len(), 1, "{:?}", run.events);
}

#[track_caller]
fn expect_nothing_settled(run: &mut Run, limit: usize) {
    run.feed(Input::Woken);
    let request = run.exchange_among();
    assert_eq!((request.settlements, request.limit), (Vec::new(), limit));
}

#[test]
fn a_suspect_is_not_offered_before_the_queue_was_asked_for_a_probe() {
    let mut run = proven();
    run.answer(claims(&[2], true)).actions();
    run.start(2);
    expect_nothing_settled(&mut run, 1);
    run.end(2, missing()).answer(claims(&[], true));
    expect_nothing_settled(&mut run, 0);
    run.pass(FIRST_DELAY).feed(Input::Woken).answer(claims(&[], true));
    expect_nothing_settled(&mut run, 1);
}

#[test]
fn an_old_attempt_that_succeeds_proves_nothing_about_the_suspect() {
    let mut run = proven();
    run.answer(claims(&[2, 3], true)).actions();
    run.start(2).start(3).end(2, missing()).end(3, AttemptOutcome::Succeeded);
    run.answer(claims(&[], true)).actions();
    run.pass(FIRST_DELAY).feed(Input::Woken).answer(claims(&[], true));
    assert_eq!(run.exchange_among().settlements, [released(2)]);
    run.answer(claims(&[2], true)).actions();
    run.start(2).end(2, missing());
    expect_nothing_settled(&mut run, 0);
}

fn cancel(run: &mut Run, id: u64) {
    run.feed(Input::Woken).answer(Exchanged { cancelled: vec![token(id)], ..claims(&[], true) }).actions();
}

#[test]
fn a_cancelled_attempt_that_meets_a_shortage_is_cancelled() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    cancel(run.start(1), 1);
    run.end(1, AttemptOutcome::CannotStart { reason: "no process".into(), fault: StartFault::Shortage });
    let verdict = Verdict::Fail { timed_out: false, error: "cancelled".into() };
    assert_eq!(run.exchange_among().settlements, [Settlement { token: token(1), verdict }]);
    assert!(held(&run).is_empty());
}

#[test]
fn a_probe_that_is_cancelled_proves_nothing() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    run.progress(1, shortage());
    expect_released(&mut run, &[1]);
    run.pass(FIRST_DELAY).feed(Input::Woken).answer(claims(&[2], true)).actions();
    cancel(run.start(2), 2);
    run.end(2, AttemptOutcome::Aborted);
    assert_eq!(run.exchange_among().limit, 1, "another attempt probes");
    assert_eq!(held(&run), [Some("no process")]);
}
