use std::num::NonZeroUsize;
use std::time::Duration;

use autoproc_domain::forecast::Forecast;
use autoproc_domain::ports::{
    AttemptOutcome, AttemptProgress, AttemptReport, BackPressure, Resumption, RunEventKind, StopCause, StopLevel,
};
use autoproc_domain::request::{ExchangeRequest, Settlement, Verdict};
use autoproc_domain::run::{Action, Input};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::{Counts, Exchanged};
use autoproc_domain::{FilePath, RetryPolicy, RunConfig};

use super::fixture::{Run, claimed, claims, completed, failed, released, token};

const DOWN: AttemptOutcome = AttemptOutcome::Exited { code: 7 };
const FIRST_DELAY: Duration = Duration::from_secs(30);

fn config() -> RunConfig {
    RunConfig::default().with_pause_on_same(NonZeroUsize::new(3).unwrap())
}

fn without_retries() -> RunConfig {
    config().with_retry(RetryPolicy { retries: 0, ..RetryPolicy::default() })
}

fn failure() -> AttemptReport {
    AttemptReport { output_tail: "connection refused".into(), ..AttemptReport::new(DOWN, Duration::from_secs(1)) }
}

fn begun(config: RunConfig) -> Run {
    let mut earlier = Forecast::default();
    earlier.record_past(&FilePath::new("/earlier").unwrap(), 1, Duration::from_secs(1));
    Run::new(config).with_forecast(earlier).and_begun()
}

fn fail(run: &mut Run, id: u64) {
    run.start(id).progress(id, AttemptProgress::Ended(failure()));
}

#[track_caller]
fn settled(run: &mut Run) -> Vec<(u64, &'static str)> {
    let settlements = run.exchange_among().settlements;
    settlements.iter().map(|Settlement { token, verdict }| (token.item.get(), word(verdict))).collect()
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Complete(_) => "complete",
        Verdict::Retry { .. } => "retry",
        Verdict::Fail { .. } => "fail",
        Verdict::Release => "release",
    }
}

fn paused(config: RunConfig) -> Run {
    let mut run = begun(config);
    for id in 1..=3 {
        run.answer(claims(&[id], true)).actions();
        fail(&mut run, id);
    }
    run
}

#[track_caller]
fn await_probe(run: &mut Run, delay: Duration) {
    run.answer(claims(&[], true)).actions();
    run.pass(delay.saturating_sub(Duration::from_millis(1))).feed(Input::Woken);
    assert_eq!(run.exchange_among().limit, 0, "it waits");
    run.answer(claims(&[], true)).actions();
    run.pass(Duration::from_millis(1)).feed(Input::Woken);
    assert!(run.exchange_among().limit > 0, "one attempt probes");
}

#[track_caller]
fn probe(run: &mut Run, delay: Duration, id: u64) {
    await_probe(run, delay);
    run.answer(claims(&[id], true));
    assert_eq!(run.started(), [id]);
    run.feed(Input::Counted(Ok(Counts::default())));
    assert_eq!(run.exchange_among().limit, 0, "no second probe");
    run.answer(claims(&[], true)).actions();
}

fn settle(run: &mut Run) -> Vec<ExchangeRequest> {
    let mut requests = Vec::new();
    loop {
        match run.actions().pop() {
            Some(Action::Exchange(request)) => {
                requests.push(request);
                run.answer(claims(&[], true));
            }
            Some(Action::Count(_)) => {
                run.feed(Input::Counted(Ok(Counts::default())));
            }
            _ => return requests,
        }
    }
}

fn holds(run: &Run) -> Vec<&RunEventKind> {
    let is_hold =
        |kind: &&RunEventKind| matches!(kind, RunEventKind::StartsHeld { .. } | RunEventKind::StartsResumed { .. });
    run.events.iter().filter(is_hold).collect()
}

fn resumption(run: &Run) -> Option<&Resumption> {
    match holds(run).last()? {
        RunEventKind::StartsResumed { because } => because.as_ref(),
        _ => None,
    }
}

#[test]
fn the_run_pauses_and_one_file_at_a_time_probes() {
    let mut run = paused(config());
    let since = run.now;
    assert_eq!(settled(&mut run), [(3, "release")], "the others were settled before");
    let RunEventKind::StartsHeld { reason, probe_at } = holds(&run)[0] else { panic!("{:?}", run.events) };
    assert!(reason.starts_with("3 files in a row failed alike: exit status 7: connection refused ("), "{reason}");
    assert_eq!(*probe_at, Some(since.saturating_add(FIRST_DELAY)));
    for (delay, id) in [(1, 4), (2, 5), (4, 6), (8, 7), (16, 8), (20, 9), (20, 10)] {
        probe(&mut run, FIRST_DELAY * delay, id);
        fail(&mut run, id);
        assert_eq!(settled(&mut run), [(id, "release")]);
    }
    probe(&mut run, FIRST_DELAY * 20, 11);
    run.succeed(11);
    let request = run.exchange_among();
    assert_eq!((request.settlements, request.limit), (vec![completed(11)], 2));
    assert!(matches!(resumption(&run), Some(Resumption::Succeeded(path)) if path.text() == "/11"), "{:?}", holds(&run));
}

#[test]
fn the_run_wakes_for_its_probe() {
    let mut run = paused(config());
    let since = run.now;
    run.answer(claims(&[], true));
    assert_eq!(run.wakeup.at, Some(since.saturating_add(FIRST_DELAY)));
}

#[test]
fn the_probe_is_a_file_that_has_not_failed_yet() {
    let mut run = paused(config());
    run.actions();
    await_probe(&mut run, FIRST_DELAY);
    run.answer(claims(&[1, 2, 3, 4], true));
    let actions = run.actions();
    assert!(
        matches!(&actions[..], [Action::Start(attempt), Action::Exchange(request)]
        if attempt.token == token(4)
            && request.settlements == [1, 2, 3].map(released)
            && request.limit == 0),
        "{actions:?}"
    );
}

#[test]
fn a_success_or_another_failure_in_between_ends_the_row() {
    for other in [AttemptOutcome::Succeeded, failed()] {
        let mut run = begun(config());
        for id in 1..=5 {
            run.answer(claims(&[id], true)).actions();
            if id == 3 {
                run.start(id).end(id, other.clone());
            } else {
                fail(&mut run, id);
            }
        }
        assert!(holds(&run).is_empty());
    }
}

#[test]
fn failures_before_the_first_success_count_at_once() {
    let mut run = Run::begun(without_retries());
    for id in 1..=5 {
        run.answer(claims(&[id], true)).actions();
        fail(&mut run, id);
        assert_eq!(settled(&mut run), [(id, "fail")]);
    }
    run.answer(claims(&[6], true)).actions();
    run.succeed(6);
    for id in 7..=9 {
        assert!(holds(&run).is_empty(), "{id}: {:?}", holds(&run));
        run.answer(claims(&[id], true)).actions();
        fail(&mut run, id);
    }
    assert_eq!(holds(&run).len(), 1);
}

#[test]
fn failures_of_the_file_alone_are_no_row() {
    let cause = || Box::new(DOWN);
    for outcome in [
        AttemptOutcome::InputGone { cause: cause() },
        AttemptOutcome::InputAway { cause: cause() },
        AttemptOutcome::Aborted,
        AttemptOutcome::Exited { code: 127 },
    ] {
        let mut run = begun(without_retries().with_program_wait(Duration::ZERO));
        for id in 1..=4 {
            run.answer(claims(&[id], true)).actions();
            run.start(id).end(id, outcome.clone());
        }
        assert!(holds(&run).is_empty(), "{outcome:?}: {:?}", holds(&run));
    }
}

#[test]
fn cancelled_attempts_are_no_row() {
    let mut run = begun(config());
    for id in 1..=4 {
        run.answer(claims(&[id], true)).actions();
        run.start(id);
        run.feed(Input::Woken);
        run.answer(Exchanged { cancelled: vec![token(id)], ..claims(&[], true) }).actions();
        run.progress(id, AttemptProgress::Ended(failure()));
    }
    assert!(holds(&run).is_empty(), "{:?}", holds(&run));
}

#[test]
fn one_file_that_fails_again_and_again_is_no_row() {
    let mut run = begun(config());
    for _ in 1..=4 {
        run.answer(claims(&[1], true)).actions();
        fail(&mut run, 1);
    }
    assert!(holds(&run).is_empty());
}

#[test]
fn the_rest_of_the_attempts_is_given_back_while_it_ends() {
    let mut run = begun(config());
    run.feed(Input::Capacity(5)).actions();
    run.answer(claims(&[1, 2, 3, 4, 5], true)).actions();
    for id in 1..=4 {
        run.start(id);
    }
    for id in 1..=3 {
        run.progress(id, AttemptProgress::Ended(failure()));
    }
    assert!(run.actions().iter().any(|action| matches!(action, Action::Recall)), "file 5 has not begun");
    run.progress(5, AttemptProgress::NotStarted { shortage: None });
    run.progress(4, AttemptProgress::Ended(failure()));
    run.answer(claims(&[], true));
    let settled = settled(&mut run);
    assert!(settled.contains(&(4, "release")) && settled.contains(&(5, "release")), "{settled:?}");
}

#[test]
fn an_old_attempt_that_succeeds_proves_nothing() {
    for started in [[9, 1], [1, 9]] {
        let mut run = begun(config());
        run.answer(claims(&[1, 9], true)).actions();
        run.start(started[0]).start(started[1]).progress(1, AttemptProgress::Ended(failure()));
        for id in 2..=3 {
            run.answer(claims(&[id], true)).actions();
            fail(&mut run, id);
        }
        run.answer(claims(&[], true)).end(9, AttemptOutcome::Succeeded);
        assert_eq!(run.exchange_among().limit, 0, "started as {started:?}");
    }
}

#[test]
fn a_probe_that_fails_in_another_way_ends_the_hold() {
    let mut run = paused(config());
    run.actions();
    probe(&mut run, FIRST_DELAY, 4);
    run.start(4).end(4, AttemptOutcome::Exited { code: 1 });
    let request = run.exchange_among();
    assert_eq!((word(&request.settlements[0].verdict), request.limit), ("retry", 2));
    assert!(matches!(resumption(&run), Some(Resumption::FailedOtherwise(_))), "{:?}", holds(&run));
}

#[test]
fn a_probe_that_runs_for_long_ends_the_hold() {
    let mut run = paused(config());
    run.actions();
    probe(&mut run, FIRST_DELAY, 4);
    run.start(4).actions();
    run.pass(Duration::from_secs(29)).feed(Input::Woken);
    assert!(resumption(&run).is_none());
    settle(&mut run);
    run.pass(Duration::from_secs(1)).feed(Input::Woken);
    assert!(matches!(resumption(&run), Some(Resumption::KeepsRunning(path)) if path.text() == "/4"));
    assert_eq!(settle(&mut run).pop().map(|request| request.limit), Some(1));
}

#[test]
fn a_probe_that_was_recalled_is_replaced() {
    let mut run = paused(config());
    run.actions();
    probe(&mut run, FIRST_DELAY, 4);
    run.actions();
    run.progress(4, AttemptProgress::NotStarted { shortage: None });
    assert!(run.exchange_among().limit > 0);
}

#[test]
fn files_without_a_retry_do_not_fail_if_the_row_becomes_complete() {
    let mut run = paused(without_retries());
    assert_eq!(settled(&mut run), [(1, "release"), (2, "release"), (3, "release")]);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileFailed { .. })), 0);
}

#[test]
fn kept_failures_are_settled_when_the_row_ends() {
    let mut run = begun(without_retries());
    run.answer(claims(&[1], true)).actions();
    fail(&mut run, 1);
    assert!(settled(&mut run).is_empty(), "the failure is kept");
    run.answer(claims(&[2], true)).actions();
    run.succeed(2);
    assert_eq!(settled(&mut run), [(2, "complete"), (1, "fail")]);
}

#[test]
fn kept_failures_are_settled_after_a_while_or_if_nothing_else_runs() {
    let mut run = begun(without_retries());
    run.answer(claims(&[1], true)).actions();
    fail(&mut run, 1);
    run.answer(claims(&[2], true)).start(2).actions();
    run.feed(Input::Counted(Ok(Counts::default()))).answer(claims(&[], true)).actions();
    assert_eq!(run.wakeup.at, Some(run.now.saturating_add(Duration::from_secs(10))));
    run.pass(Duration::from_secs(10)).feed(Input::Woken);
    assert_eq!(settled(&mut run), [(1, "fail")]);

    let mut run = begun(without_retries());
    run.answer(claims(&[1], false)).actions();
    fail(&mut run, 1);
    run.actions();
    run.answer(claims(&[], false));
    assert_eq!(settled(&mut run), [(1, "fail")]);
}

#[test]
fn a_kept_failure_counts_for_the_failure_limit() {
    let limit = autoproc_domain::run::FailureLimit::Files(std::num::NonZeroU64::MIN);
    let mut run = begun(without_retries().with_failure_limit(limit));
    run.answer(claims(&[1], true)).actions();
    fail(&mut run, 1);
    let request = run.exchange_among();
    assert_eq!((word(&request.settlements[0].verdict), request.limit), ("fail", 0));
}

#[test]
fn a_file_of_the_row_gets_its_attempt_back() {
    let mut run = paused(config());
    run.actions();
    probe(&mut run, FIRST_DELAY, 4);
    run.succeed(4);
    settle(&mut run);
    run.feed(Input::Woken);
    for (attempt, expected) in [(4, "retry"), (5, "fail")] {
        run.answer(Exchanged { claims: vec![claimed(1, attempt)], ..claims(&[], true) });
        settle(&mut run);
        run.start(1).end(1, AttemptOutcome::Exited { code: 1 });
        run.pass(Duration::from_secs(10)).feed(Input::Woken);
        let settlements: Vec<_> = settle(&mut run).into_iter().flat_map(|request| request.settlements).collect();
        assert!(matches!(&settlements[..], [one] if word(&one.verdict) == expected), "{settlements:?}");
        run.feed(Input::Woken);
    }
}

#[test]
fn the_second_failure_alike_of_a_file_counts() {
    let mut run = paused(config());
    run.actions();
    for (delay, expected) in [(1, "release"), (2, "retry")] {
        probe(&mut run, FIRST_DELAY * delay, 4);
        fail(&mut run, 4);
        assert_eq!(settled(&mut run), [(4, expected)]);
    }
}

#[test]
fn the_hold_is_given_up_after_an_hour_and_never_returns() {
    let mut run = paused(config());
    run.actions();
    let since = run.now;
    let mut id = 3;
    while resumption(&run).is_none() {
        id += 1;
        let RunEventKind::StartsHeld { probe_at: Some(at), .. } = holds(&run).last().unwrap() else { panic!() };
        let delay = at.saturating_since(run.now);
        probe(&mut run, delay, id);
        fail(&mut run, id);
        run.actions();
    }
    assert_eq!(resumption(&run), Some(&Resumption::GivenUp));
    assert_eq!(run.now, since.saturating_add(Duration::from_hours(1)));
    let count = holds(&run).len();
    for id in 100..110 {
        run.answer(claims(&[id], true)).actions();
        fail(&mut run, id);
        assert!(run.exchange_among().limit > 0);
    }
    assert_eq!(holds(&run).len(), count);
}

#[test]
fn a_run_that_does_not_wait_ends() {
    let mut run = paused(config().without_waiting());
    assert_eq!(settled(&mut run), [(3, "retry")], "otherwise a series of runs would never get on");
    assert!(matches!(holds(&run)[..], [RunEventKind::StartsHeld { probe_at: None, .. }]), "{:?}", holds(&run));
    run.answer(claims(&[], true));
    run.feed(Input::Counted(Ok(Counts { pending: 9, ..Counts::default() })));
    let result = run.feed(Input::Deregistered(Ok(Vec::new()))).outcome().unwrap();
    assert_eq!((result.failed, result.remaining, result.stopped_by), (0, 9, StoppedBy::FailingAlike));
}

#[test]
fn a_stop_ends_the_hold() {
    let mut run = paused(config());
    run.answer(claims(&[], true)).actions();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    assert!(run.outcome().is_ok());
}

#[test]
fn a_clock_that_is_set_back_makes_the_probe_due() {
    let mut run = paused(config());
    run.answer(claims(&[], true)).actions();
    run.set_back(Duration::from_hours(2)).feed(Input::Woken);
    assert!(run.exchange_among().limit > 0);
}

#[test]
fn a_kept_failure_stays_kept_while_no_file_is_asked_for() {
    let mut run = begun(without_retries());
    run.answer(claims(&[1], true)).actions();
    run.start(1).feed(Input::Pressure(Some(BackPressure { reason: "no disk".into() })));
    assert_eq!(run.exchange_among().limit, 0);
    run.progress(1, AttemptProgress::Ended(failure())).answer(claims(&[], true));
    assert!(settled(&mut run).is_empty());
}

#[test]
fn a_file_that_got_its_attempt_back_has_one_attempt_more() {
    let mut run = paused(config());
    run.actions();
    probe(&mut run, FIRST_DELAY, 4);
    run.succeed(4);
    settle(&mut run);
    run.feed(Input::Woken).answer(claims(&[1, 9], true));
    let max_attempts = run.actions().into_iter().filter_map(|action| match action {
        Action::Start(attempt) => Some(attempt.max_attempts),
        _ => None,
    });
    assert_eq!(max_attempts.collect::<Vec<_>>(), [5, 4]);
}

#[test]
fn a_run_that_does_not_wait_gives_back_no_attempt() {
    let mut run = begun(config().without_waiting());
    run.feed(Input::Capacity(4)).actions();
    run.answer(claims(&[1, 2, 3, 4], true));
    for id in 1..=4 {
        run.start(id);
    }
    for id in 1..=4 {
        run.progress(id, AttemptProgress::Ended(failure()));
    }
    let settlements = settle(&mut run).into_iter().flat_map(|request| request.settlements);
    assert_eq!(settlements.map(|one| word(&one.verdict)).collect::<Vec<_>>(), ["retry"; 4]);
}
