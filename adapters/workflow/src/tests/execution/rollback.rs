use std::sync::Arc;

use autoproc_domain::RetryPolicy;
use autoproc_domain::ports::AttemptOutcome;
use autoproc_testkit::ScriptedStop;
use proptest::prelude::*;

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of, variable};
use crate::execution::{ActivationVerdict, ExecutionStatus, Inputs};

const GUARDED: &str = r#"
workflow:
  id: wf-test
  inputs: [{name: enabled, type: boolean, default: true}]
  phases:
    - {id: one, steps: [{id: first, run: [x]}]}
    - {id: two, steps: [{id: second, run: [x]}]}
  transitions:
    - {from: one, to: two, condition: good}
    - {from: one, to: rollback, condition: "failed AND ${enabled}"}
  rollback:
    trigger: failed
    steps:
      - action: restore
        inputs: {target: "${file | basename}", reason: "${one.reason}", words: "because ${one.reason}"}
      - {action: never, condition: good}
      - tidy
  on_error:
    - {action: notify, description: informs the author}
    - weep
"#;

fn fixture() -> Fixture {
    let mut fixture = Fixture::new(GUARDED);
    fixture.runners = "[runners.commands]\nrestore = ['r']\ntidy = ['t']\nnotify = ['n']\n".into();
    fixture
}

fn runner(values: &str, failing: &[&str]) -> Arc<ScriptedRunner> {
    let (values, failing) = (values.to_owned(), failing.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>());
    Arc::new(ScriptedRunner::new(move |process| {
        let step = step_of(process);
        let outcome =
            if failing.contains(&step) { AttemptOutcome::Exited { code: 3 } } else { AttemptOutcome::Succeeded };
        (if step == "first" { values.clone() } else { String::new() }, outcome)
    }))
}

#[test]
fn a_transition_leads_to_the_rollback() {
    let fixture = fixture();
    let runner = runner("failed=true\n", &[]);
    let report = fixture.attempt_with(runner.clone(), fixture.claim(1));
    let error = failure(&report);
    assert_eq!(error, "rollback: rolled back after one: `failed AND ${enabled}` holds");
    assert!(matches!(report.outcome.root_cause(), AttemptOutcome::Unmet { permanent: true, .. }), "{report:?}");
    assert_eq!(runner.steps(), ["first", "rollback_1", "rollback_3", "on_error_1"]);
    let [_, undo, _, notify] = <[_; 4]>::try_from(runner.processes()).unwrap();
    for (process, name, value) in [
        (&undo, "AUTOPROC_PHASE", "rollback"),
        (&undo, "AUTOPROC_INPUT_TARGET", "a file.txt"),
        (&undo, "AUTOPROC_INPUT_WORDS", "because ${one.reason}"),
        (&undo, "AUTOPROC_FAILED_PHASE", "one"),
        (&notify, "AUTOPROC_DESCRIPTION", "informs the author"),
        (&notify, "AUTOPROC_FAILED_PHASE", "one"),
        (&notify, "AUTOPROC_ERROR", "one: `failed AND ${enabled}` holds"),
    ] {
        assert_eq!(variable(process, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(variable(&undo, "AUTOPROC_INPUT_REASON"), None, "null");
    assert_eq!(fixture.state().status, ExecutionStatus::Failed);
    let lines = fixture.event_lines();
    for expected in [
        "rollback_started one",
        "step_completed rollback_1",
        "step_skipped rollback_2",
        "rollback_completed",
        "error_step_ended on_error_1",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:?}");
    }
}

#[test]
fn a_failed_phase_is_undone_once_it_has_failed_for_good() {
    let mut fixture = fixture();
    fixture.retry = RetryPolicy { retries: 1, ..RetryPolicy::default() };
    let runner = runner("", &["first"]);
    let error = failure(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!((error.as_str(), runner.steps().len()), ("one/first: exit status 3", 1));
    let error = failure(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    assert_eq!(error, "rollback: rolled back after one/first: exit status 3");
    assert_eq!(runner.steps()[1..], ["first", "rollback_1", "rollback_3", "on_error_1"]);
    let notify = runner.processes().pop().unwrap();
    assert_eq!(variable(&notify, "AUTOPROC_FAILED_STEP").as_deref(), Some("first"));
}

#[test]
fn a_workflow_that_succeeds_undoes_nothing() {
    let fixture = fixture();
    let runner = runner("good=true\n", &[]);
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!(runner.steps(), ["first", "second"]);
}

#[test]
fn a_rollback_resumes_at_the_step_that_failed() {
    let fixture = fixture();
    let first = runner("failed=true\n", &["rollback_3"]);
    let error = failure(&fixture.attempt_with(first.clone(), fixture.claim(1)));
    assert_eq!(error, "rollback/rollback_3: exit status 3");
    assert_eq!(first.steps(), ["first", "rollback_1", "rollback_3"]);
    let second = runner("", &[]);
    let error = failure(&fixture.attempt_with(second.clone(), fixture.claim(2)));
    assert!(error.starts_with("rollback: rolled back after one: "), "{error}");
    assert_eq!(second.steps(), ["rollback_3", "on_error_1"]);
    let third = runner("good=true\n", &[]);
    let mut claim = fixture.claim(3);
    claim.round = 2;
    expect_success(&fixture.attempt_with(third.clone(), claim));
    assert_eq!(third.steps(), ["first", "second"]);
}

/// The queue did not record the outcome of the first attempt.
#[test]
fn a_rollback_that_is_over_is_not_repeated() {
    let fixture = fixture();
    failure(&fixture.attempt_with(runner("failed=true\n", &[]), fixture.claim(1)));
    let again = runner("", &[]);
    let error = failure(&fixture.attempt_with(again.clone(), fixture.claim(2)));
    assert!(error.contains("rolled back after one"), "{error}");
    assert_eq!(again.steps(), ["on_error_1"]);
}

#[test]
fn a_failed_error_step_changes_nothing() {
    let mut fixture = fixture();
    fixture.workflow = fixture.workflow.replace("rollback:", "undo:").replace("to: rollback", "to: two");
    fixture.retry = RetryPolicy { retries: 0, ..RetryPolicy::default() };
    let runner = runner("", &["first", "on_error_1"]);
    let error = failure(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!(error, "one/first: exit status 3");
    assert_eq!(runner.steps(), ["first", "on_error_1"], "`weep` has no runner");
}

#[test]
fn nothing_follows_a_stop() {
    let fixture = fixture();
    let stopped = Arc::new(ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Aborted)));
    let report = fixture.attempt_until(Arc::new(ScriptedStop::alone()), stopped.clone(), fixture.claim(4));
    assert_eq!(report.outcome, AttemptOutcome::Aborted);
    assert_eq!(stopped.steps(), ["first"]);
}

#[test]
fn a_missing_runner_of_the_rollback_is_found_before_a_run() {
    let mut fixture = fixture();
    let check = |fixture: &Fixture| fixture.run().programs.check(fixture.plan().workflow()).map_err(|e| e.to_string());
    assert_eq!(check(&fixture), Ok(()), "`never` has a condition, and `weep` follows an error");
    fixture.runners = fixture.runners.replace("tidy = ", "other = ");
    let error = check(&fixture).unwrap_err();
    assert!(error.contains("no runner for the command `tidy` of the step `rollback_3`"), "{error}");
}

#[test]
fn a_rollback_needs_no_section() {
    let mut fixture = fixture();
    let (before, rest) = GUARDED.split_once("  rollback:\n").unwrap();
    let on_error = &rest[rest.find("  on_error").unwrap()..];
    fixture.workflow = format!("{before}{on_error}");
    let runner = runner("failed=true\n", &[]);
    let error = failure(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert!(error.contains("rolled back"), "{error}");
    assert_eq!(runner.steps(), ["first", "on_error_1"]);
}

#[test]
fn only_the_transition_to_the_rollback_may_be_refused() {
    let mut fixture = fixture();
    fixture.workflow = fixture.workflow.replace("    - {from: one, to: two, condition: good}\n", "");
    let runner = runner("", &[]);
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!(runner.steps(), ["first", "second"]);
}

#[test]
fn a_transition_to_the_rollback_that_cannot_be_decided_fails_the_phase() {
    // A later transition would be taken, and a skipped phase would lead to the next one.
    let rollback = "condition: \"failed AND ${enabled}\"";
    let undecided = "condition: enabled < 'x'}\n    - {from: one, to: two";
    let skipped = "{id: one, condition: not enabled, steps";
    for (phase, first_step) in [("{id: one, steps", "first"), (skipped, "")] {
        let mut fixture = fixture();
        fixture.workflow = fixture.workflow.replace(rollback, undecided).replace("{id: one, steps", phase);
        let runner = runner("", &[]);
        let error = failure(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
        assert!(error.contains("to rollback: ") && error.contains("enabled < 'x'"), "{error}");
        assert_eq!(runner.steps().first().map_or("", |step| step.as_str()), first_step);
        assert!(!runner.steps().contains(&"second".to_owned()), "{:?}", runner.steps());
    }
}

#[test]
fn an_activation_is_decided_by_the_inputs() {
    let verdict = |condition: &str| {
        let text = format!(
            "workflow: {{id: w, phases: [{{id: p, task: t}}], activation: {{condition: \"{condition}\", fallback_workflow: f}}, \
             inputs: [{{name: a, default: x}}, {{name: b}}, {{name: c, default: 'in ${{file}}'}}]}}"
        );
        let plan = Fixture::new(&text).plan();
        let inputs = Inputs::new(&plan, Vec::new()).unwrap();
        plan.activation(&inputs)
    };
    let not_used =
        |condition: &str| ActivationVerdict::NotUsed { condition: condition.into(), fallback: Some("f".into()) };
    let unknown = |condition: &str| ActivationVerdict::Unknown(condition.into());
    assert_eq!(verdict("${a} == 'x' AND NOT b exists"), ActivationVerdict::Used);
    for condition in ["b exists", "a == 'y'"] {
        assert_eq!(verdict(condition), not_used(condition));
    }
    for condition in ["register.yaml exists", "file exists", "c == 'in x'", "a <", "a < 3"] {
        assert_eq!(verdict(condition), unknown(condition), "{condition}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_interrupted_rollback_runs_each_step_once(ends in prop::collection::vec(0..3_u8, 0..6)) {
        let mut fixture = fixture();
        fixture.retry = RetryPolicy { retries: 100, ..RetryPolicy::default() };
        let mut succeeded = Vec::new();
        let ends = ends.iter().copied().chain([0; 8]);
        let mut claims = 0;
        for end in ends {
            claims += 1;
            let runner = Arc::new(ScriptedRunner::new(move |process| {
                let outcome = match end {
                    _ if step_of(process) == "first" || end == 0 => AttemptOutcome::Succeeded,
                    1 => AttemptOutcome::Exited { code: 1 },
                    _ => AttemptOutcome::Aborted,
                };
                ("failed=true".to_owned(), outcome)
            }));
            let report = fixture.attempt_with(runner.clone(), fixture.claim(claims));
            if end == 0 {
                succeeded.extend(runner.steps());
                prop_assert!(report.outcome.to_string().contains("rolled back after one"));
                break;
            }
            succeeded.extend(runner.steps().into_iter().filter(|step| step == "first"));
        }
        prop_assert_eq!(succeeded, ["first", "rollback_1", "rollback_3", "on_error_1"]);
    }
}
