//! Tests the driver of the run loop.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::{Claim, ClaimNumber, ClaimToken};
use autoproc_domain::memory::MemoryStorage;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, Begun, Clock, Lease, LeaseTerms, LostAttempt, MockClock, MockReaper,
    MockRuns, MockStopSignal, MockStorage, NeverStop, OpenGate, Orchestrator, RunEventKind, StopCause, StopLevel,
    StopRequest, StopSignal, Storage, StorageError, UnknownSizes,
};
use autoproc_domain::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, NewItem, RecoverRequest, Remove, Reprioritise, Requeue, Scope,
    Selector, Settlement, Verdict,
};
use autoproc_domain::run::{Ports, ProcessorError};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};
use autoproc_domain::{
    AutonomousProcessor, FilePath, ItemId, Priority, ProcessingResult, QueueItem, RunConfig, RunId, Status, Timestamp,
};
use autoproc_testkit::{MemoryDatabase, RecordingObserver, ScriptedStop, VirtualClock, block_on, location_on};
use futures_util::future::{AbortHandle, BoxFuture, FutureExt, Shared, abortable, pending};

fn clock() -> MockClock {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| Timestamp::from_micros(0));
    clock.expect_sleep_until().returning(|_| ());
    clock
}

fn reaper() -> MockReaper {
    let mut reaper = MockReaper::new();
    reaper.expect_location().returning(|| location_on("here"));
    reaper
}

fn runs(begun: impl Fn() -> Begun + Send + 'static) -> MockRuns {
    let mut runs = MockRuns::new();
    runs.expect_begin().times(1).returning(move |_| Ok(begun()));
    runs.expect_dead().returning(|| Ok(Vec::new()));
    runs.expect_end().returning(|_| Ok(Vec::new()));
    runs
}

fn storage() -> MockStorage {
    let mut storage = MockStorage::new();
    storage.expect_counts().returning(|_| Ok(Counts::default()));
    storage.expect_recover().returning(|_, _| Ok(Vec::new()));
    storage
}

fn claims(ids: &[u64]) -> Exchanged {
    let claimed = |id: &u64| {
        let path = FilePath::new(format!("/{id}")).unwrap();
        let claim = Claim { number: ClaimNumber::new(*id), run: RunId::new("local"), is_cancelled: false };
        let added = QueueItem::added(ItemId::new(*id), path, Priority::default(), Timestamp::from_micros(0));
        let item = QueueItem { attempts: 1, status: Status::Processing, claim: Some(Box::new(claim)), ..added };
        (token(*id), item)
    };
    Exchanged { claims: ids.iter().map(claimed).collect(), ..Exchanged::default() }
}

fn token(id: u64) -> ClaimToken {
    ClaimToken { item: ItemId::new(id), number: ClaimNumber::new(id) }
}

struct By<F>(F);

#[async_trait]
impl<F> Orchestrator for By<F>
where
    F: Fn(Attempt, Arc<dyn StopSignal>) -> BoxFuture<'static, AttemptOutcome> + Send + Sync,
{
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        Ok(AttemptReport::new((self.0)(attempt, stop).await, Duration::ZERO))
    }
}

fn succeeding() -> impl Orchestrator {
    By(|_, _| async { AttemptOutcome::Succeeded }.boxed())
}

fn endless() -> impl Orchestrator {
    By(|_, stop: Arc<dyn StopSignal>| {
        async move {
            while stop.raised_above(StopLevel::Draining).await.level < StopLevel::Aborting {}
            AttemptOutcome::Aborted
        }
        .boxed()
    })
}

type Ran = (Result<ProcessingResult, ProcessorError>, Vec<RunEventKind>);

fn run(
    storage: MockStorage,
    runs: MockRuns,
    orchestrator: impl Orchestrator + 'static,
    stop: impl StopSignal + 'static,
) -> Ran {
    let observer = Arc::new(RecordingObserver::new());
    let ports = Ports {
        storage: Arc::new(storage),
        runs: Arc::new(runs),
        clock: Arc::new(clock()),
        orchestrator: Arc::new(orchestrator),
        reaper: Arc::new(reaper()),
        stop: Arc::new(stop),
        gate: Arc::new(OpenGate),
        sizes: Arc::new(UnknownSizes),
        observer: observer.clone(),
    };
    let config = RunConfig::default().with_jobs(NonZeroUsize::new(2).unwrap());
    (block_on(AutonomousProcessor::new(ports, config).run()), observer.kinds())
}

fn answering(storage: &mut MockStorage, answers: Vec<Exchanged>) -> Arc<Mutex<Vec<ExchangeRequest>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (kept, answers) = (asked.clone(), Mutex::new(answers.into_iter()));
    storage.expect_exchange().returning(move |request, _| {
        kept.lock().unwrap().push(request);
        Ok(answers.lock().unwrap().next().expect("no further exchange is expected"))
    });
    asked
}

#[test]
fn a_run_in_memory_processes_what_is_queued() {
    let storage = Arc::new(MemoryStorage::new());
    let files = ["/a", "/b", "/c"].map(|path| NewItem::new(FilePath::new(path).unwrap()));
    block_on(storage.enqueue(Enqueue::new(files.into()), Timestamp::from_micros(0))).unwrap();
    let ports = Ports::in_process(storage.clone(), Arc::new(clock()), Arc::new(succeeding()));
    let result = block_on(AutonomousProcessor::new(ports, RunConfig::default()).run()).unwrap();
    assert_eq!((result.processed, result.stopped_by), (3, StoppedBy::QueueEmpty));
    assert_eq!(block_on(storage.counts(Scope::Queue)).unwrap().completed, 3);
}

#[test]
fn results_that_are_known_together_are_settled_together() {
    let mut storage = storage();
    let asked = answering(&mut storage, vec![claims(&[1, 2]), claims(&[])]);
    let (outcome, _) = run(storage, runs(|| Begun::without_lease(Vec::new())), succeeding(), NeverStop);
    assert_eq!(outcome.unwrap().processed, 2);
    let settled = |id| Settlement { token: token(id), verdict: Verdict::Complete(Completion::default()) };
    assert_eq!(asked.lock().unwrap()[1].settlements, [settled(1), settled(2)]);
}

#[test]
fn nothing_starts_after_a_stop() {
    let asked_after_the_claims = Arc::new(AtomicUsize::new(0));
    let is_stopped = asked_after_the_claims.clone();
    let mut storage = storage();
    let answers = Mutex::new(vec![claims(&[1, 2]), claims(&[])].into_iter());
    storage.expect_exchange().returning(move |_, _| {
        is_stopped.store(1, Ordering::Relaxed);
        Ok(answers.lock().unwrap().next().unwrap())
    });
    let mut stop = MockStopSignal::new();
    let draining = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::StopFile) };
    stop.expect_request().returning(move || {
        if asked_after_the_claims.load(Ordering::Relaxed) == 0 { StopRequest::NONE } else { draining }
    });
    stop.expect_raised_above().returning(move |_| draining);
    stop.expect_clear().times(1).returning(|| Ok(true));
    let never = By(|_, _| -> BoxFuture<'static, AttemptOutcome> { unreachable!("nothing may start") });
    let (outcome, told) = run(storage, runs(|| Begun::without_lease(Vec::new())), never, stop);
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::Request(StopCause::StopFile));
    assert!(!told.iter().any(|kind| matches!(kind, RunEventKind::FileStarted { .. })));
}

#[test]
fn a_cancelled_attempt_is_ended_alone() {
    let mut storage = storage();
    let cancelled = Exchanged { cancelled: vec![token(2)], ..claims(&[]) };
    let asked = answering(&mut storage, vec![claims(&[1, 2]), cancelled, claims(&[])]);
    storage.expect_changed().returning(|| ());
    let orchestrator = By(|attempt: Attempt, stop: Arc<dyn StopSignal>| {
        if attempt.token == token(1) {
            return async { AttemptOutcome::Succeeded }.boxed();
        }
        async move {
            assert_eq!(stop.request(), StopRequest::NONE);
            stop.raised_above(StopLevel::Draining).await;
            assert_eq!(stop.request(), StopRequest { level: StopLevel::Aborting, cause: None });
            assert!(!stop.clear().await.unwrap(), "only the run has a request to remove");
            AttemptOutcome::Aborted
        }
        .boxed()
    });
    let (outcome, _) = run(storage, runs(|| Begun::without_lease(Vec::new())), orchestrator, NeverStop);
    let result = outcome.unwrap();
    assert_eq!((result.processed, result.failed), (1, 1));
    let last = asked.lock().unwrap().last().unwrap().settlements.clone();
    assert_eq!(
        last,
        [Settlement { token: token(2), verdict: Verdict::Fail { timed_out: false, error: "cancelled".into() } }]
    );
}

#[test]
fn a_stop_is_seen_at_once_also_after_an_old_request_was_removed() {
    for is_left in [false, true] {
        let (stop, observer) = (Arc::new(ScriptedStop::alone()), Arc::new(RecordingObserver::new()));
        if is_left {
            stop.raise(StopLevel::Draining, StopCause::StopFile);
        }
        let store = Arc::new(MemoryStorage::new());
        let file = NewItem::new(FilePath::new("/a").unwrap());
        block_on(store.enqueue(Enqueue::new(vec![file]), Timestamp::from_micros(0))).unwrap();
        let never_ends = By(|_, _| pending().boxed());
        let ports = Ports::in_process(store, Arc::new(VirtualClock::new()), Arc::new(never_ends));
        let ports = Ports { stop: stop.clone(), observer: observer.clone(), ..ports };
        let processor = AutonomousProcessor::new(ports, RunConfig::default());
        let mut run = Box::pin(processor.run());
        assert!((&mut run).now_or_never().is_none());
        stop.raise(StopLevel::Draining, StopCause::Interrupt);
        assert!((&mut run).now_or_never().is_none());
        let is_seen = |kind: &RunEventKind| matches!(kind, RunEventKind::StopRequested { .. });
        assert!(observer.kinds().iter().any(is_seen), "{:?}", observer.kinds());
    }
}

struct Growing(AtomicUsize);

#[async_trait]
impl Orchestrator for Growing {
    async fn execute(&self, _: Attempt, _: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        self.0.store(7, Ordering::Relaxed);
        Ok(AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO))
    }

    fn capacity(&self, _: usize) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn an_exchange_asks_for_as_many_files_as_the_orchestrator_accepts_now() {
    let mut storage = storage();
    let asked = answering(&mut storage, vec![claims(&[1]), claims(&[])]);
    let orchestrator = Growing(AtomicUsize::new(2));
    let (outcome, _) = run(storage, runs(|| Begun::without_lease(Vec::new())), orchestrator, NeverStop);
    assert_eq!(outcome.unwrap().processed, 1);
    assert_eq!(asked.lock().unwrap().iter().map(|request| request.limit).collect::<Vec<_>>(), [2, 7]);
}

struct LostWith(Shared<BoxFuture<'static, ()>>);

#[async_trait]
impl Lease for LostWith {
    fn terms(&self) -> LeaseTerms {
        LostLease.terms()
    }

    async fn lost(&self) {
        self.0.clone().await;
    }
}

fn oneshot() -> (AbortHandle, BoxFuture<'static, ()>) {
    let (future, handle) = abortable(pending::<()>());
    (handle, future.map(drop).boxed())
}

struct LostLease;

#[async_trait]
impl Lease for LostLease {
    fn terms(&self) -> LeaseTerms {
        LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_secs(15) }
    }

    async fn lost(&self) {}
}

#[derive(Default)]
struct Hanging {
    first_exchange: Mutex<Option<Exchanged>>,
    waits: AtomicUsize,
}

#[async_trait]
impl Storage for Hanging {
    async fn exchange(&self, _: ExchangeRequest, _: Timestamp) -> Result<Exchanged, StorageError> {
        let first = self.first_exchange.lock().unwrap().take();
        match first {
            Some(answer) => Ok(answer),
            None => pending().await,
        }
    }

    async fn counts(&self, _: Scope) -> Result<Counts, StorageError> {
        Ok(Counts::default())
    }

    async fn recover(&self, _: RecoverRequest, _: Timestamp) -> Result<Vec<RecoveredItem>, StorageError> {
        Ok(Vec::new())
    }

    async fn changed(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        pending::<()>().await;
    }

    async fn enqueue(&self, _: Enqueue, _: Timestamp) -> Result<Vec<Enqueued>, StorageError> {
        unreachable!("a run adds nothing")
    }

    async fn requeue(&self, _: Requeue, _: Timestamp) -> Result<usize, StorageError> {
        unreachable!("a run requeues nothing")
    }

    async fn reprioritise(&self, _: Reprioritise, _: Timestamp) -> Result<QueueItem, StorageError> {
        unreachable!("a run changes no priority")
    }

    async fn hold(&self, _: Hold, _: Timestamp) -> Result<usize, StorageError> {
        unreachable!("a run holds nothing")
    }

    async fn cancel(&self, _: Cancel, _: Timestamp) -> Result<Cancelled, StorageError> {
        unreachable!("a run cancels nothing")
    }

    async fn remove(&self, _: Remove, _: Timestamp) -> Result<usize, StorageError> {
        unreachable!("a run removes nothing")
    }

    async fn clear(&self, _: Clear, _: Timestamp) -> Result<Counts, StorageError> {
        unreachable!("a run clears nothing")
    }

    async fn page(&self, _: PageRequest) -> Result<Page, StorageError> {
        unreachable!("a run lists nothing")
    }

    async fn peek(&self, _: Timestamp) -> Result<Option<QueueItem>, StorageError> {
        unreachable!("a run claims and does not peek")
    }

    async fn find(&self, _: Selector) -> Result<Option<QueueItem>, StorageError> {
        unreachable!("a run looks nothing up")
    }
}

/// The attempt ends only after several polls.
#[test]
fn a_lost_lease_lets_attempts_come_to_their_end() {
    let mut storage = storage();
    answering(&mut storage, vec![claims(&[1])]);
    storage.expect_changed().returning(|| ());
    let (is_lost, lost) = oneshot();
    let is_lost = Mutex::new(Some(is_lost));
    let slow = By(move |_, stop: Arc<dyn StopSignal>| {
        is_lost.lock().unwrap().take().into_iter().for_each(|handle| handle.abort());
        async move {
            stop.raised_above(StopLevel::Draining).await;
            for _ in 0..3 {
                autoproc_testkit::yield_once().await;
            }
            AttemptOutcome::Aborted
        }
        .boxed()
    });
    let lease = Arc::new(LostWith(lost.shared()));
    let (outcome, _) =
        run(storage, runs(move || Begun { others: Vec::new(), lease: Some(lease.clone()) }), slow, NeverStop);
    assert!(matches!(outcome, Err(ProcessorError::Storage(StorageError::LeaseLost { .. }))), "{outcome:?}");
}

#[test]
fn a_wait_for_changes_continues_after_another_input() {
    let first_exchange = Mutex::new(Some(claims(&[1])));
    let store = Arc::new(Hanging { first_exchange, ..Hanging::default() });
    let (stop, observer) = (Arc::new(ScriptedStop::alone()), Arc::new(RecordingObserver::new()));
    let never_ends = By(|_, _| pending().boxed());
    let ports = Ports::in_process(Arc::new(MemoryStorage::new()), Arc::new(VirtualClock::new()), Arc::new(never_ends));
    let ports = Ports { storage: store.clone(), stop: stop.clone(), observer: observer.clone(), ..ports };
    let processor = AutonomousProcessor::new(ports, RunConfig::default());
    let mut run = Box::pin(processor.run());
    assert!((&mut run).now_or_never().is_none());
    assert_eq!(store.waits.load(Ordering::Relaxed), 1);
    stop.raise(StopLevel::Draining, StopCause::Interrupt);
    assert!((&mut run).now_or_never().is_none());
    assert!(matches!(observer.kinds().last(), Some(RunEventKind::StopRequested { .. })), "{:?}", observer.kinds());
    assert_eq!(store.waits.load(Ordering::Relaxed), 1);
}

#[test]
fn a_lost_lease_ends_the_run_while_the_store_hangs() {
    let observer = Arc::new(RecordingObserver::new());
    let begun = || Begun { others: Vec::new(), lease: Some(Arc::new(LostLease)) };
    let ports = Ports {
        storage: Arc::new(Hanging::default()),
        runs: Arc::new(runs(begun)),
        clock: Arc::new(clock()),
        orchestrator: Arc::new(endless()),
        reaper: Arc::new(reaper()),
        stop: Arc::new(NeverStop),
        gate: Arc::new(OpenGate),
        sizes: Arc::new(UnknownSizes),
        observer: observer.clone(),
    };
    let outcome = block_on(AutonomousProcessor::new(ports, RunConfig::default()).run());
    assert!(matches!(outcome, Err(ProcessorError::Storage(StorageError::LeaseLost { .. }))), "{outcome:?}");
    assert!(matches!(observer.kinds().last(), Some(RunEventKind::ProcessorStopped { .. })));
}

#[test]
fn a_lost_lease_is_reported_once() {
    let clock = VirtualClock::new();
    let terms = LeaseTerms { lasts: Duration::from_secs(60), renewed_every: Duration::from_secs(15) };
    let database = MemoryDatabase::with_leases(clock.clone(), terms);
    let store = Arc::new(database.open());
    let file = NewItem::new(FilePath::new("/a").unwrap());
    block_on(store.enqueue(Enqueue::new(vec![file]), clock.now())).unwrap();
    let never_ends = By(|_, _| pending().boxed());
    let ports = Ports::in_process(store, Arc::new(clock.clone()), Arc::new(never_ends));
    let config = RunConfig::default();
    let id = config.run.clone();
    let processor = AutonomousProcessor::new(ports, config);
    let mut run = Box::pin(processor.run());
    assert!((&mut run).now_or_never().is_none());
    database.cut_off(&id);
    clock.advance(terms.lasts);
    assert!((&mut run).now_or_never().is_none());
}
