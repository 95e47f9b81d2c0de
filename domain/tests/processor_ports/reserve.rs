//! Claims ahead of free slots: made while attempts are short, given back where they cannot start.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::command::{Settlement, Verdict};
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, MockClock, MockOrchestrator, OpenGate, Orchestrator, OrchestratorError,
    StopCause, StopLevel, StopSignal, Unproven,
};
use autoproc_domain::processor::{Ports, StoppedBy};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{RunId, Timestamp};
use autoproc_testkit::{ScriptedStop, StopFile};

use crate::stage::{answering, completed, config, ending, exchanged, run, run_as, storage, succeeding, token};

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
                assert_eq!((request.limit, request.settlements.len()), (2 + 2 * 8, 2));
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

/// The stop comes while the third file is worked on; the fourth has begun, the others have not.
#[test]
fn nothing_starts_from_the_reserve_after_a_stop() {
    let storage = answering(
        ending(storage()),
        &[
            |_| Ok(exchanged(&[1, 2], 6)),
            |_| Ok(exchanged(&[3, 4, 5, 6, 7, 8], 0)),
            |request| {
                let expected = [completed(3), completed(4), given_back(5), given_back(6), given_back(7), given_back(8)];
                assert_eq!(request.limit, 0);
                assert!(expected.iter().all(|one| request.settlements.contains(one)), "{:?}", request.settlements);
                Ok(exchanged(&[], 4))
            },
        ],
    );
    let file = StopFile::new();
    let stop = file.signal_for_a_run();
    let mut orchestrator = MockOrchestrator::new();
    orchestrator.expect_execute().times(4).returning(move |attempt, _| {
        if attempt.token == token(3) {
            file.ask(StopLevel::Draining);
        }
        Ok(AttemptReport::new(AttemptOutcome::Succeeded, Duration::ZERO))
    });
    let result = run(storage, orchestrator, stop).0.unwrap();
    assert_eq!((result.processed, result.stopped_by), (4, StoppedBy::Request(StopCause::StopFile)));
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
