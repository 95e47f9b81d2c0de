use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::fingerprint::{Completion, Fingerprint};
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{
    AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt, RunEventKind, StopCause, StopLevel,
};
use autoproc_domain::request::{Settlement, Verdict};
use autoproc_domain::retry::{BackoffRange, BackoffRules};
use autoproc_domain::run::{Action, Input, ProcessorError};
use autoproc_domain::view::Exchanged;
use autoproc_domain::{FilePath, Recipe, RetryPolicy, RunConfig};
use proptest::prelude::*;

use super::fixture::{Run, claims, completed, failed, released, token};

fn with_two() -> Run {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).start(2).actions();
    run
}

#[test]
fn results_are_settled_together_and_reported_once_recorded() {
    let mut run = with_two();
    run.end(1, AttemptOutcome::Succeeded);
    let request = run.exchange();
    assert_eq!((request.settlements, request.limit), (vec![completed(1)], 1));
    run.end(2, AttemptOutcome::Succeeded);
    assert!(run.actions().is_empty());
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileCompleted { .. })), 0);
    run.answer(claims(&[3], true));
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileCompleted { .. })), 1);
    let actions = run.actions();
    let [Action::Start(attempt), Action::Exchange(request)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((attempt.token, &request.settlements[..]), (token(3), &[completed(2)][..]));
}

#[test]
fn each_exchange_has_an_id_of_its_own() {
    let mut run = with_two();
    let first = run.end(1, AttemptOutcome::Succeeded).exchange().id;
    run.answer(claims(&[], true));
    let second = run.end(2, AttemptOutcome::Succeeded).exchange().id;
    assert!(first < second);
}

#[test]
fn a_completion_keeps_the_fingerprint_and_the_recipe() {
    let recipe = Recipe::new([7; 8]);
    let fingerprint = Some(Fingerprint { size: 3, modified_ns: 4 });
    let mut run = Run::begun(RunConfig::default().with_recipe(recipe));
    run.answer(claims(&[1], false)).actions();
    run.progress(1, AttemptProgress::Started { fingerprint });
    let RunEventKind::FileStarted { size_bytes, recipe: told, .. } = run.events.last().unwrap() else { panic!() };
    assert_eq!((*size_bytes, *told), (Some(3), Some(recipe)));
    let settlements = run.end(1, AttemptOutcome::Succeeded).exchange_among().settlements;
    let completion = Completion { fingerprint, recipe: Some(recipe) };
    assert_eq!(settlements, [Settlement { token: token(1), verdict: Verdict::Complete(completion) }]);
}

const BEFORE: Fingerprint = Fingerprint { size: 1, modified_ns: 1 };
const AFTER: Fingerprint = Fingerprint { size: 2, modified_ns: 2 };

fn with_changed_file(config: RunConfig, outcome: AttemptOutcome) -> Run {
    let mut run = Run::begun(config);
    run.answer(claims(&[1], false)).actions();
    run.progress(1, AttemptProgress::Started { fingerprint: Some(BEFORE) });
    let report = AttemptReport { input_after: Some(AFTER), ..AttemptReport::new(outcome, Duration::ZERO) };
    run.progress(1, AttemptProgress::Ended(report));
    run
}

#[test]
fn a_change_during_an_attempt_is_reported_and_counted_if_the_file_completed() {
    let config = || RunConfig::default().with_retry(RetryPolicy { retries: 0, ..RetryPolicy::default() });
    for (outcome, counted) in [(AttemptOutcome::Succeeded, 1), (failed(), 0)] {
        let mut run = with_changed_file(config(), outcome.clone());
        run.answer(claims(&[], false));
        assert_eq!(run.events.iter().find_map(changed_in), Some((1, true)), "{outcome:?}");
        assert_eq!(run.outcome().unwrap().changed, counted, "{outcome:?}");
    }
}

#[test]
fn a_run_that_edits_files_records_them_as_they_are_afterwards() {
    for (edits_files, fingerprint) in [(false, BEFORE), (true, AFTER)] {
        let mut run = with_changed_file(RunConfig::default().with_edits_files(edits_files), AttemptOutcome::Succeeded);
        let completion = Completion { fingerprint: Some(fingerprint), recipe: None };
        let settlements = run.exchange_among().settlements;
        assert_eq!(settlements, [Settlement { token: token(1), verdict: Verdict::Complete(completion) }]);
        run.answer(claims(&[], false));
        assert_eq!(run.events.iter().find_map(changed_in), Some((1, !edits_files)));
        assert_eq!(run.outcome().unwrap().changed, u64::from(!edits_files));
    }
}

fn changed_in(kind: &RunEventKind) -> Option<(u64, bool)> {
    match kind {
        RunEventKind::FileCompleted { of, input_changed, .. } | RunEventKind::FileFailed { of, input_changed, .. } => {
            Some((of.id.get(), *input_changed))
        }
        _ => None,
    }
}

#[test]
fn a_failure_keeps_the_last_words_of_its_error_output() {
    let mut run = with_two();
    let outcome = AttemptOutcome::Exited { code: 3 };
    let report = AttemptReport { output_tail: "no such page\n".into(), ..AttemptReport::new(outcome, Duration::ZERO) };
    run.progress(1, AttemptProgress::Ended(report));
    let settlements = run.exchange_among().settlements;
    let verdict = Verdict::Retry { backoff: Duration::from_secs(2), error: "exit status 3: no such page".into() };
    assert_eq!(settlements, [Settlement { token: token(1), verdict }]);
}

#[derive(Debug)]
struct LongerAfter(&'static str);

impl BackoffRules for LongerAfter {
    fn wait(&self, error: &str, _: &FilePath, attempt: AttemptNumber, of_policy: Duration) -> Duration {
        let range = BackoffRange { first: Duration::from_secs(30), longest: Duration::from_secs(50) };
        if error.contains(self.0) { range.wait(attempt) } else { of_policy }
    }
}

fn verdict_after(config: RunConfig, output: &str) -> Verdict {
    let mut run = Run::begun(config.with_backoff_rules(Arc::new(LongerAfter("overloaded"))));
    run.answer(claims(&[1], true)).actions();
    run.start(1).actions();
    let outcome = AttemptOutcome::Exited { code: 3 };
    let report = AttemptReport { output_tail: output.into(), ..AttemptReport::new(outcome, Duration::ZERO) };
    run.progress(1, AttemptProgress::Ended(report));
    run.exchange_among().settlements.remove(0).verdict
}

#[test]
fn the_backoff_rules_choose_the_wait_by_the_error() {
    let wait = |output: &str| match verdict_after(RunConfig::default(), output) {
        Verdict::Retry { backoff, .. } => backoff.as_secs(),
        verdict => panic!("{verdict:?}"),
    };
    assert_eq!([wait("overloaded\n"), wait("no such page\n"), wait("")], [30, 2, 2]);
    let error = |output: &str| verdict_after(RunConfig::default(), output).with_error("".into());
    let expected = Verdict::Retry { backoff: Duration::from_secs(30), error: "".into() };
    assert_eq!(error("the server is overloaded\n"), expected);
}

#[test]
fn the_backoff_rules_add_no_retry() {
    let last = RunConfig::default().with_retry(RetryPolicy { retries: 0, ..RetryPolicy::default() });
    let verdict = verdict_after(last, "overloaded\n");
    assert_eq!(verdict, Verdict::Fail { timed_out: false, error: "exit status 3: overloaded".into() });
}

#[test]
fn a_result_under_a_stale_claim_does_not_count() {
    let mut run = with_two();
    run.end(1, AttemptOutcome::Succeeded).actions();
    run.answer(Exchanged { stale: vec![token(1)], ..claims(&[], true) });
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::ResultDiscarded { .. })), 1);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileCompleted { .. })), 0);
}

#[test]
fn an_attempt_that_did_not_begin_is_released_without_a_word() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1], true)).actions();
    let events = run.events.len();
    run.progress(1, AttemptProgress::NotStarted { shortage: None });
    let request = run.exchange();
    assert_eq!((request.settlements, request.limit), (vec![released(1)], 2));
    run.answer(claims(&[], true));
    assert_eq!(run.events.len(), events);
}

#[test]
fn an_orchestrator_with_more_room_gets_more_attempts() {
    let mut run = with_two();
    run.feed(Input::Capacity(10));
    assert_eq!(run.end(1, AttemptOutcome::Succeeded).exchange().limit, 9);
    run.answer(claims(&[3, 4, 5, 6], true));
    assert_eq!(run.started(), [3, 4, 5, 6]);
}

#[test]
fn claims_beyond_the_room_are_given_back() {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2, 3], true));
    assert_eq!(run.exchange_among().settlements, [released(3)]);
}

#[test]
fn a_lost_attempt_ends_the_run_after_the_others() {
    let mut run = with_two();
    let lost = LostAttempt { file_path: FilePath::new("/1").unwrap(), source: std::io::Error::other("why") };
    run.progress(1, AttemptProgress::Lost(lost));
    assert!(run.actions().is_empty());
    let request = run.end(2, AttemptOutcome::Succeeded).exchange();
    assert_eq!((request.settlements, request.limit), (vec![completed(2)], 0));
    run.answer(claims(&[], true));
    assert!(matches!(run.outcome(), Err(ProcessorError::Orchestrator(_))));
}

#[test]
fn a_cancelled_file_is_ended_and_fails() {
    let mut run = with_two();
    run.feed(Input::Woken).actions();
    run.answer(Exchanged { cancelled: vec![token(1)], ..claims(&[], true) });
    assert!(matches!(run.actions()[..], [Action::Cancel(token_1)] if token_1 == token(1)));
    run.feed(Input::Woken).actions();
    run.answer(Exchanged { cancelled: vec![token(1)], ..claims(&[], true) });
    assert!(run.actions().is_empty());
    let settlements = run.end(1, AttemptOutcome::Aborted).exchange_among().settlements;
    let verdict = Verdict::Fail { timed_out: false, error: "cancelled".into() };
    assert_eq!(settlements, [Settlement { token: token(1), verdict }]);
}

#[test]
fn a_cancelled_file_that_succeeds_first_is_completed() {
    let mut run = with_two();
    run.feed(Input::Woken).actions();
    run.answer(Exchanged { cancelled: vec![token(1)], ..claims(&[], true) }).actions();
    assert_eq!(run.end(1, AttemptOutcome::Succeeded).exchange_among().settlements, [completed(1)]);
}

#[test]
fn a_failure_of_a_cancelled_file_is_reported_as_its_end() {
    let mut run = with_two();
    let retry = AttemptOutcome::Exited { code: 1 };
    run.end(1, retry).actions();
    run.answer(Exchanged { cancelled: vec![token(1)], ..claims(&[], true) });
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileFailed { error, .. } if **error == *"cancelled")), 1);
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileRequeued { .. })), 0);
    run.progress(2, AttemptProgress::NotStarted { shortage: None })
        .answer(Exchanged { cancelled: vec![token(2)], ..claims(&[], true) });
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileFailed { .. })), 2);
}

fn in_a_step(cause: AttemptOutcome) -> AttemptOutcome {
    AttemptOutcome::StepFailed { step: "phase/step".into(), cause: Box::new(cause) }
}

#[test]
fn an_attempt_that_a_stop_took_along_is_given_back() {
    for signal in [1, 2, 15] {
        let died = AttemptOutcome::Signalled { signal };
        for outcome in [died.clone(), in_a_step(died)] {
            // First case: the run learns of the stop before the attempt ends.
            let mut run = with_two();
            run.stop(StopLevel::Draining, StopCause::Interrupt).actions();
            assert_eq!(run.end(1, outcome.clone()).exchange().settlements, [released(1)]);
            // Second case: the run learns of the stop after the attempt, but within 500 ms.
            let mut run = with_two();
            run.end(1, outcome).actions();
            run.pass(Duration::from_millis(499)).stop(StopLevel::Draining, StopCause::Terminate);
            assert_eq!(run.exchange_among().settlements, [released(1)]);
        }
    }
}

#[test]
fn the_same_death_without_a_stop_is_a_failure() {
    let mut run = with_two();
    run.end(1, AttemptOutcome::Signalled { signal: 15 });
    assert!(run.actions().is_empty());
    let until = run.wakeup.at.unwrap();
    assert_eq!(until.saturating_since(run.now), Duration::from_millis(500));
    run.now = until;
    run.feed(Input::Woken);
    let settlements = run.exchange_among().settlements;
    assert!(matches!(settlements[0].verdict, Verdict::Retry { .. }), "{settlements:?}");
}

#[test]
fn a_death_is_judged_at_once_after_the_clock_was_set_back() {
    let mut run = with_two();
    run.end(1, AttemptOutcome::Signalled { signal: 15 }).actions();
    run.set_back(Duration::from_secs(60)).feed(Input::Woken);
    assert!(matches!(run.exchange_among().settlements[0].verdict, Verdict::Retry { .. }));
}

#[test]
fn another_death_next_to_a_stop_is_a_failure() {
    let mut run = with_two();
    run.stop(StopLevel::Draining, StopCause::Interrupt).actions();
    let settlements = run.end(1, AttemptOutcome::Signalled { signal: 9 }).exchange().settlements;
    assert!(matches!(settlements[0].verdict, Verdict::Retry { .. }), "{settlements:?}");
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    End(u64, bool),
    NotStarted(u64),
    Start(u64),
    Wake,
    Capacity(usize),
    Answer(usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let id = || 1..12_u64;
    let happening = prop_oneof![
        3 => (id(), any::<bool>()).prop_map(|(id, succeeds)| Happening::End(id, succeeds)),
        1 => id().prop_map(Happening::NotStarted),
        3 => id().prop_map(Happening::Start),
        1 => Just(Happening::Wake),
        1 => (2..8_usize).prop_map(Happening::Capacity),
        4 => (0..4_usize).prop_map(Happening::Answer),
    ];
    prop::collection::vec(happening, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_claim_is_settled_once(happenings in happenings()) {
        let mut run = Run::begun(RunConfig::default());
        let (mut under_way, mut capacity, mut next) = (Some(run.exchange_among()), 2, 1);
        let (mut in_hand, mut open) = (Vec::new(), Vec::new());
        for happening in happenings {
            match happening {
                Happening::End(id, succeeds) if in_hand.contains(&id) => {
                    in_hand.retain(|other| *other != id);
                    run.end(id, if succeeds { AttemptOutcome::Succeeded } else { failed() });
                }
                Happening::NotStarted(id) if in_hand.contains(&id) => {
                    in_hand.retain(|other| *other != id);
                    run.progress(id, AttemptProgress::NotStarted { shortage: None });
                }
                Happening::Start(id) if in_hand.contains(&id) => drop(run.start(id)),
                Happening::Wake => drop(run.feed(Input::Woken)),
                Happening::Capacity(other) => {
                    capacity = other;
                    run.feed(Input::Capacity(capacity));
                }
                Happening::Answer(count) => {
                    let Some(request) = under_way.take() else { continue };
                    for settlement in &request.settlements {
                        let id = settlement.token.item.get();
                        prop_assert!(open.contains(&id) && !in_hand.contains(&id), "{id} settled out of turn");
                        open.retain(|other| *other != id);
                    }
                    let granted: Vec<u64> = (next..).take(count.min(request.limit)).collect();
                    next += granted.len() as u64;
                    open.extend(&granted);
                    in_hand.extend(&granted);
                    run.answer(claims(&granted, true));
                }
                _ => {}
            }
            for action in run.actions() {
                match action {
                    Action::Exchange(request) => {
                        prop_assert!(request.limit + in_hand.len() <= capacity.max(in_hand.len()));
                        prop_assert!(under_way.replace(request).is_none(), "two operations at a time");
                    }
                    Action::Start(attempt) => prop_assert!(in_hand.contains(&attempt.token.item.get())),
                    other => prop_assert!(matches!(other, Action::Recover), "{other:?}"),
                }
            }
            // This exchange also releases claims beyond the current capacity.
            if let Some(request) = &under_way {
                let back: Vec<_> = request.settlements.iter().map(|settlement| settlement.token.item.get()).collect();
                in_hand.retain(|id| !back.contains(id));
            }
        }
        for id in in_hand {
            run.end(id, AttemptOutcome::Succeeded);
        }
        loop {
            let ordered = run.actions().into_iter().find_map(|action| match action {
                Action::Exchange(request) => Some(request),
                _ => None,
            });
            let Some(request) = under_way.take().or(ordered) else { break };
            open.retain(|id| !request.settlements.iter().any(|settlement| settlement.token.item.get() == *id));
            run.answer(claims(&[], false));
        }
        prop_assert!(open.is_empty(), "{open:?} not settled");
    }
}
