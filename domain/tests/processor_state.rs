//! Tests the state of the processor.

use std::collections::BTreeSet;
use std::time::Duration;

use autoproc_domain::attempt::AttemptRef;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{Resumption, RunEvent, RunEventKind};
use autoproc_domain::run::ProcessorStatus;
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::stop::{StopCause, StopLevel};
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, ProcessingResult, ProcessorState, RunId, Timestamp};

fn of(id: u64) -> AttemptRef {
    let file_path = FilePath::new(format!("/in/{id}")).expect("an absolute path");
    AttemptRef { id: ItemId::new(id), file_path, round: 1, attempt: AttemptNumber::FIRST, claim: None }
}

fn started(id: u64) -> RunEventKind {
    RunEventKind::FileStarted { of: of(id), size_bytes: None, recipe: None }
}

fn begun() -> RunEventKind {
    RunEventKind::ProcessorStarted { jobs: 2, counts: Counts::default() }
}

fn completed(id: u64) -> RunEventKind {
    RunEventKind::FileCompleted { of: of(id), elapsed: Duration::ZERO, usage: None, input_changed: false }
}

fn requeued(id: u64) -> RunEventKind {
    let (elapsed, backoff) = (Duration::ZERO, Duration::ZERO);
    RunEventKind::FileRequeued { of: of(id), elapsed, usage: None, input_changed: false, backoff, error: "x".into() }
}

fn failed(id: u64) -> RunEventKind {
    RunEventKind::FileFailed {
        of: of(id),
        elapsed: Duration::ZERO,
        usage: None,
        input_changed: false,
        error: "x".into(),
    }
}

fn timed_out(id: u64) -> RunEventKind {
    RunEventKind::FileTimeout {
        of: of(id),
        elapsed: Duration::ZERO,
        usage: None,
        input_changed: false,
        error: "x".into(),
    }
}

fn recovered(requeued: bool, in_scope: bool) -> RunEventKind {
    RunEventKind::FileRecovered { of: of(9), dead_run: RunId::new("dead"), requeued, cancelled: false, in_scope }
}

fn withheld(reason: &str) -> RunEventKind {
    RunEventKind::RecoveryWithheld { dead_run: RunId::new("dead"), reason: reason.into() }
}

fn ended(stopped_by: StoppedBy) -> RunEventKind {
    RunEventKind::ProcessorStopped { result: ProcessingResult::of_nothing(stopped_by) }
}

fn after(events: impl IntoIterator<Item = RunEventKind>) -> ProcessorState {
    let mut state = ProcessorState::default();
    for (micros, kind) in (1..).zip(events) {
        state.apply(&RunEvent { at: Timestamp::from_micros(micros), run: RunId::new("night"), kind });
    }
    state
}

fn current(state: &ProcessorState) -> Vec<(u64, i64)> {
    state.current_files.iter().map(|file| (file.id.get(), file.since.as_micros())).collect()
}

#[test]
fn files_are_current_from_their_start_to_their_end() {
    let state = after([begun(), started(1), started(2), started(3), completed(2)]);
    assert_eq!(current(&state), [(1, 2), (3, 4)]);
    assert_eq!((state.files_processed, state.files_failed), (1, 0));
    assert_eq!(state.updated_at, Some(Timestamp::from_micros(5)));
    let state = after([begun(), started(1), started(2), started(3), failed(1), timed_out(3), requeued(2)]);
    assert_eq!(current(&state), []);
    assert_eq!((state.files_processed, state.files_failed), (0, 2));
}

#[test]
fn a_new_run_replaces_the_state_of_the_previous_one() {
    let state = after([begun(), started(1), completed(1), ended(StoppedBy::QueueEmpty), begun()]);
    let at = Some(Timestamp::from_micros(5));
    let fresh = ProcessorState {
        status: ProcessorStatus::Running,
        run_id: Some(RunId::new("night")),
        started_at: at,
        updated_at: at,
        ..ProcessorState::default()
    };
    assert_eq!(state, fresh);
}

#[test]
fn only_recovered_files_of_the_scope_that_ended_count_as_failed() {
    for (requeued, in_scope, failed) in [(false, true, 1), (false, false, 0), (true, true, 0), (true, false, 0)] {
        let state = after([begun(), withheld("busy"), recovered(requeued, in_scope), recovered(requeued, in_scope)]);
        assert_eq!((state.files_failed, state.withheld.len()), (2 * failed, 0));
    }
}

#[test]
fn a_dead_run_is_withheld_once_with_its_latest_reason() {
    let other = RunEventKind::RecoveryWithheld { dead_run: RunId::new("other"), reason: "far away".into() };
    let state = after([begun(), withheld("busy"), other, withheld("stuck")]);
    let reasons: Vec<_> = state.withheld.iter().map(|left| (left.run.as_str(), &*left.reason)).collect();
    assert_eq!(reasons, [("other", "far away"), ("dead", "stuck")]);
}

#[test]
fn a_hold_and_a_stop_are_shown_until_they_are_over() {
    let held = || RunEventKind::StartsHeld { reason: "no disk".into(), probe_at: None };
    let stop = || RunEventKind::StopRequested { level: StopLevel::Draining, cause: StopCause::Interrupt };
    let state = after([begun(), held(), stop()]);
    assert_eq!(state.pressure.as_deref(), Some("no disk"));
    assert_eq!(state.stop.map(|stop| (stop.at.as_micros(), stop.level)), Some((3, StopLevel::Draining)));
    assert_eq!(after([begun(), held(), RunEventKind::StartsResumed { because: None }]).pressure, None);
    let state = after([begun(), started(1), held(), stop(), ended(StoppedBy::Request(StopCause::Interrupt))]);
    assert_eq!((state.pressure, state.stop, state.current_files), (None, None, Vec::new()));
    assert_eq!(state.stopped_at, Some(Timestamp::from_micros(5)));
}

#[test]
fn the_next_probe_is_known_while_starts_are_held() {
    let probe_at = Some(Timestamp::from_micros(30));
    let held = |probe_at| RunEventKind::StartsHeld { reason: "files in a row failed alike".into(), probe_at };
    assert_eq!(after([begun(), held(probe_at)]).probe_at, probe_at);
    assert_eq!(after([begun(), held(probe_at), held(None)]).probe_at, None);
    assert_eq!(after([begun(), held(probe_at), RunEventKind::StartsResumed { because: None }]).probe_at, None);
    assert_eq!(after([begun(), held(probe_at), ended(StoppedBy::FailingAlike)]).probe_at, None);
}

#[test]
fn a_run_without_work_is_completed_and_any_other_is_stopped() {
    for (by, status) in [
        (StoppedBy::QueueEmpty, ProcessorStatus::Completed),
        (StoppedBy::NothingDue, ProcessorStatus::Completed),
        (StoppedBy::Request(StopCause::StopFile), ProcessorStatus::Stopped),
        (StoppedBy::Deadline, ProcessorStatus::Stopped),
        (StoppedBy::Error, ProcessorStatus::Stopped),
    ] {
        assert_eq!(after([begun(), ended(by)]).status, status, "{}", by.word());
    }
}

/// State files and scripts contain these words.
#[test]
fn words_are_distinct_and_read_back() {
    for level in StopLevel::ALL {
        assert_eq!(StopLevel::from_word(level.word()), Some(level));
    }
    for cause in StopCause::ALL {
        assert_eq!(StopCause::from_word(cause.word()), Some(cause));
        assert_eq!(format!("{cause:>12}|"), format!("{:>12}|", cause.word()));
        assert_eq!(StoppedBy::from_word(cause.word()), Some(StoppedBy::Request(cause)));
    }
    let words = [
        "queue_empty",
        "nothing_due",
        "too_many_failed",
        "storage_full",
        "program_missing",
        "input_missing",
        "failing_alike",
        "deadline",
        "error",
    ];
    let reasons: BTreeSet<_> = words.iter().map(|word| StoppedBy::from_word(word).expect("a reason").word()).collect();
    assert_eq!(reasons, words.into());
    assert_eq!((StopLevel::from_word(""), StopCause::from_word("x"), StoppedBy::from_word("")), (None, None, None));
}

#[test]
fn events_about_a_file_name_its_attempt() {
    let discarded = RunEventKind::ResultDiscarded { of: of(1) };
    for mut kind in [started(1), completed(1), requeued(1), failed(1), timed_out(1), discarded] {
        assert_eq!(kind.attempt(), Some(&of(1)), "{}", kind.name());
        *kind.file_path_mut().expect("a path") = of(2).file_path;
        assert_eq!(kind.attempt().map(|of| &of.file_path), Some(&of(2).file_path), "{}", kind.name());
    }
    assert_eq!(recovered(true, true).attempt(), Some(&of(9)));
    assert_eq!((begun().attempt(), begun().file_path_mut()), (None, None));
    let mut resumed = RunEventKind::StartsResumed { because: Some(Resumption::Succeeded(of(1).file_path)) };
    *resumed.file_path_mut().expect("a path") = of(2).file_path;
    assert_eq!(resumed, RunEventKind::StartsResumed { because: Some(Resumption::Succeeded(of(2).file_path)) });
    assert_eq!(RunEventKind::StartsResumed { because: Some(Resumption::GivenUp) }.file_path_mut(), None);
}

#[test]
fn a_resumption_names_the_file_that_ended_the_hold() {
    let path = of(1).file_path;
    for resumption in [Resumption::Succeeded, Resumption::FailedOtherwise, Resumption::KeepsRunning] {
        assert_eq!(resumption(path.clone()).file_path(), Some(&path));
    }
    assert_eq!(Resumption::GivenUp.file_path(), None);
}
