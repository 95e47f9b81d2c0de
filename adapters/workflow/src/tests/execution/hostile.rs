use std::sync::Arc;

use crate::execution::{InputError, Inputs};
use autoproc_domain::ports::AttemptOutcome;

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::ScriptedRunner;

#[test]
fn ten_thousand_steps_run_once_each_and_are_resumable() {
    let steps: Vec<_> = (0..10_000).map(|number| format!("        - {{id: s{number}, run: [x]}}\n")).collect();
    let steps = steps.concat();
    let fixture = Fixture::new(&format!("workflow:\n  id: w\n  phases:\n    - id: p\n      steps:\n{steps}"));
    let runner = Arc::new(ScriptedRunner::new(|process| {
        let last_but_one = super::scripted_runner::step_of(process) == "s9998";
        let is_first = process.attempt.number.get() == 1;
        let outcome =
            if last_but_one && is_first { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded };
        ("n=1".into(), outcome)
    }));
    failure(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    let expected: Vec<_> = (0..9_999).chain(9_998..10_000).map(|number| format!("s{number}")).collect();
    assert_eq!(runner.steps(), expected);
}

#[test]
fn a_missing_program_or_runner_is_named() {
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{id: s, run: [no-such-program]}]}]}");
    let report = fixture.attempt(1);
    assert!(failure(&report).starts_with("p/s: cannot start: "), "{report:?}");
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{id: s, execute: {command: tag}}]}]}");
    let report = fixture.attempt(1);
    assert!(failure(&report).contains("[runners.commands]"), "{report:?}");
    let is_permanent = matches!(report.outcome.root_cause(), AttemptOutcome::Unmet { permanent: true, .. });
    assert!(is_permanent, "{report:?}");
}

#[test]
fn inputs_are_checked_before_anything_runs() {
    let fixture = Fixture::new(
        "
workflow:
  id: w
  inputs:
    - {name: code, type: string, required: true, description: of the source}
    - {name: n, type: integer}
    - {name: list, type: array}
  phases: [{id: p, steps: [{run: [x, '${code}', '${loose}']}]}]
",
    );
    let plan = fixture.plan();
    let inputs = |given: &[(&str, &str)]| {
        Inputs::new(&plan, given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    };
    let missing = inputs(&[]).unwrap_err();
    assert_eq!(missing.to_string(), "the workflow needs the input `code` (of the source)");
    let unknown = inputs(&[("code", "x"), ("cod", "y")]).unwrap_err();
    assert!(matches!(&unknown, InputError::Unknown { known, .. } if known[0] == "code"), "{unknown}");
    let twice = inputs(&[("code", "x"), ("n", "1"), ("code", "y")]).unwrap_err();
    assert_eq!(twice.to_string(), "the input `code` is given twice");
    let unfit = inputs(&[("code", "x"), ("n", "many")]).unwrap_err();
    assert_eq!(unfit.to_string(), "the input `n` must be a whole number, not \"many\"");
    inputs(&[("code", "${file}"), ("n", "3"), ("list", "a, b"), ("loose", "z")]).unwrap();
    inputs(&[("code", "${nothing}")]).unwrap_err();
}

#[test]
fn an_empty_workflow_completes() {
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, condition: 'false', steps: [{run: ['false']}]}]}");
    expect_success(&fixture.attempt(1));
}
