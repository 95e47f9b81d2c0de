use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use autoproc_domain::ItemId;
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptReport, StopCause, StopLevel, StorageError};
use autoproc_testkit::ScriptedStop;
use serde_json::Value;

use super::harness::{Fixture, expect_success, failure};
use super::scripted_runner::{ScriptedRunner, step_of};
use crate::execution::{Equipment, Place, SharedJournal, SharedJournals};

const WORKFLOW: &str = "
workflow:
  id: w
  resume: RESUME
  phases:
    - id: p
      steps: [{id: s1, run: [x]}, {id: s2, run: [x]}, {id: s3, run: [x, '${v}']}]
";

const ALL: [&str; 3] = ["s1", "s2", "s3"];

#[derive(Default)]
struct Stored {
    events: Vec<Box<str>>,
    place: Option<Place>,
    claim: u64,
}

struct Journals {
    stored: Arc<Mutex<Stored>>,
    here: Place,
    /// The number of requests that fail before one succeeds.
    outage: AtomicUsize,
    stop: Arc<ScriptedStop>,
    is_aborted_in_outage: bool,
}

impl Journals {
    fn on(host: &str, stored: &Arc<Mutex<Stored>>) -> Self {
        let here = Place { host: host.into(), project_dir: "/project".into() };
        let (outage, stop) = (AtomicUsize::new(0), Arc::new(ScriptedStop::alone()));
        Self { stored: stored.clone(), here, outage, stop, is_aborted_in_outage: false }
    }

    fn reached(&self) -> Result<MutexGuard<'_, Stored>, StorageError> {
        if self.outage.load(Ordering::Relaxed) == 0 {
            return Ok(self.stored.lock().unwrap());
        }
        self.outage.fetch_sub(1, Ordering::Relaxed);
        if self.is_aborted_in_outage {
            self.stop.raise(StopLevel::Aborting, StopCause::Interrupt);
        }
        Err(StorageError::Unreachable { place: "there".into(), source: "no route".into() })
    }

    fn claimed(&self, attempt: &Attempt) -> Result<MutexGuard<'_, Stored>, StorageError> {
        let stored = self.reached()?;
        let is_held = stored.claim == attempt.token.number.get();
        if is_held { Ok(stored) } else { Err(StorageError::LeaseLost { run: attempt.run.clone() }) }
    }
}

#[async_trait]
impl SharedJournals for Journals {
    async fn load(&self, _: ItemId) -> Result<Option<SharedJournal>, StorageError> {
        let stored = self.reached()?;
        let Some(place) = stored.place.clone() else { return Ok(None) };
        let elsewhere = (place != self.here).then_some(place);
        Ok(Some(SharedJournal { name: "the journal".into(), events: stored.events.clone(), elsewhere }))
    }

    async fn open(&self, attempt: &Attempt, kept: usize) -> Result<(), StorageError> {
        let mut stored = self.claimed(attempt)?;
        stored.events.truncate(kept);
        stored.place = Some(self.here.clone());
        Ok(())
    }

    async fn append(&self, attempt: &Attempt, before: usize, events: &[Box<str>], _: bool) -> Result<(), StorageError> {
        let mut stored = self.claimed(attempt)?;
        assert_eq!(stored.events.len(), before);
        stored.events.extend_from_slice(events);
        Ok(())
    }
}

struct Machine {
    fixture: Fixture,
    journals: Arc<Journals>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    fn new(journals: Journals, resume: &str) -> Self {
        let fixture = Fixture::new(&WORKFLOW.replace("RESUME", resume));
        Self { fixture, journals: Arc::new(journals), warnings: Arc::default() }
    }

    fn beside(&self, host: &str) -> Self {
        let mut fixture = Fixture::new(&self.fixture.workflow);
        fixture.file.clone_from(&self.fixture.file);
        Self { fixture, journals: Arc::new(Journals::on(host, &self.journals.stored)), warnings: Arc::default() }
    }

    fn attempt(&self, number: u32, runner: &Arc<ScriptedRunner>) -> AttemptReport {
        self.journals.stored.lock().unwrap().claim = number.into();
        self.attempt_as_claimed(number, runner)
    }

    fn attempt_as_claimed(&self, number: u32, runner: &Arc<ScriptedRunner>) -> AttemptReport {
        let warnings = self.warnings.clone();
        let equipment = Equipment {
            shared_journals: Some(self.journals.clone()),
            on_warning: Arc::new(move |warning| warnings.lock().unwrap().push(warning.to_owned())),
            ..self.fixture.equipment(runner.clone())
        };
        self.fixture.attempt_equipped(equipment, self.journals.stop.clone(), self.fixture.claim(number))
    }

    fn steps_of(&self, number: u32) -> Vec<String> {
        let runner = runner("");
        expect_success(&self.attempt(number, &runner));
        runner.steps()
    }
}

fn runner(failing: &'static str) -> Arc<ScriptedRunner> {
    Arc::new(ScriptedRunner::new(move |process| {
        let fails = step_of(process) == failing;
        ("v=1".into(), if fails { AttemptOutcome::Exited { code: 3 } } else { AttemptOutcome::Succeeded })
    }))
}

fn failed(resume: &str) -> Machine {
    let machine = Machine::new(Journals::on("one", &Arc::default()), resume);
    assert_eq!(failure(&machine.attempt(1, &runner("s3"))), "p/s3: exit status 3");
    machine
}

#[test]
fn a_workflow_begins_anew_on_another_machine_and_says_so() {
    let one = failed("here");
    let other = one.beside("other");
    assert_eq!(other.steps_of(2), ALL);
    let warnings = other.warnings.lock().unwrap().join("\n");
    assert!(
        warnings.ends_with(
            "its earlier steps ran on one in /project, and the workflow file does not say `resume: anywhere`"
        )
    );
    let log = other.fixture.read("logs/orchestrator-execution.jsonl");
    let begun: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(begun["abandoned"], serde_json::json!({"host": "one", "project_dir": "/project"}));
}

#[test]
fn a_workflow_that_resumes_anywhere_continues_on_another_machine() {
    let one = failed("anywhere");
    let other = one.beside("other");
    assert_eq!(other.steps_of(2), ["s3"]);
    assert_eq!(*other.warnings.lock().unwrap(), Vec::<String>::new());
    // The live view reads a copy of the journal in the project folder.
    assert_eq!(other.fixture.state().history.len(), 4);
}

#[test]
fn the_file_may_have_another_path_on_another_machine() {
    for (resume, steps) in [("anywhere", &["s3"][..]), ("here", &ALL)] {
        let one = failed(resume);
        let mut other = one.beside("other");
        other.fixture.file = "/mnt/share/file.txt".into();
        assert_eq!(other.steps_of(2), steps);
        assert_eq!(other.warnings.lock().unwrap().len(), usize::from(resume == "here"));
    }
}

#[test]
fn a_workflow_continues_in_its_place_without_the_files() {
    let one = failed("here");
    fs::remove_dir_all(one.fixture.path("state")).unwrap();
    assert_eq!(one.steps_of(2), ["s3"]);
}

#[test]
fn a_missing_copy_is_no_reason_for_a_warning() {
    let machine = Machine::new(Journals::on("one", &Arc::default()), "here");
    let copy = machine.fixture.path("state/executions/7.jsonl");
    let removing = Arc::new(ScriptedRunner::new(move |process| {
        if step_of(process) == "s3" {
            fs::remove_file(&copy).unwrap();
        }
        ("v=1".into(), AttemptOutcome::Succeeded)
    }));
    expect_success(&machine.attempt(1, &removing));
    assert_eq!(*machine.warnings.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn an_execution_that_was_abandoned_is_not_resumed() {
    let one = failed("here");
    let other = one.beside("other");
    failure(&other.attempt(2, &runner("s2")));
    assert_eq!(one.steps_of(3), ALL);
}

#[test]
fn a_step_begins_when_the_earlier_ones_are_recorded() {
    let machine = Machine::new(Journals::on("one", &Arc::default()), "here");
    let stored = machine.journals.stored.clone();
    let counted = Arc::new(ScriptedRunner::new(move |_| {
        let events = stored.lock().unwrap().events.concat();
        let [started, completed] = ["step_started", "step_completed"].map(|word| events.matches(word).count());
        (format!("v=1\nn=x{started}x{completed}"), AttemptOutcome::Succeeded)
    }));
    expect_success(&machine.attempt(1, &counted));
    let events = machine.journals.stored.lock().unwrap().events.clone();
    for (value, expected) in ["x1x0", "x2x1", "x3x2"].map(|count| format!("\"n\":\"{count}\"")).iter().zip(ALL) {
        assert!(events.iter().any(|event| event.contains(value) && event.contains(expected)), "{events:#?}");
    }
    assert!(events.last().unwrap().contains("workflow_completed"));
}

#[test]
fn an_attempt_that_has_lost_its_claim_runs_no_further_step() {
    let machine = Machine::new(Journals::on("one", &Arc::default()), "here");
    let stored = machine.journals.stored.clone();
    let losing = Arc::new(ScriptedRunner::new(move |_| {
        stored.lock().unwrap().claim = 9;
        ("v=1".into(), AttemptOutcome::Succeeded)
    }));
    let text = failure(&machine.attempt(1, &losing));
    assert_eq!(text, "the execution cannot be recorded: run run-1 no longer holds its claims");
    assert_eq!(losing.steps(), ["s1"]);
    let none = runner("");
    failure(&machine.attempt_as_claimed(2, &none));
    assert_eq!(none.steps(), Vec::<String>::new());
}

#[test]
fn an_attempt_waits_while_the_journals_cannot_be_reached() {
    let machine = Machine::new(Journals::on("one", &Arc::default()), "here");
    let journals = machine.journals.clone();
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        journals.outage.store(usize::from(step_of(process) == "s1"), Ordering::Relaxed);
        ("v=1".into(), AttemptOutcome::Succeeded)
    }));
    expect_success(&machine.attempt(1, &runner));
    assert_eq!(runner.steps(), ALL);
}

#[test]
fn an_abort_ends_the_wait_for_the_journals() {
    let journals = Journals { is_aborted_in_outage: true, ..Journals::on("one", &Arc::default()) };
    let machine = Machine::new(journals, "here");
    let journals = machine.journals.clone();
    let runner = Arc::new(ScriptedRunner::new(move |_| {
        journals.outage.store(usize::MAX, Ordering::Relaxed);
        ("v=1".into(), AttemptOutcome::Succeeded)
    }));
    assert_eq!(machine.attempt(1, &runner).outcome, AttemptOutcome::Aborted);
    assert_eq!(runner.steps(), ["s1"]);
}

#[test]
fn an_abort_after_the_last_step_changes_nothing() {
    let journals = Journals { is_aborted_in_outage: true, ..Journals::on("one", &Arc::default()) };
    let machine = Machine::new(journals, "here");
    let journals = machine.journals.clone();
    let runner = Arc::new(ScriptedRunner::new(move |process| {
        let is_out = step_of(process) == "s3";
        journals.outage.store(if is_out { usize::MAX } else { 0 }, Ordering::Relaxed);
        ("v=1".into(), AttemptOutcome::Succeeded)
    }));
    expect_success(&machine.attempt(1, &runner));
    assert_eq!(runner.steps(), ALL);
}

#[test]
fn an_attempt_does_not_need_the_copy_of_the_journal() {
    let machine = Machine::new(Journals::on("one", &Arc::default()), "here");
    fs::create_dir_all(machine.fixture.path("state/executions/7.jsonl/in-the-way")).unwrap();
    assert_eq!(machine.steps_of(1), ALL);
}

#[test]
fn a_damaged_shared_journal_is_kept_until_from_start() {
    let mut machine = failed("here");
    let last = machine.journals.stored.lock().unwrap().events.len() - 1;
    machine.journals.stored.lock().unwrap().events[last] = "{".into();
    let text = failure(&machine.attempt(2, &runner("")));
    assert!(text.starts_with(&format!("the journal:{} is damaged", last + 1)), "{text}");
    machine.fixture.from_start = true;
    assert_eq!(machine.steps_of(3), ALL);
}
