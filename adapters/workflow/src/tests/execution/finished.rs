use std::fs;
use std::sync::{Arc, Mutex};

use crate::execution::{Equipment, ExecutionStatus};
use autoproc_domain::ItemId;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{Attempt, AttemptOutcome};
use autoproc_testkit::ScriptedStop;

use super::harness::{Fixture, expect_success};
use super::scripted_runner::ScriptedRunner;

const ALL: [&str; 2] = ["s1", "s2"];

fn completed_fixture() -> Fixture {
    let steps = "[{id: s1, run: [x], rerun: always}, {id: s2, run: [x]}]";
    let fixture = Fixture::new(&format!("workflow: {{id: w, phases: [{{id: p, steps: {steps}}}]}}"));
    assert_eq!(steps_of(&fixture, fixture.claim(1)), ALL);
    fixture
}

fn steps_of(fixture: &Fixture, attempt: Attempt) -> Vec<String> {
    let runner = all_is_well();
    expect_success(&fixture.attempt_with(runner.clone(), attempt));
    runner.steps()
}

fn all_is_well() -> Arc<ScriptedRunner> {
    Arc::new(ScriptedRunner::new(|_| ("v=1".into(), AttemptOutcome::Succeeded)))
}

#[track_caller]
fn expect_archived(fixture: &Fixture) {
    assert_eq!(fixture.state().status, ExecutionStatus::Completed);
    assert!(fixture.path("state/executions/completed/7.jsonl").is_file());
    assert_eq!(fixture.executions().under_way().unwrap(), Vec::<ItemId>::new());
}

#[test]
fn a_finished_execution_is_not_repeated() {
    let fixture = completed_fixture();
    assert_eq!(steps_of(&fixture, fixture.claim(2)), Vec::<String>::new());
    expect_archived(&fixture);
    // The second run may be killed at the same moment as the first.
    assert_eq!(steps_of(&fixture, fixture.claim(3)), Vec::<String>::new());
    expect_archived(&fixture);
}

#[test]
fn a_finished_execution_that_was_not_archived_is_not_repeated() {
    let fixture = completed_fixture();
    let journal = fixture.path("state/executions/7.jsonl");
    fs::rename(fixture.path("state/executions/completed/7.jsonl"), &journal).unwrap();
    assert_eq!(steps_of(&fixture, fixture.claim(2)), Vec::<String>::new());
    expect_archived(&fixture);
}

#[test]
fn another_subject_begins_anew_although_the_execution_is_over() {
    let first = |fixture: &Fixture, claim| Attempt { number: AttemptNumber::new(1).unwrap(), ..fixture.claim(claim) };
    // A first attempt has no earlier execution, so the finished one belongs to another queue.
    let fixture = completed_fixture();
    assert_eq!(steps_of(&fixture, first(&fixture, 2)), ALL);
    let mut fixture = completed_fixture();
    fixture.from_start = true;
    assert_eq!(steps_of(&fixture, fixture.claim(2)), ALL);
    let mut fixture = completed_fixture();
    fixture.workflow.push_str("\n# a remark\n");
    assert_eq!(steps_of(&fixture, fixture.claim(2)), ALL);
    // An unreadable journal belongs to no item, so all steps run.
    let fixture = completed_fixture();
    fs::write(fixture.path("state/executions/completed/7.jsonl"), "{\n{\n").unwrap();
    assert_eq!(steps_of(&fixture, fixture.claim(2)), ALL);
}

#[test]
fn a_finished_execution_of_an_earlier_round_is_repeated() {
    let fixture = completed_fixture();
    assert_eq!(steps_of(&fixture, Attempt { round: 2, ..fixture.claim(2) }), ALL);
    expect_archived(&fixture);
}

#[test]
fn a_journal_that_cannot_be_archived_is_a_warning() {
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{id: s1, run: [x]}]}]}");
    fs::create_dir_all(fixture.path("state/executions")).unwrap();
    fs::write(fixture.path("state/executions/completed"), "in the way").unwrap();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let received = warnings.clone();
    let equipment = Equipment {
        on_warning: Arc::new(move |warning| received.lock().unwrap().push(warning.to_owned())),
        ..fixture.equipment(all_is_well())
    };
    expect_success(&fixture.attempt_equipped(equipment, Arc::new(ScriptedStop::alone()), fixture.claim(1)));
    let warnings = warnings.lock().unwrap();
    assert!(warnings.len() == 1 && warnings[0].starts_with("cannot archive the journal of item 7: "), "{warnings:?}");
}
