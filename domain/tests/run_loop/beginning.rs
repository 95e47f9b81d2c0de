use autoproc_domain::RunConfig;
use autoproc_domain::ports::{Begun, RunEventKind, StopCause, StopLevel, StopSignalError, StorageError};
use autoproc_domain::recovery::Recovery;
use autoproc_domain::run::{Action, Input, ProcessorError};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::Counts;

use super::fixture::{Run, busy, damaged, other_run};

fn registering() -> Run {
    let mut run = Run::new(RunConfig::default());
    run.feed(Input::Begin);
    assert!(matches!(run.actions()[..], [Action::Count(_)]));
    run.feed(Input::Counted(Ok(Counts::default())));
    assert!(matches!(run.actions()[..], [Action::Register(_)]));
    run
}

#[test]
fn a_run_registers_recovers_and_then_claims() {
    let mut run = registering();
    run.feed(Input::Registered(Ok(Begun::without_lease(vec![other_run()]))));
    assert!(matches!(run.actions()[..], [Action::Recover]));
    assert!(matches!(run.events[..], [RunEventKind::ProcessorStarted { jobs: 2, .. }]));
    run.feed(Input::Recovered(Ok(Recovery::default())));
    assert_eq!(run.exchange().limit, 2);
}

#[test]
fn a_queue_that_cannot_be_read_is_not_begun_on() {
    let mut run = Run::new(RunConfig::default());
    run.feed(Input::Begin).actions();
    run.feed(Input::Counted(Err(damaged())));
    let actions = run.actions();
    let [Action::End(Err(ProcessorError::Storage(StorageError::Damaged { .. })))] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert!(run.events.is_empty());
}

#[test]
fn a_stop_request_that_no_run_saw_is_removed() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new()))));
    assert!(matches!(run.actions()[..], [Action::ClearStop]));
    run.feed(Input::StopCleared(Ok(true)));
    assert!(matches!(run.events[..], [RunEventKind::StopSignalCleared, RunEventKind::ProcessorStarted { .. }]));
    assert!(matches!(run.actions()[..], [Action::Recover]));
}

#[test]
fn a_signal_from_the_beginning_is_obeyed() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::Interrupt);
    run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new())))).actions();
    run.stop(StopLevel::Draining, StopCause::Interrupt);
    run.feed(Input::StopCleared(Ok(false)));
    run.feed(Input::Recovered(Ok(Recovery::default())));
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::StopRequested { .. })), 1);
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::Request(StopCause::Interrupt));
}

#[test]
fn a_run_does_not_begin_while_others_are_stopping() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    run.feed(Input::Registered(Ok(Begun::without_lease(vec![other_run()]))));
    assert!(matches!(run.actions()[..], [Action::Deregister]));
    run.feed(Input::Deregistered(Ok(vec![other_run()])));
    let actions = run.actions();
    let [Action::End(Err(ProcessorError::StillStopping { runs }))] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((runs, run.events.len()), (&vec![other_run()], 0));
}

#[test]
fn a_run_that_is_interrupted_while_another_is_live_ends_without_a_file() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::Interrupt);
    run.feed(Input::Registered(Ok(Begun::without_lease(vec![other_run()]))));
    assert!(matches!(run.actions()[..], [Action::Recover]));
    run.feed(Input::Recovered(Ok(Recovery::default())));
    assert_eq!(run.outcome().unwrap().stopped_by, StoppedBy::Request(StopCause::Interrupt));
}

#[test]
fn a_run_that_did_not_begin_and_outlives_the_others_removes_the_request() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    run.feed(Input::Registered(Ok(Begun::without_lease(vec![other_run()])))).actions();
    run.feed(Input::Deregistered(Ok(Vec::new())));
    assert!(matches!(run.actions()[..], [Action::ClearStop]));
    run.feed(Input::StopCleared(Ok(true)));
    assert!(matches!(run.actions()[..], [Action::End(Err(ProcessorError::StillStopping { .. }))]));
    assert_eq!(run.events, [RunEventKind::StopSignalCleared]);
}

#[test]
fn a_run_that_did_not_begin_reports_why_whatever_its_end_comes_to() {
    for (error, troubles) in [(damaged(), 0), (busy(), 1)] {
        let mut run = registering();
        run.stop(StopLevel::Draining, StopCause::StopFile);
        run.feed(Input::Registered(Ok(Begun::without_lease(vec![other_run()])))).actions();
        run.feed(Input::Deregistered(Err(error)));
        assert!(matches!(run.actions()[..], [Action::End(Err(ProcessorError::StillStopping { .. }))]));
        assert_eq!(run.troubles(), troubles);
    }
}

#[test]
fn a_request_that_cannot_be_removed_keeps_a_run_from_beginning() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new())))).actions();
    let refused = || StopSignalError(std::io::ErrorKind::PermissionDenied.into());
    run.feed(Input::StopCleared(Err(refused())));
    assert!(matches!(run.actions()[..], [Action::Deregister]));
    run.feed(Input::Deregistered(Ok(Vec::new()))).actions();
    run.feed(Input::StopCleared(Err(refused())));
    assert!(matches!(run.actions()[..], [Action::End(Err(ProcessorError::StopSignal(_)))]));
    assert!(run.events.is_empty());
}

#[test]
fn a_recovery_that_meets_a_locked_store_is_made_again() {
    let mut run = registering();
    run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new())))).actions();
    run.feed(Input::Recovered(Err(busy())));
    assert!(run.actions().is_empty());
    let wakeup = run.wakeup.at.unwrap();
    run.now = wakeup;
    run.feed(Input::Woken);
    assert!(matches!(run.actions()[..], [Action::Recover]));
}

#[test]
fn a_stop_that_comes_while_the_old_request_is_removed_counts() {
    let mut run = registering();
    run.stop(StopLevel::Draining, StopCause::StopFile);
    run.feed(Input::Registered(Ok(Begun::without_lease(Vec::new())))).actions();
    run.stop(StopLevel::Draining, StopCause::Terminate);
    run.feed(Input::StopCleared(Ok(true))).actions();
    run.feed(Input::Recovered(Ok(Recovery::default())));
    let result = run.outcome().unwrap();
    assert_eq!((result.stopped_by, result.processed), (StoppedBy::Request(StopCause::Terminate), 0));
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::StopRequested { .. })), 1);
}
