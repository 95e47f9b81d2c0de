//! A run with mocks for ports: what they answer unless a test says otherwise.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::command::{ExchangeRequest, Settlement, Verdict};
use autoproc_domain::item::{ClaimNumber, ClaimToken};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, LiveRun, MockClock, MockOrchestrator, MockStopSignal, MockStorage,
    Observer, OpenGate, Orchestrator, OrchestratorError, RunEventKind, RunInfo, StartGate, StopCause, StopLevel,
    StopRequest, StopSignal, StopSignalError, StorageError, Unproven,
};
use autoproc_domain::processor::{Ports, ProcessorError, RunConfig};
use autoproc_domain::view::{Counts, Exchanged};
use autoproc_domain::{
    AutonomousProcessor, FilePath, ItemId, Priority, ProcessingResult, QueueItem, RetryPolicy, RunId, Timestamp,
};
use autoproc_testkit::{RecordingObserver, ScriptedOrchestrator, ScriptedStop, block_on};

const RUN: &str = "run";

/// An empty store that knows of no dead runs and lets runs come and go.
pub(crate) fn storage() -> MockStorage {
    let mut storage = without_dead_runs();
    storage.expect_counts().returning(|| Ok(Counts::default()));
    storage
}

/// The same; what is in it is the test's to say.
pub(crate) fn without_dead_runs() -> MockStorage {
    let mut storage = open_to_runs();
    storage.expect_dead_runs().returning(|| Ok(Vec::new()));
    storage.expect_recover().returning(|_, _| Ok(Vec::new()));
    storage
}

/// The same; also which dead runs it knows of is the test's to say.
pub(crate) fn open_to_runs() -> MockStorage {
    let mut storage = MockStorage::new();
    storage.expect_begin_run().returning(|_| Ok(Vec::new()));
    storage.expect_changed().returning(|| ());
    storage
}

/// Ends well, with nobody left.
pub(crate) fn ending(mut storage: MockStorage) -> MockStorage {
    storage.expect_end_run().times(1).returning(|_| Ok(Vec::new()));
    storage
}

/// Answers to exchanges, in order; each says what it must be asked.
pub(crate) type Answer = fn(&ExchangeRequest) -> Result<Exchanged, StorageError>;

pub(crate) fn answering(mut storage: MockStorage, answers: &'static [Answer]) -> MockStorage {
    let next = AtomicUsize::new(0);
    storage.expect_exchange().times(answers.len()).returning(move |request, _| {
        let answer = answers[next.fetch_add(1, Ordering::Relaxed)];
        answer(&request)
    });
    storage
}

pub(crate) fn exchanged(claims: &[u64], pending: usize) -> Exchanged {
    let claims = claims.iter().map(|id| (token(*id), item(*id))).collect();
    let counts = Counts { pending, ..Counts::default() };
    Exchanged { claims, stale: Vec::new(), next_due: None, counts }
}

pub(crate) fn token(id: u64) -> ClaimToken {
    ClaimToken { item: ItemId::new(id), number: ClaimNumber::new(id) }
}

pub(crate) fn item(id: u64) -> QueueItem {
    let path = FilePath::new(format!("/{id}")).unwrap();
    let added = QueueItem::added(ItemId::new(id), path, Priority::default(), Timestamp::from_micros(0));
    QueueItem { attempts: 1, ..added }
}

pub(crate) fn completed(id: u64) -> Settlement {
    Settlement { token: token(id), verdict: Verdict::Complete }
}

pub(crate) fn busy() -> Result<Exchanged, StorageError> {
    Err(StorageError::Busy { holder: "somebody".to_owned() })
}

pub(crate) fn full() -> Result<Exchanged, StorageError> {
    Err(StorageError::Full(io::ErrorKind::StorageFull.into()))
}

pub(crate) fn damaged() -> Result<Exchanged, StorageError> {
    Err(StorageError::Damaged { place: "the queue".to_owned(), detail: "a line".to_owned() })
}

pub(crate) fn other_run() -> LiveRun {
    let timeout = Duration::from_secs(300);
    let started_at = Timestamp::from_micros(0);
    let info = RunInfo { id: RunId::new("other"), started_at, jobs: 1, max_attempts: 4, timeout };
    LiveRun { info, owner: "somebody".to_owned() }
}

/// A clock that stands still but for those who wait for it.
pub(crate) fn clock() -> MockClock {
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
pub(crate) fn succeeding(attempts: usize) -> MockOrchestrator {
    let mut orchestrator = MockOrchestrator::new();
    let report = || AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO);
    orchestrator.expect_execute().times(attempts).returning(move |_, _| Ok(report()));
    orchestrator
}

/// How a run ended, and what it told.
pub(crate) type Ran = (Result<ProcessingResult, ProcessorError>, Vec<RunEventKind>);

/// Runs to the end and tells what was told.
pub(crate) fn run(
    storage: MockStorage,
    orchestrator: impl Orchestrator + 'static,
    stop: impl StopSignal + 'static,
) -> Ran {
    run_behind(OpenGate, true, storage, orchestrator, stop)
}

/// The same behind a gate, waiting for backoffs or not.
pub(crate) fn run_behind(
    gate: impl StartGate + 'static,
    wait_for_backoff: bool,
    storage: MockStorage,
    orchestrator: impl Orchestrator + 'static,
    stop: impl StopSignal + 'static,
) -> Ran {
    let ports = |observer| Ports {
        storage: Arc::new(storage),
        clock: Arc::new(clock()),
        orchestrator: Arc::new(orchestrator),
        stop: Arc::new(stop),
        gate: Arc::new(gate),
        observer,
    };
    run_as(RunConfig { wait_for_backoff, ..config() }, ports)
}

/// Runs as it is configured, over ports that tell an observer.
pub(crate) fn run_as(config: RunConfig, ports: impl FnOnce(Arc<dyn Observer>) -> Ports) -> Ran {
    let observer = Arc::new(RecordingObserver::new());
    let outcome = block_on(AutonomousProcessor::new(ports(observer.clone()), config).run());
    (outcome, observer.kinds())
}

/// Two jobs, four attempts a file.
pub(crate) fn config() -> RunConfig {
    RunConfig {
        run: RunId::new(RUN),
        jobs: NonZeroUsize::new(2).unwrap(),
        timeout: Duration::from_secs(300),
        retry: RetryPolicy::default(),
        wait_for_backoff: true,
        halt: None,
    }
}

pub(crate) fn troubles(told: &[RunEventKind]) -> usize {
    told.iter().filter(|kind| matches!(kind, RunEventKind::StorageTrouble { .. })).count()
}

/// An orchestrator that the test keeps a hand on.
pub(crate) struct Shared(pub(crate) Arc<ScriptedOrchestrator>);

#[async_trait]
impl Orchestrator for Shared {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
        self.0.execute(attempt, stop).await
    }

    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        self.0.sweep(dead).await
    }
}

/// A stop signal that is raised once the run has begun, and must be cleared so often.
pub(crate) fn raised_later(clearances: usize) -> MockStopSignal {
    let asked = AtomicUsize::new(0);
    let draining = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) };
    let mut stop = MockStopSignal::new();
    let is_first = move || asked.fetch_add(1, Ordering::Relaxed) == 0;
    stop.expect_request().returning(move || if is_first() { StopRequest::NONE } else { draining });
    stop.expect_raised_above().returning(move |_| draining);
    stop.expect_clear().times(clearances).returning(|| Ok(true));
    stop
}

/// A stop signal that the test keeps a hand on.
pub(crate) struct Heard(pub(crate) Arc<ScriptedStop>);

#[async_trait]
impl StopSignal for Heard {
    fn request(&self) -> StopRequest {
        self.0.request()
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        self.0.raised_above(level).await
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        self.0.clear().await
    }
}
