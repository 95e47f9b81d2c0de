//! What holds a run back, what it leaves alone, and what is no fault of a file.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::command::{NewItem, Verdict};
use autoproc_domain::ports::{
    AttemptOutcome, AttemptReport, Hold, MockOrchestrator, MockStartGate, MockStorage, OpenGate, RunEventKind,
    StopCause, StopLevel, StopRequest, StopSignal, StopSignalError, Storage, Unproven,
};
use autoproc_domain::processor::{Halt, Ports, RunConfig, StoppedBy};
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, Priority, ProcessingResult, RunId, Timestamp};
use autoproc_testkit::{
    Jitter, MemoryPlace, Random, ScriptedAttempt, ScriptedOrchestrator, ScriptedStop, VirtualClock, block_on,
};

use crate::stage::{
    Answer, Heard, answering, clock, config, ending, exchanged, open_to_runs, raised_later, run, run_as, run_behind,
    storage, succeeding, without_dead_runs,
};

/// Shut for so many looks at it.
fn shut_for(looks: usize) -> MockStartGate {
    let looked = AtomicUsize::new(0);
    let mut gate = MockStartGate::new();
    let is_shut = move || looked.fetch_add(1, Ordering::Relaxed) < looks;
    gate.expect_hold().returning(move || is_shut().then(|| Hold { reason: "no room".into() }));
    // A run that no look at the queue can end is not to turn for ever.
    gate.expect_changed_from().times(0..1000).returning(|_| ());
    gate
}

/// What waits at each look at the counts; the last look goes for all later ones.
fn waiting(pending: &'static [usize]) -> MockStorage {
    let next = AtomicUsize::new(0);
    let mut storage = without_dead_runs();
    storage.expect_counts().returning(move || {
        let look = next.fetch_add(1, Ordering::Relaxed).min(pending.len() - 1);
        Ok(Counts { pending: pending[look], ..Counts::default() })
    });
    storage
}

fn held(told: &[RunEventKind]) -> Vec<&RunEventKind> {
    told.iter().filter(|kind| matches!(kind, RunEventKind::StartsHeld { .. } | RunEventKind::StartsResumed)).collect()
}

/// Whether the one file is due is not known before the gate opens.
#[test]
fn a_held_run_waits_and_goes_on_by_itself() {
    for wait_for_backoff in [true, false] {
        let storage = answering(
            ending(waiting(&[1])),
            &[
                |request| {
                    assert_eq!(request.limit, 2);
                    Ok(exchanged(&[1], 0))
                },
                |_| Ok(exchanged(&[], 0)),
            ],
        );
        let (outcome, told) = run_behind(shut_for(5), wait_for_backoff, storage, succeeding(1), ScriptedStop::alone());
        let result = outcome.unwrap();
        assert_eq!((result.processed, result.stopped_by), (1, StoppedBy::QueueEmpty));
        let reason = "no room".into();
        assert_eq!(held(&told), [&RunEventKind::StartsHeld { reason }, &RunEventKind::StartsResumed]);
    }
}

#[test]
fn a_held_run_ends_when_others_have_done_the_rest() {
    let storage = ending(waiting(&[1, 1, 1, 0]));
    let (outcome, _) = run_behind(shut_for(usize::MAX), true, storage, succeeding(0), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::QueueEmpty);
}

#[test]
fn a_held_run_obeys_a_stop() {
    let storage = ending(waiting(&[1]));
    let (outcome, told) = run_behind(shut_for(usize::MAX), true, storage, succeeding(0), raised_later(1));
    assert!(matches!(outcome.unwrap().stopped_by, StoppedBy::Request(_)), "{told:?}");
}

#[test]
fn a_shut_gate_that_nothing_waits_for_is_not_spoken_of() {
    let (outcome, told) =
        run_behind(shut_for(usize::MAX), true, ending(storage()), succeeding(0), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::QueueEmpty);
    assert_eq!(held(&told), Vec::<&RunEventKind>::new());
}

/// They are left as they are, are told of once, and are nothing to wait for.
#[test]
fn what_is_not_proven_to_be_over_is_left_alone() {
    let dead = RunId::new("dead");
    let mut storage = open_to_runs();
    let processing = Counts { processing: 1, ..Counts::default() };
    storage.expect_counts().returning(move || Ok(processing));
    let runs = vec![dead.clone(), RunId::new("over")];
    storage.expect_dead_runs().times(2).returning(move || Ok(runs.clone()));
    storage.expect_recover().times(2).returning(|request, _| {
        assert_eq!(request.runs, [RunId::new("over")]);
        Ok(Vec::new())
    });
    let storage = answering(ending(storage), &[|_| Ok(exchanged(&[], 0))]);
    let left = Unproven { run: dead.clone(), reason: "somebody is there".into() };
    let mut orchestrator = MockOrchestrator::new();
    orchestrator.expect_sweep().times(2).returning(move |_| vec![left.clone()]);
    let (outcome, told) = run(storage, orchestrator, ScriptedStop::alone());
    assert_eq!(outcome.unwrap().stopped_by, StoppedBy::QueueEmpty);
    let withheld: Vec<_> = told.iter().filter(|kind| matches!(kind, RunEventKind::RecoveryWithheld { .. })).collect();
    assert_eq!(withheld, [&RunEventKind::RecoveryWithheld { dead_run: dead, reason: "somebody is there".into() }]);
}

/// A stop that is asked for while the attempt runs.
fn dying_of_a_stop(outcome: AttemptOutcome, stop: &Arc<ScriptedStop>) -> MockOrchestrator {
    let stop = stop.clone();
    let mut orchestrator = MockOrchestrator::new();
    orchestrator.expect_execute().returning(move |_, _| {
        stop.raise(StopLevel::Draining, StopCause::Terminate);
        Ok(AttemptReport::new(outcome.clone(), Duration::ZERO))
    });
    orchestrator
}

fn dying_of(signal: i32) -> MockOrchestrator {
    let mut orchestrator = MockOrchestrator::new();
    orchestrator
        .expect_execute()
        .returning(move |_, _| Ok(AttemptReport::new(AttemptOutcome::Signalled { signal }, Duration::ZERO)));
    orchestrator
}

fn in_a_step(cause: AttemptOutcome) -> AttemptOutcome {
    AttemptOutcome::StepFailed { step: "a step".into(), cause: Box::new(cause) }
}

const GIVEN_BACK: &[Answer] = &[
    |_| Ok(exchanged(&[1], 0)),
    |request| {
        assert_eq!(request.settlements[0].verdict, Verdict::Release);
        Ok(exchanged(&[], 1))
    },
];

/// A service manager sends SIGTERM to everything, a terminal SIGINT or SIGHUP: the file has no part in it.
#[test]
fn an_attempt_that_a_stop_took_along_is_given_back() {
    for signal in [1, 2, 15] {
        let death = AttemptOutcome::Signalled { signal };
        for outcome in [death.clone(), in_a_step(death.clone()), in_a_step(in_a_step(death))] {
            let stop = Arc::new(ScriptedStop::alone());
            let storage = answering(ending(storage()), GIVEN_BACK);
            let (result, told) = run(storage, dying_of_a_stop(outcome, &stop), Heard(stop));
            result.unwrap();
            assert!(told.iter().any(|kind| matches!(kind, RunEventKind::FileReleased { .. })), "{told:?}");
        }
    }
}

/// A stop that becomes known only to those who wait for it once the attempt is over.
struct HeardLate {
    stop: ScriptedStop,
    is_over: Arc<AtomicBool>,
}

#[async_trait]
impl StopSignal for HeardLate {
    fn request(&self) -> StopRequest {
        self.stop.request()
    }

    async fn raised_above(&self, level: StopLevel) -> StopRequest {
        if self.is_over.load(Ordering::Relaxed) {
            self.stop.raise(StopLevel::Draining, StopCause::Terminate);
        }
        self.stop.raised_above(level).await
    }

    async fn clear(&self) -> Result<bool, StopSignalError> {
        self.stop.clear().await
    }
}

/// One signal goes to the command and to the run, and whose end is noticed first is chance.
#[test]
fn an_attempt_that_a_stop_took_along_is_given_back_also_where_the_stop_is_heard_later() {
    let is_over = Arc::new(AtomicBool::new(false));
    let stop = HeardLate { stop: ScriptedStop::alone(), is_over: is_over.clone() };
    let mut orchestrator = MockOrchestrator::new();
    orchestrator.expect_execute().returning(move |_, _| {
        is_over.store(true, Ordering::Relaxed);
        Ok(AttemptReport::new(AttemptOutcome::Signalled { signal: 15 }, Duration::ZERO))
    });
    let (outcome, _) = run(answering(ending(storage()), GIVEN_BACK), orchestrator, stop);
    let result = outcome.unwrap();
    assert_eq!((result.retried, result.stop_level), (0, StopLevel::Draining));
}

#[test]
fn the_same_death_without_a_stop_and_another_one_beside_it_count() {
    const COUNTED: &[Answer] = &[
        |_| Ok(exchanged(&[1], 0)),
        |request| {
            assert!(matches!(request.settlements[0].verdict, Verdict::Retry { .. }), "{request:?}");
            Ok(exchanged(&[], 0))
        },
    ];
    let (outcome, _) = run(answering(ending(storage()), COUNTED), dying_of(15), ScriptedStop::alone());
    assert_eq!(outcome.unwrap().retried, 1);
    let stop = Arc::new(ScriptedStop::alone());
    let (outcome, _) = run(
        answering(ending(storage()), COUNTED),
        dying_of_a_stop(AttemptOutcome::Signalled { signal: 9 }, &stop),
        Heard(stop),
    );
    assert_eq!(outcome.unwrap().retried, 1);
}

#[test]
fn the_words_of_a_failure_hold_what_it_said() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1], 0)),
            |request| {
                let Verdict::Retry { error, .. } = &request.settlements[0].verdict else { panic!("{request:?}") };
                assert_eq!(&**error, "exit status 3: no such page\nopening a.pdf");
                Ok(exchanged(&[], 0))
            },
        ],
    );
    let mut orchestrator = MockOrchestrator::new();
    orchestrator.expect_execute().returning(|_, _| {
        let report = AttemptReport::new(AttemptOutcome::Exited { code: 3 }, Duration::ZERO);
        Ok(AttemptReport { stderr_tail: "opening a.pdf\nno such page\n".into(), ..report })
    });
    let (outcome, told) = run(storage, orchestrator, ScriptedStop::alone());
    outcome.unwrap();
    let is_said = |kind: &RunEventKind| matches!(kind, RunEventKind::FileRequeued { error, .. } if error.contains("no such page"));
    assert!(told.iter().any(is_said), "{told:?}");
}

/// One job over twenty files, of which each fails for good, until six have; store and attempts take their time. Says how
/// many were begun.
fn run_until_six_have_failed(seed: u64) -> (ProcessingResult, usize) {
    let place = MemoryPlace::new();
    let paths: Vec<_> = (0..20).map(|number| FilePath::new(format!("/{number}")).unwrap()).collect();
    let files = paths.iter().map(|path| NewItem { file_path: path.clone(), priority: Priority::default() });
    block_on(place.open().enqueue(files.collect(), Timestamp::from_micros(0))).unwrap();
    let cannot_execute = Some(AttemptOutcome::Exited { code: 126 });
    let fails = vec![ScriptedAttempt { takes: Duration::ZERO, outcome: cannot_execute }];
    let scripts = paths.into_iter().map(|path| (path, fails.clone())).collect();
    let jitter = Arc::new(Jitter::from(Random::new(seed)));
    let orchestrator = Arc::new(ScriptedOrchestrator::new(VirtualClock::new(), scripts).with_jitter(jitter.clone()));
    let ports = |observer| Ports {
        storage: Arc::new(place.open().with_jitter(jitter)),
        clock: Arc::new(clock()),
        orchestrator: orchestrator.clone(),
        stop: Arc::new(ScriptedStop::alone()),
        gate: Arc::new(OpenGate),
        observer,
    };
    let config = RunConfig { jobs: NonZeroUsize::MIN, halt: NonZeroU64::new(6).map(Halt::Files), ..config() };
    (run_as(config, ports).0.unwrap(), orchestrator.records().len())
}

/// A result counts from the end of its attempt on, also while the transaction that settles it is under way.
#[test]
fn nothing_starts_once_as_many_have_failed_as_a_run_bears() {
    for seed in 0..200 {
        let (result, begun) = run_until_six_have_failed(seed);
        assert_eq!((result.stopped_by, result.failed, begun), (StoppedBy::TooManyFailed, 6, 6), "seed {seed}");
    }
}
