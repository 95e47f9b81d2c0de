//! The fakes keep the contracts of the ports that they stand for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptProgress, BackPressure, Clock, Orchestrator, StartGate, StopCause, StopLevel,
    StopRequest, StopSignal,
};
use autoproc_domain::{FilePath, Fingerprint, ItemId, RunId, Timestamp};
use autoproc_testkit::strategies::EPOCH;
use autoproc_testkit::{
    AttemptEnd, ScriptedAttempt, ScriptedGate, ScriptedOrchestrator, ScriptedStop, StopFile, VirtualClock, block_on,
};
use futures_util::future::{FutureExt, join};
use futures_util::stream::StreamExt;

const SECOND: Duration = Duration::from_secs(1);

fn after(seconds: u64) -> Timestamp {
    EPOCH.saturating_add(SECOND * u32::try_from(seconds).expect("the number is small"))
}

#[test]
fn time_passes_only_when_a_test_lets_it() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    assert_eq!(clock.next_timer_in(), Some(SECOND * 5));
    assert!(clock.advance_to_next_timer());
    assert_eq!((clock.now(), (&mut wait).now_or_never()), (after(5), Some(())));
    assert!(!clock.advance_to_next_timer(), "no wait is left");
}

#[test]
fn a_clock_set_forward_ends_a_wait_for_a_time_and_no_wait_for_a_span() {
    let clock = VirtualClock::new();
    let (mut wall, mut span) = (clock.sleep_until(after(5)), Box::pin(clock.sleep(SECOND * 5)));
    assert_eq!(((&mut wall).now_or_never(), (&mut span).now_or_never()), (None, None));
    clock.set_forward(SECOND * 10);
    assert_eq!(((&mut wall).now_or_never(), (&mut span).now_or_never()), (Some(()), None));
}

#[test]
fn a_clock_set_back_makes_no_wait_longer() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(after(5));
    assert_eq!((&mut wait).now_or_never(), None);
    clock.set_back(SECOND * 10);
    clock.advance(SECOND * 4);
    assert_eq!((&mut wait).now_or_never(), None);
    clock.advance(SECOND);
    assert_eq!((&mut wait).now_or_never(), Some(()));
}

#[test]
fn a_wait_without_end_has_no_timer() {
    let clock = VirtualClock::new();
    let mut wait = clock.sleep_until(Timestamp::MAX);
    assert_eq!((&mut wait).now_or_never(), None);
    assert_eq!(clock.next_timer_in(), None);
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
#[should_panic(expected = "a loop spins")]
fn a_loop_that_spins_is_found() {
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
    assert_eq!(other.request(), of_the_file, "another run does not take back what was reported");
}

#[test]
fn a_raised_level_ends_the_wait_for_it() {
    let stop = ScriptedStop::alone();
    let raise = async { stop.raise(StopLevel::Draining, StopCause::StopFile) };
    let (request, ()) = block_on(join(stop.raised_above(StopLevel::Running), raise));
    assert_eq!(request.level, StopLevel::Draining);
    assert_eq!(stop.raised_above(StopLevel::Draining).now_or_never(), None);
}

#[test]
fn a_gate_is_shut_while_it_has_a_reason() {
    let gate = ScriptedGate::new();
    assert_eq!(gate.pressure(), None);
    gate.shut("disk");
    let disk = Some(BackPressure { reason: "disk".into() });
    assert_eq!((gate.pressure(), gate.changed_from(None).now_or_never()), (disk.clone(), Some(())));
    let open = async { gate.open("disk") };
    block_on(join(gate.changed_from(disk), open));
    assert_eq!(gate.pressure(), None);
}

fn attempt_on(item: u64, number: u32) -> Attempt {
    Attempt {
        token: ClaimToken { item: ItemId::new(item), number: ClaimNumber::FIRST },
        run: RunId::new("run"),
        file_path: FilePath::new(format!("/{item}")).expect("it is valid"),
        round: 1,
        follows_completion: false,
        number: AttemptNumber::new(number).expect("attempts are counted from 1"),
        max_attempts: 4,
        timeout: SECOND * 10,
    }
}

fn attempt(number: u32) -> Attempt {
    attempt_on(1, number)
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
fn attempts_follow_their_script() {
    assert_eq!(play(SECOND * 3, 1, None), (AttemptOutcome::Exited { code: 1 }, SECOND * 3));
    assert_eq!(play(SECOND * 3, 2, None), (AttemptOutcome::Succeeded, SECOND * 3));
    assert_eq!(play(SECOND * 3, 7, None), (AttemptOutcome::Succeeded, SECOND * 3), "the last one is repeated");
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

fn takes_a_second(clock: &VirtualClock) -> ScriptedOrchestrator {
    let script = vec![ScriptedAttempt { takes: SECOND, outcome: Some(AttemptOutcome::Succeeded) }];
    let scripts = (1..4).map(|item| (attempt_on(item, 1).file_path, script.clone())).collect();
    ScriptedOrchestrator::new(clock.clone(), scripts).with_prefetch(2)
}

#[test]
fn a_prefetching_orchestrator_begins_attempts_in_turn() {
    let clock = VirtualClock::new();
    let fingerprint = Fingerprint { size: 3, modified_ns: 4 };
    let orchestrator =
        takes_a_second(&clock).with_fingerprints(HashMap::from([(attempt_on(2, 1).file_path, fingerprint)]));
    assert_eq!(orchestrator.capacity(1), 3);
    let mut attempts = [1, 2].map(|item| orchestrator.start(attempt_on(item, 1), Arc::new(ScriptedStop::alone())));
    let started = attempts[0].next().now_or_never().flatten();
    assert!(matches!(started, Some(AttemptProgress::Started { fingerprint: None })), "{started:?}");
    assert!(attempts[0].next().now_or_never().is_none());
    assert!(attempts[1].next().now_or_never().is_none(), "one is at work");
    clock.advance(SECOND);
    let ended = attempts[0].next().now_or_never().flatten();
    assert!(matches!(ended, Some(AttemptProgress::Ended(_))), "{ended:?}");
    let started = attempts[1].next().now_or_never().flatten();
    assert!(matches!(started, Some(AttemptProgress::Started { fingerprint: Some(found) }) if found == fingerprint));
    assert!(matches!(attempts[0].next().now_or_never(), Some(None)), "nothing follows the end");
}

#[test]
fn a_prefetching_orchestrator_gives_back_what_is_recalled_and_what_is_aborted() {
    let clock = VirtualClock::new();
    let orchestrator = takes_a_second(&clock);
    assert_eq!(orchestrator.capacity(1), 3);
    let stops = [(); 3].map(|()| Arc::new(ScriptedStop::alone()));
    let mut attempts = [0, 1, 2].map(|index| orchestrator.start(attempt_on(index as u64 + 1, 1), stops[index].clone()));
    assert!(matches!(attempts[0].next().now_or_never(), Some(Some(AttemptProgress::Started { .. }))));
    assert!(attempts[0].next().now_or_never().is_none());
    assert!(attempts[1].next().now_or_never().is_none());
    stops[2].raise(StopLevel::Aborting, StopCause::Interrupt);
    assert!(matches!(attempts[2].next().now_or_never(), Some(Some(AttemptProgress::NotStarted))));
    orchestrator.recall();
    assert!(matches!(attempts[1].next().now_or_never(), Some(Some(AttemptProgress::NotStarted))));
    assert_eq!(orchestrator.records().len(), 1, "what did not begin is no attempt");
}
