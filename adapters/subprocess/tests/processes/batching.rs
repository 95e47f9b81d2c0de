use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ItemId;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptProgress, NeverStop, Orchestrator, StartFault, StopLevel,
};
use autoproc_subprocess::{BatchSettings, CommandOrchestrator, fingerprint_of};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;

use crate::fixture::{Fixture, TIMEOUT, sh, until};
use crate::stop::Stop;

const SCRIPT: &str = "echo $AUTOPROC_ITEM_ID >>started
    while [ $AUTOPROC_ITEM_ID = 0 ] && ! [ -e end ]; do sleep 0.01; done";

fn fixture(slots: usize) -> Fixture {
    let slots = NonZeroUsize::new(slots).expect("not zero");
    let mut fixture = Fixture::new();
    fixture.batches = BatchSettings { slots, may_batch: true };
    fixture
}

fn attempt(fixture: &Fixture, id: u64) -> Attempt {
    let mut attempt = fixture.attempt(format!("file-{id}"));
    (attempt.token.item, attempt.token.number) = (ItemId::new(id), ClaimNumber::new(id));
    Attempt { number: AttemptNumber::new(1).expect("not zero"), ..attempt }
}

fn start<'o>(orchestrator: &'o CommandOrchestrator, fixture: &Fixture, id: u64) -> BoxStream<'o, AttemptProgress> {
    orchestrator.start(attempt(fixture, id), Arc::new(NeverStop))
}

async fn outcome(progress: BoxStream<'_, AttemptProgress>) -> Option<AttemptOutcome> {
    let progress = tokio::time::timeout(TIMEOUT, progress.collect::<Vec<_>>()).await.expect("ended in time");
    match <[_; 2]>::try_from(progress) {
        Ok([AttemptProgress::Started { .. }, AttemptProgress::Ended(report)]) => Some(report.outcome),
        Ok(other) => panic!("{other:?}"),
        Err(alone) => match &alone[..] {
            [AttemptProgress::NotStarted { shortage: None }] => None,
            other => panic!("{other:?}"),
        },
    }
}

async fn warm_up(orchestrator: &CommandOrchestrator, fixture: &Fixture) {
    for id in 100..104 {
        assert_eq!(outcome(start(orchestrator, fixture, id)).await, Some(AttemptOutcome::Succeeded));
    }
    std::fs::remove_file(fixture.path("started")).expect("removed");
}

fn started(fixture: &Fixture) -> Vec<String> {
    std::fs::read_to_string(fixture.path("started")).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_capacity_grows_while_attempts_are_short() {
    let fixture = fixture(2);
    let orchestrator = fixture.orchestrator(sh(SCRIPT));
    assert_eq!(orchestrator.capacity(2), 2);
    warm_up(&orchestrator, &fixture).await;
    assert!((4..=34).contains(&orchestrator.capacity(2)), "{}", orchestrator.capacity(2));
}

#[tokio::test]
async fn all_attempts_run_once_and_in_order() {
    let fixture = fixture(1);
    let orchestrator = fixture.orchestrator(sh(SCRIPT));
    warm_up(&orchestrator, &fixture).await;
    let mut expected = Vec::new();
    for first in (1..40).step_by(4) {
        let ids = first..first + 4;
        expected.extend(ids.clone().map(|id| id.to_string()));
        let outcomes = join_all(ids.map(|id| outcome(start(&orchestrator, &fixture, id)))).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Some(AttemptOutcome::Succeeded)), "{outcomes:?}");
    }
    assert_eq!(started(&fixture), expected);
}

#[tokio::test]
async fn no_more_attempts_run_concurrently_than_there_are_slots() {
    let fixture = fixture(2);
    let script = "for slot in one two; do mkdir $slot 2>/dev/null && sleep 0.02 && rmdir $slot && exit; done
        echo >>third";
    let orchestrator = fixture.orchestrator(sh(script));
    for round in 0..5 {
        let ids = round * 8..(round + 1) * 8;
        join_all(ids.map(|id| outcome(start(&orchestrator, &fixture, id)))).await;
    }
    assert!(!fixture.path("third").exists());
}

#[tokio::test]
async fn waiting_attempts_come_back_after_a_recall() {
    let fixture = fixture(1);
    let orchestrator = fixture.orchestrator(sh(SCRIPT));
    warm_up(&orchestrator, &fixture).await;
    let attempts = join_all((0..6).map(|id| outcome(start(&orchestrator, &fixture, id))));
    let recall = async {
        until(|| !started(&fixture).is_empty()).await;
        orchestrator.recall();
        std::fs::write(fixture.path("end"), "").expect("written");
    };
    let (outcomes, ()) = tokio::join!(attempts, recall);
    assert_eq!(outcomes[0], Some(AttemptOutcome::Succeeded));
    assert!(outcomes[1..].iter().all(Option::is_none), "{outcomes:?}");
    assert_eq!(started(&fixture), ["0"]);
    assert_eq!(outcome(start(&orchestrator, &fixture, 7)).await, Some(AttemptOutcome::Succeeded), "a later attempt");
}

#[tokio::test]
async fn attempts_that_wait_too_long_come_back_while_the_long_one_runs() {
    let fixture = fixture(1);
    let orchestrator = fixture.orchestrator(sh(SCRIPT));
    warm_up(&orchestrator, &fixture).await;
    let long = outcome(start(&orchestrator, &fixture, 0));
    let others = async {
        until(|| !started(&fixture).is_empty()).await;
        let outcomes = join_all((1..6).map(|id| outcome(start(&orchestrator, &fixture, id)))).await;
        assert!(outcomes.iter().all(Option::is_none), "{outcomes:?}");
        assert_eq!(orchestrator.capacity(1), 1, "attempts are no longer taken for short");
        std::fs::write(fixture.path("end"), "").expect("written");
    };
    let (long, ()) = tokio::join!(long, others);
    assert_eq!(long, Some(AttemptOutcome::Succeeded));
}

#[tokio::test]
async fn a_failure_does_not_keep_the_rest_of_its_batch_from_running() {
    let fixture = fixture(1);
    let orchestrator = fixture.orchestrator(sh("[ $AUTOPROC_ITEM_ID != 2 ]"));
    for id in 100..104 {
        outcome(start(&orchestrator, &fixture, id)).await;
    }
    let outcomes = join_all((1..6).map(|id| outcome(start(&orchestrator, &fixture, id)))).await;
    for (id, outcome) in (1..).zip(outcomes) {
        let expected = if id == 2 { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded };
        assert_eq!(outcome, Some(expected), "{id}");
    }
}

#[tokio::test]
async fn a_cancelled_attempt_ends_or_does_not_start_and_spares_the_others() {
    let fixture = fixture(1);
    let orchestrator = fixture.orchestrator(sh(SCRIPT));
    let (running, waiting) = (Arc::new(Stop::new()), Arc::new(Stop::new()));
    waiting.raise(StopLevel::Aborting);
    let first = outcome(orchestrator.start(attempt(&fixture, 0), running.clone()));
    let second = outcome(orchestrator.start(attempt(&fixture, 1), waiting));
    let third = outcome(start(&orchestrator, &fixture, 2));
    let cancel = async {
        until(|| !started(&fixture).is_empty()).await;
        running.raise(StopLevel::Aborting);
    };
    let (first, second, third, ()) = tokio::join!(first, second, third, cancel);
    assert_eq!((first, second, third), (Some(AttemptOutcome::Aborted), None, Some(AttemptOutcome::Succeeded)));
    assert_eq!(started(&fixture), ["0", "2"]);
}

#[tokio::test]
async fn a_killed_guard_interrupts_its_batch() {
    let fixture = fixture(1);
    let orchestrator = fixture.orchestrator(sh("[ $AUTOPROC_ITEM_ID != 1 ] || kill -9 $PPID"));
    for id in 100..104 {
        outcome(start(&orchestrator, &fixture, id)).await;
    }
    let outcomes = join_all((1..4).map(|id| outcome(start(&orchestrator, &fixture, id)))).await;
    assert!(matches!(outcomes[0], Some(AttemptOutcome::Interrupted { .. })), "{outcomes:?}");
    assert!(outcomes.iter().all(Option::is_some), "{outcomes:?}");
    assert_eq!(outcome(start(&orchestrator, &fixture, 7)).await, Some(AttemptOutcome::Succeeded));
}

#[tokio::test]
async fn without_batching_attempts_start_at_once_and_none_is_prefetched() {
    let fixture = Fixture::new();
    let orchestrator = fixture.orchestrator(sh("sleep 0.3"));
    std::fs::write(fixture.path("file"), "contents").expect("written");
    let progress: Vec<_> = orchestrator.start(fixture.attempt("file"), Arc::new(NeverStop)).collect().await;
    assert_eq!(orchestrator.capacity(3), 3);
    let expected = fingerprint_of(&fixture.path("file"));
    assert!(
        matches!(&progress[..], [AttemptProgress::Started { fingerprint }, AttemptProgress::Ended(_)] if *fingerprint == expected),
        "{progress:?}"
    );
}

#[tokio::test]
async fn an_attempt_that_cannot_start_is_reported_as_started_first() {
    let fixture = fixture(1);
    let line = autoproc_subprocess::CommandLine::argv(["/no/such/program"]).expect("valid");
    let orchestrator = fixture.orchestrator(line);
    let ended = outcome(start(&orchestrator, &fixture, 1)).await;
    assert!(matches!(ended, Some(AttemptOutcome::CannotStart { fault: StartFault::Missing, .. })), "{ended:?}");
}

#[tokio::test]
async fn a_dropped_orchestrator_ends_its_attempts() {
    let mut fixture = fixture(1);
    fixture.grace = Duration::ZERO;
    let orchestrator = fixture.orchestrator(sh("echo $$ >pid; exec sleep 3600"));
    {
        let mut progress = start(&orchestrator, &fixture, 1);
        let first = tokio::time::timeout(TIMEOUT, progress.next()).await.expect("in time");
        assert!(matches!(first, Some(AttemptProgress::Started { .. })), "{first:?}");
        let pid = || std::fs::read_to_string(fixture.path("pid")).unwrap_or_default();
        until(|| pid().ends_with('\n')).await;
    }
    drop(orchestrator);
    fixture.assert_gone("pid").await;
}
