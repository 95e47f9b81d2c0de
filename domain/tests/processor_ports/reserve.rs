//! Claims ahead of free slots: made while attempts are short, given back where they cannot start.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::command::{ExchangeRequest, Settlement, Verdict};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, MockClock, MockOrchestrator, OpenGate, Orchestrator, OrchestratorError,
    RunEventKind, SeriesNews, StopCause, StopLevel, StopSignal, Unproven,
};
use autoproc_domain::processor::{Halt, Ports, ProcessorError, RunConfig, StoppedBy};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{RunId, Timestamp};
use autoproc_testkit::{ScriptedStop, StopFile};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::stage::{answering, clock, completed, config, ending, exchanged, run, run_as, storage, succeeding, token};

const START: Timestamp = Timestamp::from_micros(0);

fn given_back(id: u64) -> Settlement {
    Settlement { token: token(id), verdict: Verdict::Release }
}

/// The length of attempts is known only when some have ended, so the first claims are for the two slots alone.
#[test]
fn short_attempts_are_claimed_ahead_and_settled_together() {
    let storage = answering(
        ending(storage()),
        &[
            |request| {
                assert_eq!(request.limit, 2);
                Ok(exchanged(&[1, 2], 6))
            },
            |request| {
                assert_eq!((request.limit, request.settlements.len()), (2 + 2 * 16, 2));
                Ok(exchanged(&[3, 4, 5, 6, 7, 8], 0))
            },
            |request| {
                let settled: Vec<_> = (3..=8).map(completed).collect();
                assert!(settled.iter().all(|one| request.settlements.contains(one)), "{:?}", request.settlements);
                Ok(exchanged(&[], 0))
            },
        ],
    );
    let (outcome, _) = run(storage, succeeding(8), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().processed, 8);
}

#[test]
fn long_attempts_are_not_claimed_ahead() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 6)),
            |request| {
                assert_eq!((request.limit, request.settlements.len()), (2, 2));
                Ok(exchanged(&[], 0))
            },
        ],
    );
    let mut orchestrator = MockOrchestrator::new();
    let long = || AttemptReport::new(AttemptOutcome::Succeeded, Duration::from_secs(1));
    orchestrator.expect_execute().times(2).returning(move |_, _| Ok(long()));
    assert_eq!(run(storage, orchestrator, ScriptedStop::alone()).0.unwrap().processed, 2);
}

/// The stop comes as the third file begins; the others have not begun.
#[test]
fn nothing_starts_from_the_reserve_after_a_stop() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 6)),
            |_| Ok(exchanged(&[3, 4, 5, 6, 7, 8], 0)),
            |request| {
                let given_back = (4..=8).map(given_back);
                let expected: Vec<_> = std::iter::once(completed(3)).chain(given_back).collect();
                assert_eq!((request.limit, request.settlements.len()), (0, expected.len()));
                assert!(expected.iter().all(|one| request.settlements.contains(one)), "{:?}", request.settlements);
                Ok(exchanged(&[], 5))
            },
        ],
    );
    let file = StopFile::new();
    let stop = file.signal_for_a_run();
    let ask = move |series: &[u64]| {
        if series[0] == 3 {
            file.ask(StopLevel::Draining);
        }
        1
    };
    let result = run(storage, Series::beginning(ask), stop).0.unwrap();
    assert_eq!((result.processed, result.stopped_by), (3, StoppedBy::Request(StopCause::StopFile)));
}

/// Each slot gets its share of what is claimed, so that none works through it alone; and what failed before, alone.
#[test]
fn short_attempts_go_in_series() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 8)),
            |_| {
                let mut exchanged = exchanged(&[3, 4, 5, 6, 7, 8, 9, 10], 0);
                exchanged.claims[4].1.attempts = 2;
                Ok(exchanged)
            },
            |request| {
                assert_eq!(settled(request), (3..=10).map(completed).collect::<Vec<_>>());
                Ok(exchanged(&[], 0))
            },
        ],
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let all = move |series: &[u64]| {
        log.lock().unwrap().push(series.to_vec());
        series.len()
    };
    let (outcome, told) = run(storage, Series::beginning(all), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().processed, 10);
    let expected: [&[u64]; 7] = [&[1], &[2], &[3, 4, 5, 6], &[7], &[8], &[9], &[10]];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(started(&told), (1..=10).collect::<Vec<_>>());
}

/// Any end may be the last that it bears.
#[test]
fn a_run_that_is_to_halt_decides_on_each_start() {
    let mut storage = ending(storage());
    let next = AtomicUsize::new(0);
    storage.expect_exchange().returning(move |_, _| match next.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(exchanged(&[1, 2], 8)),
        1 => Ok(exchanged(&[3, 4, 5, 6, 7, 8, 9, 10], 0)),
        _ => Ok(exchanged(&[], 0)),
    });
    let one = |series: &[u64]| {
        assert_eq!(series.len(), 1);
        1
    };
    let ports = |observer| Ports {
        storage: Arc::new(storage),
        clock: Arc::new(clock()),
        orchestrator: Arc::new(Series::beginning(one)),
        stop: Arc::new(ScriptedStop::alone()),
        gate: Arc::new(OpenGate),
        observer,
    };
    let config = RunConfig { halt: Some(Halt::Percent(100)), ..config() };
    assert_eq!(run_as(config, ports).0.unwrap().processed, 10);
}

/// What the orchestrator gives back is tried again, and told of when it begins.
#[test]
fn what_has_not_begun_in_a_series_begins_in_another() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 6)),
            |_| Ok(exchanged(&[3, 4, 5, 6, 7, 8], 0)),
            |request| {
                assert_eq!(settled(request), (3..=8).map(completed).collect::<Vec<_>>());
                Ok(exchanged(&[], 0))
            },
        ],
    );
    let (outcome, told) = run(storage, Series::beginning(|series| series.len().min(2)), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().processed, 8);
    assert_eq!(started(&told), (1..=8).collect::<Vec<_>>());
}

/// The run cannot know what became of them, and says so.
#[test]
fn attempts_of_which_nothing_is_heard_are_lost_sight_of() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 6)),
            |request| {
                assert_eq!((request.limit, &*request.settlements), (0, &[completed(2)][..]));
                Ok(exchanged(&[], 6))
            },
        ],
    );
    let silent = |series: &[u64]| usize::from(series[0] != 1);
    let error = run(storage, Series::silent_after(silent), ScriptedStop::alone()).0.unwrap_err();
    assert!(matches!(error, ProcessorError::Orchestrator(_)), "{error}");
}

/// In the order of their items: that of slots is nobody's promise.
fn settled(request: &ExchangeRequest) -> Vec<Settlement> {
    let mut settled = request.settlements.clone();
    settled.sort_by_key(|settlement| settlement.token.item);
    settled
}

/// The numbers of the items that were told to have begun, in order.
fn started(told: &[RunEventKind]) -> Vec<u64> {
    let started = told.iter().filter_map(|kind| match kind {
        RunEventKind::FileStarted { of } => Some(of.id.get()),
        _ => None,
    });
    let mut started: Vec<_> = started.collect();
    started.sort_unstable();
    started
}

/// Says of a series of these items how many of them there is something to hear of.
type Begins = Box<dyn Fn(&[u64]) -> usize + Send + Sync>;

/// Carries out as many of each series as it is told, all of them well and in no time.
struct Series {
    begins: Begins,
    /// Whether the others are given back; else nothing is said of them.
    gives_back: bool,
}

impl Series {
    fn beginning(begins: impl Fn(&[u64]) -> usize + Send + Sync + 'static) -> Self {
        Self { begins: Box::new(begins), gives_back: true }
    }

    fn silent_after(begins: impl Fn(&[u64]) -> usize + Send + Sync + 'static) -> Self {
        Self { begins: Box::new(begins), gives_back: false }
    }
}

#[async_trait]
impl Orchestrator for Series {
    async fn execute(&self, _: Attempt, _: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
        unreachable!("everything goes in series")
    }

    fn execute_series(&self, attempts: Vec<Attempt>, _: Arc<dyn StopSignal>) -> BoxStream<'_, SeriesNews> {
        let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.token.item.get()).collect();
        let begun = (self.begins)(&numbers);
        let others = Some(attempts.len() - begun).filter(|others| *others > 0 && self.gives_back);
        let over = || SeriesNews::Over(Ok(AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO)));
        let news = others.map(SeriesNews::NotBegun).into_iter().chain((0..begun).map(|_| over()));
        stream::iter(news.collect::<Vec<_>>()).boxed()
    }

    async fn sweep(&self, _: Vec<RunId>) -> Vec<Unproven> {
        Vec::new()
    }
}

/// Takes many turns for each attempt.
struct Lingering;

#[async_trait]
impl Orchestrator for Lingering {
    async fn execute(&self, _: Attempt, _: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
        for _ in 0..100 {
            give_way().await;
        }
        Ok(AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO))
    }

    async fn sweep(&self, _: Vec<RunId>) -> Vec<Unproven> {
        Vec::new()
    }
}

async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut has_given_way, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// While all slots are taken nothing more can begin, whatever is due: a run that waited for it all the same would turn in
/// circles until a slot is free.
#[test]
fn a_run_without_a_free_slot_does_not_wait_for_what_is_due() {
    let asked = AtomicUsize::new(0);
    let mut storage = ending(storage());
    storage.expect_exchange().returning(move |_, _| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(exchanged(&[1, 2], 20)),
        1 => Ok(Exchanged { next_due: Some(START), ..exchanged(&[3, 4, 5, 6, 7, 8, 9, 10], 12) }),
        _ => Ok(exchanged(&[], 0)),
    });
    let (clock, in_vain) = clock_that_counts_vain_waits();
    let ports = |observer| Ports {
        storage: Arc::new(storage),
        clock: Arc::new(clock),
        orchestrator: Arc::new(Lingering),
        stop: Arc::new(ScriptedStop::alone()),
        gate: Arc::new(OpenGate),
        observer,
    };
    run_as(config(), ports).0.unwrap();
    assert_eq!(in_vain.load(Ordering::Relaxed), 0);
}

/// A clock that moves for those who wait for it, and counts those who wait for what is past.
fn clock_that_counts_vain_waits() -> (MockClock, Arc<AtomicUsize>) {
    let (now, in_vain) = (Arc::new(Mutex::new(START)), Arc::new(AtomicUsize::new(0)));
    let (read, count) = (now.clone(), in_vain.clone());
    let mut clock = MockClock::new();
    clock.expect_now().returning(move || *read.lock().unwrap());
    clock.expect_sleep_until().returning(move |deadline| {
        let mut now = now.lock().unwrap();
        count.fetch_add(usize::from(deadline <= *now), Ordering::Relaxed);
        *now = deadline.max(*now);
    });
    (clock, in_vain)
}
