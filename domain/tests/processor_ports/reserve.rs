//! Claims ahead of free slots: made while attempts are short, given back where they cannot start.

use std::time::Duration;

use autoproc_domain::command::{Settlement, Verdict};
use autoproc_domain::ports::{AttemptOutcome, AttemptReport, MockOrchestrator, StopCause, StopLevel};
use autoproc_domain::processor::StoppedBy;
use autoproc_testkit::{ScriptedStop, StopFile};

use crate::stage::{answering, completed, ending, exchanged, run, storage, succeeding, token};

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
                assert_eq!((request.limit, request.settlements.len()), (6, 2));
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
