//! Executions that were over before the queue heard of it.

use std::fs;
use std::sync::{Arc, Mutex};

use crate::execution::{Equipment, ExecutionStatus};
use autoproc_domain::ItemId;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{Attempt, AttemptOutcome};
use autoproc_testkit::ScriptedStop;

use super::harness::{Place, expect_success};
use super::scripted_runner::ScriptedRunner;

const ALL: [&str; 2] = ["s1", "s2"];

/// A place whose file was done by its first attempt.
fn done() -> Place {
    let steps = "[{id: s1, run: [x], rerun: always}, {id: s2, run: [x]}]";
    let place = Place::new(&format!("workflow: {{id: w, phases: [{{id: p, steps: {steps}}}]}}"));
    assert_eq!(steps_of(&place, place.claim(1)), ALL);
    place
}

fn steps_of(place: &Place, attempt: Attempt) -> Vec<String> {
    let runner = all_is_well();
    expect_success(&place.attempt_with(runner.clone(), attempt));
    runner.steps()
}

fn all_is_well() -> Arc<ScriptedRunner> {
    Arc::new(ScriptedRunner::new(|_| ("v=1".into(), AttemptOutcome::Succeeded)))
}

#[track_caller]
fn expect_over(place: &Place) {
    assert_eq!(place.state().status, ExecutionStatus::Completed);
    assert!(place.path("state/executions/completed/7.jsonl").is_file());
    assert_eq!(place.executions().under_way().unwrap(), Vec::<ItemId>::new());
}

/// A run that is killed between the end of a workflow and the queue's record of it leaves the file to the next attempt,
/// for which nothing is left to do; not even once more what always runs again.
#[test]
fn a_finished_execution_is_not_repeated() {
    let place = done();
    assert_eq!(steps_of(&place, place.claim(2)), Vec::<String>::new());
    expect_over(&place);
    // Nor when that run is killed at the same moment.
    assert_eq!(steps_of(&place, place.claim(3)), Vec::<String>::new());
    expect_over(&place);
}

/// The moment may be the one before it was put away.
#[test]
fn a_finished_execution_that_was_not_put_away_is_not_repeated() {
    let place = done();
    let journal = place.path("state/executions/7.jsonl");
    fs::rename(place.path("state/executions/completed/7.jsonl"), &journal).unwrap();
    assert_eq!(steps_of(&place, place.claim(2)), Vec::<String>::new());
    expect_over(&place);
}

#[test]
fn what_is_not_the_same_begins_anew_although_it_is_over() {
    let first = |place: &Place, claim| Attempt { number: AttemptNumber::new(1).unwrap(), ..place.claim(claim) };
    // The first attempt of another queue's item of this number.
    let place = done();
    assert_eq!(steps_of(&place, first(&place, 2)), ALL);
    let mut place = done();
    place.from_start = true;
    assert_eq!(steps_of(&place, place.claim(2)), ALL);
    let mut place = done();
    place.workflow.push_str("\n# a remark\n");
    assert_eq!(steps_of(&place, place.claim(2)), ALL);
    // A journal that cannot be read belongs to no item.
    let place = done();
    fs::write(place.path("state/executions/completed/7.jsonl"), "{\n{\n").unwrap();
    assert_eq!(steps_of(&place, place.claim(2)), ALL);
}

/// The file was added again: even if the first attempt of the new round dies before its execution begins.
#[test]
fn a_finished_execution_of_an_earlier_round_is_repeated() {
    let place = done();
    assert_eq!(steps_of(&place, Attempt { round: 2, ..place.claim(2) }), ALL);
    expect_over(&place);
}

/// The file is done, so a journal that stays in its place is only a warning.
#[test]
fn a_journal_that_cannot_be_put_away_is_a_warning() {
    let place = Place::new("workflow: {id: w, phases: [{id: p, steps: [{id: s1, run: [x]}]}]}");
    fs::create_dir_all(place.path("state/executions")).unwrap();
    fs::write(place.path("state/executions/completed"), "in the way").unwrap();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let received = warnings.clone();
    let equipment = Equipment {
        on_warning: Arc::new(move |warning| received.lock().unwrap().push(warning.to_owned())),
        ..place.equipment(all_is_well())
    };
    expect_success(&place.attempt_equipped(equipment, Arc::new(ScriptedStop::alone()), place.claim(1)));
    let warnings = warnings.lock().unwrap();
    assert!(warnings.len() == 1 && warnings[0].starts_with("cannot put away the journal of item 7: "), "{warnings:?}");
}
