use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{Attempt, AttemptOutcome, StartFault, StopCause, StopLevel};
use autoproc_domain::request::Verdict;
use autoproc_domain::{FilePath, FileQueue, ItemId, Priority, Timestamp};
use autoproc_testkit::ScriptedStop;

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of};
use crate::execution::{StoredExecution, resumable};

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

fn fixture() -> Fixture {
    Fixture::new(&FIVE_STEPS.replace("RERUN", "never"))
}

fn runner(failing: &'static str, is_broken: &Arc<AtomicBool>) -> Arc<ScriptedRunner> {
    let is_broken = is_broken.clone();
    Arc::new(ScriptedRunner::new(move |process| {
        let values = format!("from_{}=1", step_of(process));
        let fails = step_of(process) == failing && is_broken.load(Ordering::Relaxed);
        (values, if fails { AttemptOutcome::Exited { code: 3 } } else { AttemptOutcome::Succeeded })
    }))
}

fn first_attempt(fixture: &Fixture) -> AttemptOutcome {
    let runner = runner("s3", &Arc::new(AtomicBool::new(true)));
    let report = fixture.attempt_with(runner.clone(), fixture.claim(1));
    assert_eq!(runner.steps(), ["s1", "s2", "s3"]);
    report.outcome
}

fn second_attempt(fixture: &Fixture) -> Vec<String> {
    let runner = runner("", &Arc::default());
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    runner.steps()
}

#[test]
fn a_step_without_a_process_is_repeated_by_the_next_claim() {
    let fixture = Fixture::new(&FIVE_STEPS.replace("rerun: RERUN", "retries: 3"));
    let lacking = Arc::new(ScriptedRunner::new(|process| {
        let cause = AttemptOutcome::CannotStart { reason: "no process".into(), fault: StartFault::Shortage };
        let is_struck = step_of(process) == "s2";
        (format!("from_{}=1", step_of(process)), if is_struck { cause } else { AttemptOutcome::Succeeded })
    }));
    let report = fixture.attempt_with(lacking.clone(), fixture.claim(1));
    assert_eq!(lacking.steps(), ["s1", "s2"], "tried once");
    assert_eq!(failure(&report), "a/s2: cannot start: no process");
    assert!(!fixture.event_lines().iter().any(|line| line.contains("failed")), "{:?}", fixture.event_lines());
    assert_eq!(second_attempt(&fixture), ["s2", "s3", "s4", "s5"]);
}

#[test]
fn a_step_whose_files_cannot_be_created_is_repeated_by_the_next_attempt() {
    let mut fixture = Fixture::new(
        "workflow: {id: w, phases: [{id: p, steps: [{id: s, run: [x]}]}], rollback: {steps: [{id: r, run: [x]}]}}",
    );
    fixture.retry.retries = 1;
    let folder = fixture.path("state/executions/7.steps");
    fs::create_dir_all(fixture.path("state/executions")).unwrap();
    fs::write(&folder, "").unwrap();
    let runner = runner("", &Arc::default());
    let report = fixture.attempt_with(runner.clone(), fixture.claim(1));
    let expected = "p/s: cannot start: the files for its inputs and outputs cannot be created: ";
    assert!(failure(&report).starts_with(expected), "{report:?}");
    assert_eq!(runner.steps(), Vec::<String>::new(), "the rollback does not run");
    fs::remove_file(&folder).unwrap();
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    assert_eq!(runner.steps(), ["s"]);
}

#[test]
fn the_next_attempt_begins_with_the_failed_step() {
    let fixture = fixture();
    let outcome = first_attempt(&fixture);
    assert_eq!(outcome.to_string(), "a/s3: exit status 3");
    assert_eq!(second_attempt(&fixture), ["s3", "s4", "s5"]);
}

#[test]
fn a_step_that_always_runs_again_does() {
    let fixture = Fixture::new(&FIVE_STEPS.replace("RERUN", "always"));
    first_attempt(&fixture);
    assert_eq!(second_attempt(&fixture), ["s2", "s3", "s4", "s5"]);
}

#[test]
fn a_failed_rerun_is_repeated() {
    let fixture = Fixture::new(
        "workflow: {id: w, phases: [{id: p, steps: [{id: mount, run: [x], rerun: always}, {id: use, run: [x]}]}]}",
    );
    let failing = |step: &'static str| runner(step, &Arc::new(AtomicBool::new(true)));
    for (number, step, ran) in [(1, "use", &["mount", "use"][..]), (2, "mount", &["mount"]), (3, "mount", &["mount"])] {
        let runner = failing(step);
        failure(&fixture.attempt_with(runner.clone(), fixture.claim(number)));
        assert_eq!(runner.steps(), ran, "attempt {number}");
    }
    let runner = failing("");
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(4)));
    assert_eq!(runner.steps(), ["mount", "use"]);
}

#[test]
fn a_rerun_does_not_override_later_steps() {
    let fixture = Fixture::new(
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
        failure(&fixture.attempt_with(runner.clone(), fixture.claim(number)));
        let last = runner.processes().pop().unwrap();
        assert_eq!(last.arguments, ["late", "late", "early", &number.to_string()], "attempt {number}");
        assert_eq!(fixture.state().phase_outputs["p"]["x"], "late");
    }
}

#[test]
fn another_workflow_or_another_input_begins_anew() {
    let all = ["s1", "s2", "s3", "s4", "s5"];
    let mut changed = fixture();
    first_attempt(&changed);
    changed.workflow.push_str("# a remark\n");
    assert_eq!(second_attempt(&changed), all);
    let mut changed = fixture();
    first_attempt(&changed);
    changed.inputs.push(("mode".into(), "other".into()));
    assert_eq!(second_attempt(&changed), all);
}

#[test]
fn an_execution_before_a_completion_is_not_resumed() {
    let later = |fixture: &Fixture, round, follows_completion| {
        first_attempt(fixture);
        let runner = runner("", &Arc::default());
        let attempt = Attempt { round, follows_completion, number: AttemptNumber::FIRST, ..fixture.claim(9) };
        expect_success(&fixture.attempt_with(runner.clone(), attempt));
        runner.steps().len()
    };
    assert_eq!(later(&fixture(), 2, false), 3, "added again after it had failed");
    assert_eq!(later(&fixture(), 2, true), 5, "completed in its first round");
    assert_eq!(later(&fixture(), 3, true), 5, "completed in its second round");
    assert_eq!(later(&fixture(), 3, false), 5, "how its second round began is not known");
}

#[test]
fn an_execution_after_a_completion_is_resumed() {
    let fixture = fixture();
    let in_round = |round, claim| Attempt { round, follows_completion: round == 2, ..fixture.claim(claim) };
    let broken = Arc::new(AtomicBool::new(true));
    let runner = runner("s3", &broken);
    failure(&fixture.attempt_with(runner.clone(), in_round(2, 1)));
    failure(&fixture.attempt_with(runner.clone(), in_round(2, 2)));
    broken.store(false, Ordering::Relaxed);
    expect_success(&fixture.attempt_with(runner.clone(), in_round(3, 3)));
    assert_eq!(runner.steps(), ["s1", "s2", "s3", "s3", "s3", "s4", "s5"]);
}

#[test]
fn a_file_that_changed_since_the_failure_begins_anew() {
    let fixture = fixture();
    first_attempt(&fixture);
    fs::write(&fixture.file, "another text").unwrap();
    assert_eq!(second_attempt(&fixture), ["s1", "s2", "s3", "s4", "s5"]);
}

#[test]
fn a_file_that_a_step_changed_does_not_begin_anew() {
    let fixture = fixture();
    let file = fixture.file.clone();
    let runner = Arc::new(ScriptedRunner::new(move |process| match step_of(process).as_str() {
        "s3" => {
            fs::write(&file, "normalised").unwrap();
            (String::new(), AttemptOutcome::Exited { code: 3 })
        }
        _ => ("from_s1=1".into(), AttemptOutcome::Succeeded),
    }));
    failure(&fixture.attempt_with(runner, fixture.claim(1)));
    assert_eq!(second_attempt(&fixture), ["s3", "s4", "s5"]);
}

#[test]
fn from_start_ignores_only_earlier_runs() {
    let mut fixture = fixture();
    first_attempt(&fixture);
    fixture.from_start = true;
    let broken = Arc::new(AtomicBool::new(true));
    let runner = runner("s2", &broken);
    failure(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    broken.store(false, Ordering::Relaxed);
    // `from_start` restarts an execution once a run, so a retry in the same run keeps its steps.
    let again = Attempt { run: fixture.claim(2).run, ..fixture.claim(3) };
    expect_success(&fixture.attempt_with(runner.clone(), again));
    assert_eq!(runner.steps(), ["s1", "s2", "s2", "s3", "s4", "s5"]);
}

/// A new queue uses the item ids of a removed queue again.
#[test]
fn an_execution_of_another_queue_is_not_resumable() {
    let fixture = fixture();
    first_attempt(&fixture);
    let runner = runner("", &Arc::default());
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(1)));
    assert_eq!(runner.steps().len(), 5);
}

#[test]
fn a_preview_resumes_only_an_execution_of_the_same_queue() {
    let fixture = fixture();
    first_attempt(&fixture);
    let mut queue = FileQueue::new();
    for number in 1..7 {
        queue.add(&FilePath::new(format!("/{number}")).unwrap(), Priority::new(1), Timestamp::from_micros(0));
    }
    let file = FilePath::new(&fixture.file).unwrap();
    queue.add(&file, Priority::new(2), Timestamp::from_micros(0));
    let is_resumed = |queue: &FileQueue| {
        let stored = StoredExecution { state: fixture.state(), elsewhere: None };
        resumable(&fixture.run(), stored, queue.get(ItemId::new(7)).unwrap()).is_some()
    };
    assert!(!is_resumed(&queue), "the item was never claimed");
    queue.pop(Timestamp::from_micros(0)).unwrap();
    assert!(is_resumed(&queue), "a run died");
    let retry = Verdict::Retry { backoff: Duration::ZERO, error: "x".into() };
    queue.mark(&file, retry, Timestamp::from_micros(0)).unwrap();
    assert!(is_resumed(&queue), "the attempt failed");
}

#[test]
fn a_failed_checkpoint_repeats_its_phase() {
    let workflow = FIVE_STEPS
        .replace("RERUN", "never")
        .replace("    - id: b", "      checkpoint: {validation: [good]}\n    - id: b");
    let fixture = Fixture::new(&workflow);
    let is_good = Arc::new(AtomicBool::new(false));
    let seen = is_good.clone();
    let runner = Arc::new(ScriptedRunner::new(move |_| {
        (format!("from_s1=1\ngood={}", seen.load(Ordering::Relaxed)), AttemptOutcome::Succeeded)
    }));
    let report = fixture.attempt_with(runner.clone(), fixture.claim(1));
    assert_eq!(failure(&report), "a: the checkpoint a is not passed: missing or false: good");
    is_good.store(true, Ordering::Relaxed);
    expect_success(&fixture.attempt_with(runner.clone(), fixture.claim(2)));
    assert_eq!(runner.steps(), ["s1", "s2", "s3", "s1", "s2", "s3", "s4", "s5"]);
}

#[test]
fn an_abort_between_steps_loses_nothing() {
    let fixture = fixture();
    let stop = Arc::new(ScriptedStop::alone());
    let raised = stop.clone();
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        if step_of(process) == "s2" {
            raised.raise(StopLevel::Aborting, StopCause::Interrupt);
        }
        ("from_s1=1".into(), AttemptOutcome::Succeeded)
    }));
    let report = fixture.attempt_until(stop, runner, fixture.claim(1));
    assert_eq!(report.outcome, AttemptOutcome::Aborted);
    assert_eq!(second_attempt(&fixture), ["s3", "s4", "s5"]);
}

#[test]
fn a_completed_execution_is_archived() {
    let fixture = fixture();
    second_attempt(&fixture);
    assert!(fixture.path("state/executions/completed/7.jsonl").is_file());
    assert_eq!(fixture.executions().under_way().unwrap(), Vec::<ItemId>::new());
    let left: Vec<_> = std::fs::read_dir(fixture.path("state/executions")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
