//! What the loop does when a port says no, one answer at a time.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod limits;
mod reserve;
mod stage;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{
    AttemptOutcome, AttemptReport, LiveRun, MockOrchestrator, MockStopSignal, MockStorage, OrchestratorError,
    RunEventKind, StopCause, StopLevel, StopRequest, StopSignalError, StorageError,
};
use autoproc_domain::processor::{ProcessorError, StoppedBy};
use autoproc_domain::view::{Counts, Exchanged};
use autoproc_testkit::{AttemptEnd, Jitter, Random, ScriptedOrchestrator, ScriptedStop, VirtualClock};

use stage::{
    Ran, Shared, answering, busy, completed, damaged, ending, exchanged, full, other_run, raised_later, run, storage,
    succeeding, token, troubles,
};

#[test]
fn a_locked_store_is_asked_again() {
    let storage = answering(
        ending(storage()),
        &[
            |_| busy(),
            |request| {
                assert_eq!(request.limit, 2);
                Ok(exchanged(&[1], 0))
            },
            |_| busy(),
            |request| {
                assert_eq!(request.settlements, [completed(1)]);
                Ok(exchanged(&[], 0))
            },
        ],
    );
    let (outcome, told) = run(storage, succeeding(1), ScriptedStop::alone());
    let result = outcome.unwrap();
    assert_eq!((result.processed, result.stopped_by), (1, StoppedBy::QueueEmpty));
    assert_eq!(troubles(&told), 2);
}

#[test]
fn a_full_store_takes_results_and_no_claims() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1], 5)),
            |_| full(),
            |request| {
                assert_eq!((request.limit, &request.settlements[..]), (0, &[completed(1)][..]));
                Ok(exchanged(&[], 5))
            },
        ],
    );
    let (outcome, told) = run(storage, succeeding(1), ScriptedStop::alone());
    let result = outcome.unwrap();
    assert_eq!((result.processed, result.remaining, result.stopped_by), (1, 5, StoppedBy::StorageFull));
    assert_eq!(troubles(&told), 1);
}

#[test]
fn a_store_too_full_for_results_ends_the_run() {
    let storage = answering(ending(storage()), &[|_| Ok(exchanged(&[1], 5)), |_| full(), |_| full()]);
    let (outcome, _) = run(storage, succeeding(1), ScriptedStop::alone());
    assert!(matches!(outcome, Err(ProcessorError::Storage(StorageError::Full(_)))), "{outcome:?}");
}

/// Where one attempt ends before the other, the store fails while that one still runs; it is seen to its end all the same.
#[test]
fn a_damaged_store_ends_the_run_after_its_attempts() {
    for seed in 0..50 {
        let storage = answering(ending(storage()), &[|_| Ok(exchanged(&[1, 2], 5)), |_| damaged()]);
        let jitter = Arc::new(Jitter::from(Random::new(seed)));
        let orchestrator = ScriptedOrchestrator::new(VirtualClock::new(), HashMap::new()).with_jitter(jitter);
        let orchestrator = Arc::new(orchestrator);
        let (outcome, told) = run(storage, Shared(orchestrator.clone()), ScriptedStop::alone());
        assert!(matches!(outcome, Err(ProcessorError::Storage(StorageError::Damaged { .. }))), "{outcome:?}");
        let Some(RunEventKind::ProcessorStopped { result }) = told.last() else { panic!("{told:?}") };
        assert_eq!((result.processed, result.stopped_by), (0, StoppedBy::Error));
        for record in orchestrator.records() {
            let end = record.over.as_ref().map(|(_, end)| end);
            assert_eq!(end, Some(&AttemptEnd::Reported(AttemptOutcome::Succeeded)), "{record:?}");
        }
    }
}

#[test]
fn a_run_does_not_begin_while_others_are_stopping() {
    let mut storage = MockStorage::new();
    storage.expect_counts().returning(|| Ok(Counts::default()));
    storage.expect_begin_run().returning(|_| Ok(vec![other_run()]));
    storage.expect_end_run().times(1).returning(|_| Ok(vec![other_run()]));
    let stop = ScriptedStop::alone();
    stop.raise(StopLevel::Draining, StopCause::StopFile);
    let (outcome, told) = run(storage, succeeding(0), stop);
    let Err(ProcessorError::StillStopping { runs }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((runs, told), (vec![other_run()], vec![]));
}

/// A run that finds others stopping, which have ended by the time that it ends itself.
fn refused(last: impl Fn() -> Result<Vec<LiveRun>, StorageError> + Send + 'static, clears: MockStopSignal) -> Ran {
    let mut storage = MockStorage::new();
    storage.expect_counts().returning(|| Ok(Counts::default()));
    storage.expect_begin_run().returning(|_| Ok(vec![other_run()]));
    storage.expect_end_run().times(1).returning(move |_| last());
    run(storage, succeeding(0), clears)
}

fn draining() -> MockStopSignal {
    let mut stop = MockStopSignal::new();
    stop.expect_request().returning(|| StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) });
    stop
}

/// The others saw this one alive as they ended, and left the request to it.
#[test]
fn a_run_that_does_not_begin_and_outlives_the_others_clears_the_request() {
    let mut stop = draining();
    stop.expect_clear().times(1).returning(|| Ok(true));
    let (outcome, told) = refused(|| Ok(Vec::new()), stop);
    assert!(matches!(outcome, Err(ProcessorError::StillStopping { .. })), "{outcome:?}");
    assert_eq!(told, [RunEventKind::StopSignalCleared]);
}

#[test]
fn a_run_that_does_not_begin_says_why_whatever_its_end_comes_to() {
    let broken = || StorageError::Damaged { place: "the queue".to_owned(), detail: "a line".to_owned() };
    let (outcome, _) = refused(move || Err(broken()), draining());
    assert!(matches!(outcome, Err(ProcessorError::StillStopping { .. })), "{outcome:?}");
    let (outcome, told) = refused(|| Err(StorageError::Busy { holder: "somebody".to_owned() }), draining());
    assert!(matches!(outcome, Err(ProcessorError::StillStopping { .. })), "{outcome:?}");
    assert_eq!(troubles(&told), 1);
    let mut stop = draining();
    stop.expect_clear().times(1).returning(|| Err(StopSignalError(io::ErrorKind::PermissionDenied.into())));
    let (outcome, _) = refused(|| Ok(Vec::new()), stop);
    assert!(matches!(outcome, Err(ProcessorError::StillStopping { .. })), "{outcome:?}");
}

#[test]
fn a_stop_request_that_nobody_saw_is_cleared() {
    let storage = answering(ending(storage()), &[|_| Ok(exchanged(&[], 0))]);
    let stop = ScriptedStop::alone();
    stop.raise(StopLevel::Draining, StopCause::StopFile);
    let (outcome, told) = run(storage, succeeding(0), stop);
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::QueueEmpty);
    assert_eq!(told.first(), Some(&RunEventKind::StopSignalCleared));
}

#[test]
fn the_last_run_to_stop_clears_the_request() {
    let (outcome, told) = run(ending(storage()), succeeding(0), raised_later(1));
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::Request(StopCause::StopFile));
    let cleared = told.iter().filter(|kind| **kind == RunEventKind::StopSignalCleared).count();
    assert_eq!(cleared, 1);
}

#[test]
fn a_run_that_others_outlive_leaves_the_request() {
    let mut storage = storage();
    storage.expect_end_run().times(1).returning(|_| Ok(vec![other_run()]));
    let (outcome, _) = run(storage, succeeding(0), raised_later(0));
    assert_eq!(outcome.unwrap().stop_level, StopLevel::Draining);
}

#[test]
fn a_request_that_cannot_be_cleared_keeps_the_run_from_beginning() {
    let mut stop = MockStopSignal::new();
    let draining = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) };
    stop.expect_request().returning(move || draining);
    stop.expect_clear().returning(|| Err(StopSignalError(io::ErrorKind::PermissionDenied.into())));
    let (outcome, told) = run(ending(storage()), succeeding(0), stop);
    assert!(matches!(outcome, Err(ProcessorError::StopSignal(_))), "{outcome:?}");
    assert_eq!(told, []);
}

#[test]
fn an_attempt_out_of_sight_ends_the_run_after_the_others() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 5)),
            |request| {
                assert_eq!((request.limit, &request.settlements[..]), (0, &[completed(2)][..]));
                Ok(exchanged(&[], 5))
            },
        ],
    );
    let mut orchestrator = MockOrchestrator::new();
    orchestrator.expect_execute().times(2).returning(|attempt, _| {
        if attempt.token == token(1) {
            let source = io::Error::other("no child process");
            return Err(OrchestratorError { file_path: attempt.file_path, source });
        }
        Ok(AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO))
    });
    let (outcome, told) = run(storage, orchestrator, ScriptedStop::alone());
    assert!(matches!(outcome, Err(ProcessorError::Orchestrator(_))), "{outcome:?}");
    let completed = told.iter().filter(|kind| matches!(kind, RunEventKind::FileCompleted { .. })).count();
    assert_eq!(completed, 1);
}

/// The claim was recovered by another run, which thought this one dead: its result must not be told.
#[test]
fn a_result_under_a_stale_claim_counts_for_nothing() {
    let storage = answering(
        ending(storage()),
        &[|_| Ok(exchanged(&[1], 0)), |_| Ok(Exchanged { stale: vec![token(1)], ..exchanged(&[], 0) })],
    );
    let (outcome, told) = run(storage, succeeding(1), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().processed, 0);
    assert!(told.iter().any(|kind| matches!(kind, RunEventKind::ResultDiscarded { .. })), "{told:?}");
}
