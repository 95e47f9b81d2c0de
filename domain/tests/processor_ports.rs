//! What the loop does when a port says no, one answer at a time.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::command::{ExchangeRequest, Settlement, Verdict};
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::ports::{
    AttemptOutcome, AttemptReport, LiveRun, MockClock, MockOrchestrator, MockStopSignal, MockStorage,
    OrchestratorError, RunEventKind, RunInfo, StopCause, StopLevel, StopRequest, StopSignal, StopSignalError,
    StorageError,
};
use autoproc_domain::processor::{Ports, ProcessorError, RunConfig, StoppedBy};
use autoproc_domain::view::{Counts, Exchanged};
use autoproc_domain::{
    AutonomousProcessor, FilePath, ItemId, Priority, ProcessingResult, QueueItem, RetryPolicy, RunId, Timestamp,
};
use autoproc_testkit::{RecordingObserver, ScriptedStop, block_on};

const RUN: &str = "run";

/// A store that knows of no dead runs and lets runs come and go.
fn storage() -> MockStorage {
    let mut storage = MockStorage::new();
    storage.expect_begin_run().returning(|_| Ok(Vec::new()));
    storage.expect_counts().returning(|| Ok(Counts::default()));
    storage.expect_dead_runs().returning(|| Ok(Vec::new()));
    storage.expect_changed().returning(|| ());
    storage
}

/// Ends well, with nobody left.
fn ending(mut storage: MockStorage) -> MockStorage {
    storage.expect_end_run().times(1).returning(|_| Ok(Vec::new()));
    storage
}

/// Answers to exchanges, in order; each says what it must be asked.
type Answer = fn(&ExchangeRequest) -> Result<Exchanged, StorageError>;

fn answering(mut storage: MockStorage, answers: &'static [Answer]) -> MockStorage {
    let next = AtomicUsize::new(0);
    storage.expect_exchange().times(answers.len()).returning(move |request, _| {
        let answer = answers[next.fetch_add(1, Ordering::Relaxed)];
        answer(&request)
    });
    storage
}

fn exchanged(claims: &[u64], pending: usize) -> Exchanged {
    let claims = claims.iter().map(|id| (token(*id), item(*id))).collect();
    let counts = Counts { pending, ..Counts::default() };
    Exchanged { claims, stale: Vec::new(), next_due: None, counts }
}

fn token(id: u64) -> ClaimToken {
    ClaimToken { item: ItemId::new(id), number: ClaimNumber::new(id) }
}

fn item(id: u64) -> QueueItem {
    let path = FilePath::new(format!("/{id}")).unwrap();
    let added = QueueItem::added(ItemId::new(id), path, Priority::default(), Timestamp::from_micros(0));
    QueueItem { attempts: 1, ..added }
}

fn completed(id: u64) -> Settlement {
    Settlement { token: token(id), verdict: Verdict::Complete }
}

fn busy() -> Result<Exchanged, StorageError> {
    Err(StorageError::Busy { holder: "somebody".to_owned() })
}

fn full() -> Result<Exchanged, StorageError> {
    Err(StorageError::Full(io::ErrorKind::StorageFull.into()))
}

fn damaged() -> Result<Exchanged, StorageError> {
    Err(StorageError::Damaged { place: "the queue".to_owned(), detail: "a line".to_owned() })
}

fn other_run() -> LiveRun {
    let timeout = Duration::from_secs(300);
    let started_at = Timestamp::from_micros(0);
    let info = RunInfo { id: RunId::new("other"), started_at, jobs: 1, max_attempts: 4, timeout };
    LiveRun { info, owner: "somebody".to_owned() }
}

/// A clock that stands still but for those who wait for it.
fn clock() -> MockClock {
    let now = Arc::new(Mutex::new(Timestamp::from_micros(0)));
    let reached = now.clone();
    let mut clock = MockClock::new();
    clock.expect_now().returning(move || *now.lock().unwrap());
    clock.expect_sleep_until().returning(move |deadline| {
        let mut now = reached.lock().unwrap();
        *now = deadline.max(*now);
    });
    clock
}

/// Every attempt succeeds at once; there must be so many.
fn succeeding(attempts: usize) -> MockOrchestrator {
    let mut orchestrator = MockOrchestrator::new();
    let report = || AttemptReport { outcome: AttemptOutcome::Succeeded, elapsed: Duration::ZERO };
    orchestrator.expect_execute().times(attempts).returning(move |_, _| Ok(report()));
    orchestrator
}

/// Runs to the end and tells what was told.
fn run(
    storage: MockStorage,
    orchestrator: MockOrchestrator,
    stop: impl StopSignal + 'static,
) -> (Result<ProcessingResult, ProcessorError>, Vec<RunEventKind>) {
    let observer = Arc::new(RecordingObserver::new());
    let ports = Ports {
        storage: Arc::new(storage),
        clock: Arc::new(clock()),
        orchestrator: Arc::new(orchestrator),
        stop: Arc::new(stop),
        observer: observer.clone(),
    };
    let config = RunConfig {
        run: RunId::new(RUN),
        jobs: NonZeroUsize::new(2).unwrap(),
        timeout: Duration::from_secs(300),
        retry: RetryPolicy::default(),
        wait_for_backoff: true,
    };
    let outcome = block_on(AutonomousProcessor::new(ports, config).run());
    (outcome, observer.kinds())
}

fn troubles(told: &[RunEventKind]) -> usize {
    told.iter().filter(|kind| matches!(kind, RunEventKind::StorageTrouble { .. })).count()
}

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

/// Of two attempts the first ends at once; the second only when the store has failed, and is seen to its end all the same.
#[test]
fn a_damaged_store_ends_the_run_after_its_attempts() {
    let storage = answering(ending(storage()), &[|_| Ok(exchanged(&[1, 2], 5)), |_| damaged()]);
    let (outcome, told) = run(storage, succeeding(2), ScriptedStop::alone());
    assert!(matches!(outcome, Err(ProcessorError::Storage(StorageError::Damaged { .. }))), "{outcome:?}");
    let Some(RunEventKind::ProcessorStopped { result }) = told.last() else { panic!("{told:?}") };
    assert_eq!((result.processed, result.stopped_by), (0, StoppedBy::Error));
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

#[test]
fn a_stop_request_that_nobody_saw_is_cleared() {
    let storage = answering(ending(storage()), &[|_| Ok(exchanged(&[], 0))]);
    let stop = ScriptedStop::alone();
    stop.raise(StopLevel::Draining, StopCause::StopFile);
    let (outcome, told) = run(storage, succeeding(0), stop);
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::QueueEmpty);
    assert_eq!(told.first(), Some(&RunEventKind::StopSignalCleared));
}

/// A stop signal that is raised once the run has begun, and must be cleared so often.
fn raised_later(clearances: usize) -> MockStopSignal {
    let asked = AtomicUsize::new(0);
    let draining = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) };
    let mut stop = MockStopSignal::new();
    let is_first = move || asked.fetch_add(1, Ordering::Relaxed) == 0;
    stop.expect_request().returning(move || if is_first() { StopRequest::NONE } else { draining });
    stop.expect_raised_above().returning(move |_| draining);
    stop.expect_clear().times(clearances).returning(|| Ok(true));
    stop
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
    stop.expect_clear().times(1).returning(|| Err(StopSignalError(io::ErrorKind::PermissionDenied.into())));
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
        Ok(AttemptReport { outcome: AttemptOutcome::Succeeded, elapsed: Duration::ZERO })
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
