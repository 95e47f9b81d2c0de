use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autoproc_domain::ports::{Attempt, AttemptOutcome};

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::ScriptedRunner;

fn steps_of(fixture: &Fixture, values: &'static str) -> (Vec<String>, String) {
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        let fails = process.program == "false";
        let outcome = if fails { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded };
        (values.to_owned(), outcome)
    }));
    let report = fixture.attempt_with(runner.clone(), fixture.claim(1));
    (runner.steps(), report.outcome.to_string())
}

fn phases(transitions: &str) -> Fixture {
    Fixture::new(&format!(
        "
workflow:
  id: wf-test
  phases:
    - {{id: p1, steps: [{{id: s1, run: ['true']}}]}}
    - {{id: p2, steps: [{{id: s2, run: ['true']}}]}}
    - {{id: p3, steps: [{{id: s3, run: ['true']}}]}}
  transitions: {transitions}
"
    ))
}

#[test]
fn the_first_transition_that_holds_is_taken() {
    let fixture = phases("[{from: p1, to: p2, condition: not large}, {from: p1, to: p3, condition: large}]");
    assert_eq!(steps_of(&fixture, "large=true").0, ["s1", "s3"]);
    let fixture = phases("[{from: p1, to: p3}]");
    assert_eq!(steps_of(&fixture, "").0, ["s1", "s3"]);
}

#[test]
fn a_phase_fails_if_no_transition_can_be_taken() {
    let fixture = phases("[{from: p1, to: p2, condition: file_downloaded}]");
    let (steps, words) = steps_of(&fixture, "");
    assert_eq!(steps, ["s1"]);
    assert_eq!(words, "p1: no transition can be taken: to p2: `file_downloaded` does not hold");
    assert_eq!(steps_of(&phases("[{from: p1, to: p2, condition: checkpoint_passed}]"), "").0, ["s1", "s2", "s3"]);
}

#[test]
fn an_output_that_was_not_returned_has_no_order() {
    for condition in ["errors < 3", "errors > 3", "errors is null and errors <= 3", "3 >= errors"] {
        let fixture =
            phases(&format!("[{{from: p1, to: p2, condition: {condition}}}, {{from: p1, to: p3, condition: good}}]"));
        assert_eq!(steps_of(&fixture, "good=true").0, ["s1", "s3"], "{condition}");
        let (steps, words) = steps_of(&fixture, "");
        assert_eq!(steps, ["s1"]);
        assert!(words.contains("cannot be evaluated: ") && words.contains("have no order"), "{words}");
    }
    let fixture = phases("[{from: p1, to: p2, condition: errors is null or errors < 3}]");
    assert_eq!(steps_of(&fixture, "").0, ["s1", "s2", "s3"]);
    assert_eq!(steps_of(&fixture, "errors=2").0, ["s1", "s2", "s3"]);
}

#[test]
fn on_fail_determines_the_consequence_of_a_failed_step() {
    let with = |how: &str| {
        Fixture::new(&format!(
            "
workflow:
  id: wf-test
  phases:
    - id: p1
      {how}
      steps: [{{id: s1, run: ['false']}}, {{id: s2, run: ['true']}}]
    - {{id: p2, steps: [{{id: s3, run: ['true']}}]}}
"
        ))
    };
    assert_eq!(steps_of(&with("on_fail: fail"), "").0, ["s1"]);
    assert_eq!(steps_of(&with("on_fail: continue"), "").0, ["s1", "s2", "s3"]);
    assert_eq!(steps_of(&with("on_fail: skip"), "").0, ["s1", "s3"]);
    assert_eq!(steps_of(&with("blocking: false"), ""), (vec!["s1".into(), "s3".into()], "succeeded".into()));
}

#[test]
fn a_failure_names_phase_step_status_and_stderr() {
    let fixture =
        Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{id: s, shell: 'echo no such luck >&2; exit 9'}]}]}");
    let report = fixture.attempt(1);
    assert_eq!(failure(&report), "p/s: exit status 9");
    assert_eq!(&*report.output_tail, "no such luck");
}

#[test]
fn stderr_of_a_tolerated_failure_is_not_quoted_for_another() {
    for (fixture, last) in [
        ("", "{id: s2, run: ['true', '${zzz}']}"),
        ("", "{id: s2, shell: 'exit 3'}"),
        ("checkpoint: {validation: [good]}, ", "{id: s2, run: ['true']}"),
    ]
    .map(|(extra, last)| {
        let first = "{id: p0, on_fail: continue, steps: [{id: s1, shell: 'echo harmless >&2; exit 1'}]}";
        let workflow = format!("workflow: {{id: w, phases: [{first}, {{id: p, {extra}steps: [{last}]}}]}}");
        (Fixture::new(&workflow), last)
    }) {
        let report = fixture.attempt(1);
        failure(&report);
        assert_eq!(&*report.output_tail, "", "{last}");
    }
}

#[test]
fn stderr_of_a_failed_try_is_not_quoted_after_success() {
    let shell = "test -e again || { touch again; echo harmless >&2; exit 1; }";
    let fixture = Fixture::new(&format!(
        "workflow: {{id: w, phases: [{{id: p, steps: [{{id: s, shell: '{shell}', retries: 1}}], checkpoint: {{validation: [good]}}}}]}}"
    ));
    let report = fixture.attempt(1);
    assert_eq!(failure(&report), "p: the checkpoint p is not passed: missing or false: good");
    assert_eq!(&*report.output_tail, "");
}

#[test]
fn a_step_is_retried_within_the_attempt() {
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{id: s, run: [x], retries: 1}]}]}");
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let runner = Arc::new(ScriptedRunner::new(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => (String::new(), AttemptOutcome::Exited { code: 1 }),
        _ => (String::new(), AttemptOutcome::Succeeded),
    }));
    expect_success(&fixture.attempt_with(runner, fixture.claim(1)));
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}

#[test]
fn a_permanent_failure_is_not_retried() {
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{id: s, run: [x], retries: 5}]}]}");
    let runner = Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Exited { code: 127 })));
    let report = fixture.attempt_with(runner.clone(), fixture.claim(1));
    assert_eq!(report.outcome.root_cause(), &AttemptOutcome::Exited { code: 127 });
    assert_eq!(runner.steps().len(), 1);
}

#[test]
fn a_step_timeout_never_exceeds_the_rest_of_the_attempt() {
    let workflow = "workflow: {id: w, phases: [{id: p, steps: [{id: s, run: [sleep, '60'], timeout: 100ms}]}]}";
    let report = Fixture::new(workflow).attempt(1);
    assert_eq!(report.outcome.root_cause(), &AttemptOutcome::TimedOut { after: Duration::from_millis(100) });
    let fixture = Fixture::new(&workflow.replace("100ms", "1h"));
    let attempt = Attempt { timeout: Duration::from_millis(200), ..fixture.claim(1) };
    let runner = Arc::new(super::plain_runner::PlainRunner);
    let report = fixture.attempt_with(runner, attempt);
    assert_eq!(report.outcome.root_cause(), &AttemptOutcome::TimedOut { after: Duration::from_millis(200) });
}
