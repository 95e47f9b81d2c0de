//! The fakes keep the contracts of the ports they stand for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, Clock, Orchestrator, StopCause, StopLevel, StopRequest, StopSignal,
};
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_testkit::strategies::EPOCH;
use autoproc_testkit::{
    AttemptEnd, ScriptedAttempt, ScriptedOrchestrator, ScriptedStop, StopFile, VirtualClock, block_on,
};
use futures_util::future::{FutureExt, join};

const SECOND: Duration = Duration::from_secs(1);

fn after(seconds: u64) -> Timestamp {
    EPOCH.saturating_add(SECOND * u32::try_from(seconds).expect("these are few"))
}

#[test]
fn time_passes_only_when_it_is_told_to() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    assert_eq!(clock.next_timer_in(), Some(SECOND * 5));
    assert!(clock.advance_to_next_timer());
    assert_eq!((clock.now(), (&mut wait).now_or_never()), (after(5), Some(())));
    assert!(!clock.advance_to_next_timer(), "nobody waits any more");
}

#[test]
fn a_clock_set_back_makes_its_sleepers_wait_longer_and_others_not() {
    let clock = VirtualClock::new();
    let (mut wall, elapsed) = (clock.sleep_until(after(5)), clock.sleep(SECOND * 6));
    assert_eq!((&mut wall).now_or_never(), None);
    clock.set_back(SECOND * 10);
    clock.advance(SECOND * 6);
    assert_eq!((&mut wall).now_or_never(), None);
    let mut elapsed = Box::pin(elapsed);
    assert_eq!((&mut elapsed).now_or_never(), None, "its six seconds count from its first poll");
    clock.set_forward(SECOND * 10);
    assert_eq!((&mut wall).now_or_never(), Some(()));
}

#[test]
fn a_wait_that_is_dropped_leaves_no_timer() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    drop(wait);
    assert_eq!(clock.next_timer_in(), None);
}

#[test]
#[should_panic(expected = "somebody spins")]
fn whoever_spins_is_found_out() {
    let clock = VirtualClock::new();
    loop {
        block_on(clock.sleep_until(EPOCH));
    }
}

#[test]
fn a_stop_file_is_seen_by_all_and_a_signal_by_one() {
    let file = StopFile::new();
    let (one, other) = (file.signal_for_a_run(), file.signal_for_a_run());
    one.raise(StopLevel::Aborting, StopCause::Interrupt);
    assert_eq!(other.request(), StopRequest::NONE);
    file.ask(StopLevel::Draining);
    let of_the_file = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) };
    assert_eq!(other.request(), of_the_file);
    assert_eq!(one.request(), StopRequest { level: StopLevel::Aborting, cause: Some(StopCause::Interrupt) });
    assert!(block_on(one.clear()).expect("it never fails"));
    assert_eq!(one.request().level, StopLevel::Aborting, "a signal is not cleared");
    assert_eq!(other.request(), of_the_file, "what was reported is not taken back by another");
}

#[test]
fn a_raised_level_wakes_whoever_waits_for_it() {
    let stop = ScriptedStop::alone();
    let raise = async { stop.raise(StopLevel::Draining, StopCause::StopFile) };
    let (request, ()) = block_on(join(stop.raised_above(StopLevel::Running), raise));
    assert_eq!(request.level, StopLevel::Draining);
    assert_eq!(stop.raised_above(StopLevel::Draining).now_or_never(), None);
}

fn attempt(number: u32) -> Attempt {
    Attempt {
        token: ClaimToken { item: ItemId::FIRST, number: ClaimNumber::FIRST },
        run: RunId::new("run"),
        file_path: FilePath::new("/a").expect("it is short"),
        number: AttemptNumber::new(number).expect("attempts are counted from 1"),
        max_attempts: 4,
        timeout: SECOND * 10,
        deadline: after(10),
    }
}

/// The outcome of an attempt, and how long it took.
fn play(takes: Duration, number: u32, abort_after: Option<Duration>) -> (AttemptOutcome, Duration) {
    let clock = VirtualClock::new();
    let failing = ScriptedAttempt { takes, outcome: Some(AttemptOutcome::Exited { code: 1 }) };
    let succeeding = ScriptedAttempt { takes, outcome: Some(AttemptOutcome::Succeeded) };
    let scripts = HashMap::from([(attempt(1).file_path, vec![failing, succeeding])]);
    let orchestrator = ScriptedOrchestrator::new(clock.clone(), scripts);
    let stop = Arc::new(ScriptedStop::alone());
    let mut execution = orchestrator.execute(attempt(number), stop.clone());
    assert!((&mut execution).now_or_never().is_none(), "it takes time");
    if let Some(span) = abort_after {
        clock.advance(span);
        stop.raise(StopLevel::Draining, StopCause::Interrupt);
        assert!((&mut execution).now_or_never().is_none(), "draining leaves it alone");
        stop.raise(StopLevel::Aborting, StopCause::Interrupt);
    } else {
        assert!(clock.advance_to_next_timer());
    }
    let report = execution.now_or_never().expect("its time has come").expect("the script does not lose sight of it");
    let records = orchestrator.records();
    assert_eq!(records[0].over, Some((report.elapsed, AttemptEnd::Reported(report.outcome.clone()))));
    (report.outcome, report.elapsed)
}

#[test]
fn attempts_go_by_their_script() {
    assert_eq!(play(SECOND * 3, 1, None), (AttemptOutcome::Exited { code: 1 }, SECOND * 3));
    assert_eq!(play(SECOND * 3, 2, None), (AttemptOutcome::Succeeded, SECOND * 3));
    assert_eq!(play(SECOND * 3, 7, None), (AttemptOutcome::Succeeded, SECOND * 3), "the last one goes on for ever");
}

#[test]
fn attempts_end_at_their_timeout_and_when_they_are_aborted() {
    let timeout = SECOND * 10;
    assert_eq!(play(timeout, 2, None), (AttemptOutcome::Succeeded, timeout));
    assert_eq!(play(Duration::MAX, 2, None), (AttemptOutcome::TimedOut { after: timeout }, timeout));
    assert_eq!(play(Duration::MAX, 2, Some(SECOND)), (AttemptOutcome::Aborted, SECOND));
}

#[test]
fn an_attempt_that_is_dropped_was_cut_off() {
    let orchestrator = ScriptedOrchestrator::new(
        VirtualClock::new(),
        HashMap::from([(attempt(1).file_path, vec![ScriptedAttempt { takes: SECOND, outcome: None }])]),
    );
    let mut execution = orchestrator.execute(attempt(1), Arc::new(ScriptedStop::alone()));
    assert!((&mut execution).now_or_never().is_none());
    assert_eq!(orchestrator.records()[0].over, None);
    drop(execution);
    assert_eq!(orchestrator.records()[0].over, Some((Duration::ZERO, AttemptEnd::CutOff)));
}
