//! A later attempt resumes where the last one ended.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autoproc_domain::ItemId;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{Attempt, AttemptOutcome, StopCause, StopLevel};
use autoproc_testkit::ScriptedStop;

use super::harness::{Place, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of};

const FIVE_STEPS: &str = r#"
workflow:
  id: wf-test
  inputs: [{name: mode, type: string, default: plain}]
  phases:
    - id: a
      steps:
        - {id: s1, run: ["true"]}
        - {id: s2, run: ["true"], rerun: RERUN}
        - {id: s3, run: ["true", "${a.from_s1}"]}
    - id: b
      steps:
        - {id: s4, run: ["true"]}
        - {id: s5, run: ["true"]}
"#;

fn place() -> Place {
    Place::new(&FIVE_STEPS.replace("RERUN", "never"))
}

/// Everything ends well but `failing`, which does not while `is_broken`.
fn runner(failing: &'static str, is_broken: &Arc<AtomicBool>) -> Arc<ScriptedRunner> {
    let is_broken = is_broken.clone();
    Arc::new(ScriptedRunner::new(move |process| {
        let values = format!("from_{}=1", step_of(process));
        let fails = step_of(process) == failing && is_broken.load(Ordering::Relaxed);
        (values, if fails { AttemptOutcome::Exited { code: 3 } } else { AttemptOutcome::Succeeded })
    }))
}

fn first_attempt(place: &Place) -> AttemptOutcome {
    let runner = runner("s3", &Arc::new(AtomicBool::new(true)));
    let report = place.attempt_with(runner.clone(), place.claim(1));
    assert_eq!(runner.steps(), ["s1", "s2", "s3"]);
    report.outcome
}

fn second_attempt(place: &Place) -> Vec<String> {
    let runner = runner("", &Arc::default());
    expect_success(&place.attempt_with(runner.clone(), place.claim(2)));
    runner.steps()
}

#[test]
fn a_failed_step_is_where_the_next_attempt_begins() {
    let place = place();
    let outcome = first_attempt(&place);
    assert_eq!(outcome.to_string(), "a/s3: exit status 3");
    assert_eq!(second_attempt(&place), ["s3", "s4", "s5"]);
}

#[test]
fn a_step_that_always_runs_again_does() {
    let place = Place::new(&FIVE_STEPS.replace("RERUN", "always"));
    first_attempt(&place);
    assert_eq!(second_attempt(&place), ["s2", "s3", "s4", "s5"]);
}

/// Whether it succeeded the last time or not: what it did once has to be done again.
#[test]
fn a_step_that_always_runs_again_does_so_after_it_has_failed_at_that() {
    let place = Place::new(
        "workflow: {id: w, phases: [{id: p, steps: [{id: mount, run: [x], rerun: always}, {id: use, run: [x]}]}]}",
    );
    let failing = |step: &'static str| runner(step, &Arc::new(AtomicBool::new(true)));
    for (number, step, ran) in [(1, "use", &["mount", "use"][..]), (2, "mount", &["mount"]), (3, "mount", &["mount"])] {
        let runner = failing(step);
        failure(&place.attempt_with(runner.clone(), place.claim(number)));
        assert_eq!(runner.steps(), ran, "attempt {number}");
    }
    let runner = failing("");
    expect_success(&place.attempt_with(runner.clone(), place.claim(4)));
    assert_eq!(runner.steps(), ["mount", "use"]);
}

/// Names mean after a step ran again what they meant before it, but for what it returned now.
#[test]
fn a_step_that_ran_again_does_not_overtake_those_after_it() {
    let place = Place::new(
        "
workflow:
  id: w
  phases:
    - id: p
      steps:
        - {id: early, run: [x], rerun: always}
        - {id: late, run: [x]}
        - {id: last, run: [x, '${x}', '${p.x}', '${steps.early.x}', '${p.attempt}']}
",
    );
    for number in 1..=3 {
        let runner = Arc::new(ScriptedRunner::new(move |process| match step_of(process).as_str() {
            "early" => (format!("x=early\nattempt={number}"), AttemptOutcome::Succeeded),
            "late" => ("x=late".into(), AttemptOutcome::Succeeded),
            _ => (String::new(), AttemptOutcome::Exited { code: 1 }),
        }));
        failure(&place.attempt_with(runner.clone(), place.claim(number)));
        let last = runner.processes().pop().unwrap();
        assert_eq!(last.arguments, ["late", "late", "early", &number.to_string()], "attempt {number}");
        assert_eq!(place.state().phase_outputs["p"]["x"], "late");
    }
}

#[test]
fn another_workflow_or_another_input_begins_anew() {
    let all = ["s1", "s2", "s3", "s4", "s5"];
    let mut changed = place();
    first_attempt(&changed);
    changed.workflow.push_str("# a remark\n");
    assert_eq!(second_attempt(&changed), all);
    let mut changed = place();
    first_attempt(&changed);
    changed.inputs.push(("mode".into(), "other".into()));
    assert_eq!(second_attempt(&changed), all);
}

/// The file was completed since, by a command: its next round is new work.
#[test]
fn what_failed_before_a_completion_is_not_taken_up() {
    let later = |place: &Place, round, follows_completion| {
        first_attempt(place);
        let runner = runner("", &Arc::default());
        let attempt = Attempt { round, follows_completion, number: AttemptNumber::FIRST, ..place.claim(9) };
        expect_success(&place.attempt_with(runner.clone(), attempt));
        runner.steps().len()
    };
    assert_eq!(later(&place(), 2, false), 3, "added again after it had failed");
    assert_eq!(later(&place(), 2, true), 5, "completed in its first round");
    assert_eq!(later(&place(), 3, true), 5, "completed in its second round");
    assert_eq!(later(&place(), 3, false), 5, "how its second round began is not known");
}

/// An execution that begins in a round is continued in it, and in the next one after a failure.
#[test]
fn what_began_after_a_completion_is_taken_up() {
    let place = place();
    let in_round = |round, claim| Attempt { round, follows_completion: round == 2, ..place.claim(claim) };
    let broken = Arc::new(AtomicBool::new(true));
    let runner = runner("s3", &broken);
    failure(&place.attempt_with(runner.clone(), in_round(2, 1)));
    failure(&place.attempt_with(runner.clone(), in_round(2, 2)));
    broken.store(false, Ordering::Relaxed);
    expect_success(&place.attempt_with(runner.clone(), in_round(3, 3)));
    assert_eq!(runner.steps(), ["s1", "s2", "s3", "s3", "s3", "s4", "s5"]);
}

/// The results of its finished steps are those of another file.
#[test]
fn a_file_that_changed_since_the_failure_begins_anew() {
    let place = place();
    first_attempt(&place);
    fs::write(&place.file, "another text").unwrap();
    assert_eq!(second_attempt(&place), ["s1", "s2", "s3", "s4", "s5"]);
}

/// A step may write to the file itself.
#[test]
fn a_file_that_a_step_changed_does_not_begin_anew() {
    let place = place();
    let file = place.file.clone();
    let runner = Arc::new(ScriptedRunner::new(move |process| match step_of(process).as_str() {
        "s3" => {
            fs::write(&file, "normalised").unwrap();
            (String::new(), AttemptOutcome::Exited { code: 3 })
        }
        _ => ("from_s1=1".into(), AttemptOutcome::Succeeded),
    }));
    failure(&place.attempt_with(runner, place.claim(1)));
    assert_eq!(second_attempt(&place), ["s3", "s4", "s5"]);
}

#[test]
fn from_start_means_what_earlier_runs_did() {
    let mut place = place();
    first_attempt(&place);
    place.from_start = true;
    let broken = Arc::new(AtomicBool::new(true));
    let runner = runner("s2", &broken);
    failure(&place.attempt_with(runner.clone(), place.claim(2)));
    broken.store(false, Ordering::Relaxed);
    // The retry within the same run resumes: what this run did counts.
    let again = Attempt { run: place.claim(2).run, ..place.claim(3) };
    expect_success(&place.attempt_with(runner.clone(), again));
    assert_eq!(runner.steps(), ["s1", "s2", "s2", "s3", "s4", "s5"]);
}

/// The numbers of a queue that was removed are given out again.
#[test]
fn what_another_queue_left_is_not_resumable() {
    let place = place();
    first_attempt(&place);
    let runner = runner("", &Arc::default());
    expect_success(&place.attempt_with(runner.clone(), place.claim(1)));
    assert_eq!(runner.steps().len(), 5);
}

#[test]
fn a_missed_checkpoint_sends_its_phase_back_to_its_first_step() {
    let workflow = FIVE_STEPS
        .replace("RERUN", "never")
        .replace("    - id: b", "      checkpoint: {validation: [good]}\n    - id: b");
    let place = Place::new(&workflow);
    let is_good = Arc::new(AtomicBool::new(false));
    let seen = is_good.clone();
    let runner = Arc::new(ScriptedRunner::new(move |_| {
        (format!("from_s1=1\ngood={}", seen.load(Ordering::Relaxed)), AttemptOutcome::Succeeded)
    }));
    let report = place.attempt_with(runner.clone(), place.claim(1));
    assert_eq!(failure(&report), "a: checkpoint a is not passed: missing or false: good");
    is_good.store(true, Ordering::Relaxed);
    expect_success(&place.attempt_with(runner.clone(), place.claim(2)));
    assert_eq!(runner.steps(), ["s1", "s2", "s3", "s1", "s2", "s3", "s4", "s5"]);
}

#[test]
fn an_abort_between_steps_is_no_failure_and_loses_nothing() {
    let place = place();
    let stop = Arc::new(ScriptedStop::alone());
    let raised = stop.clone();
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        if step_of(process) == "s2" {
            raised.raise(StopLevel::Aborting, StopCause::Interrupt);
        }
        ("from_s1=1".into(), AttemptOutcome::Succeeded)
    }));
    let report = place.attempt_until(stop, runner, place.claim(1));
    assert_eq!(report.outcome, AttemptOutcome::Aborted);
    assert_eq!(second_attempt(&place), ["s3", "s4", "s5"]);
}

#[test]
fn an_execution_that_is_over_is_kept_apart() {
    let place = place();
    second_attempt(&place);
    assert!(place.path("state/executions/completed/7.jsonl").is_file());
    assert_eq!(place.executions().under_way().unwrap(), Vec::<ItemId>::new());
    let left: Vec<_> = std::fs::read_dir(place.path("state/executions")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
