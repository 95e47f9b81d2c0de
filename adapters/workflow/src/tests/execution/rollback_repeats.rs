use std::sync::Arc;

use autoproc_domain::RetryPolicy;
use autoproc_domain::ports::AttemptOutcome;

use super::harness::{Fixture, failure};
use super::scripted_runner::{ScriptedRunner, step_of};

const MOUNTED: &str = "workflow: {id: w, phases: [{id: p, steps: [{id: mount, run: [x], rerun: always}, {id: use, \
                       run: [x]}]}], rollback: {steps: [{id: undo, run: [x]}, {id: tidy, run: [x]}]}}";

fn fixture(retries: u32) -> Fixture {
    let mut fixture = Fixture::new(MOUNTED);
    fixture.retry = RetryPolicy { retries, ..RetryPolicy::default() };
    fixture
}

fn attempt(fixture: &Fixture, number: u32, failing: &'static str) -> (Vec<String>, String) {
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        let fails = step_of(process) == failing;
        (String::new(), if fails { AttemptOutcome::Exited { code: 3 } } else { AttemptOutcome::Succeeded })
    }));
    let report = fixture.attempt_with(runner.clone(), fixture.claim(number));
    (runner.steps(), failure(&report))
}

#[test]
fn a_rerun_that_fails_for_good_is_rolled_back() {
    let fixture = fixture(1);
    assert_eq!(attempt(&fixture, 1, "use").0, ["mount", "use"]);
    let (steps, error) = attempt(&fixture, 2, "mount");
    assert_eq!(steps, ["mount", "undo", "tidy"]);
    assert_eq!(error, "rollback: rolled back after p/mount: exit status 3");
}

#[test]
fn a_resumed_rollback_runs_no_finished_step_again() {
    let fixture = fixture(0);
    let first = Arc::new(ScriptedRunner::new(|process| match step_of(process).as_str() {
        "use" => (String::new(), AttemptOutcome::Exited { code: 3 }),
        "tidy" => (String::new(), AttemptOutcome::Aborted),
        _ => (String::new(), AttemptOutcome::Succeeded),
    }));
    let report = fixture.attempt_with(first.clone(), fixture.claim(1));
    assert_eq!(report.outcome, AttemptOutcome::Aborted);
    assert_eq!(first.steps(), ["mount", "use", "undo", "tidy"]);
    let (steps, error) = attempt(&fixture, 2, "");
    assert_eq!((steps, error.as_str()), (vec!["tidy".to_owned()], "rollback: rolled back after p/use: exit status 3"));
}

#[test]
fn a_rollback_that_has_ended_runs_no_finished_step_again() {
    let fixture = fixture(0);
    attempt(&fixture, 1, "use");
    let (steps, error) = attempt(&fixture, 2, "");
    assert_eq!((steps.len(), error.as_str()), (0, "rollback: rolled back after p/use: exit status 3"));
}
