use std::fs;
use std::sync::Arc;

use crate::WorkflowOrchestrator;
use autoproc_domain::ports::{AttemptOutcome, AttemptProgress, Orchestrator as _};
use autoproc_testkit::ScriptedStop;
use futures_util::StreamExt as _;

use super::harness::Fixture;
use super::scripted_runner::ScriptedRunner;

const WORKFLOW: &str = "workflow: {id: w, phases: [{id: p, steps: [{run: [x]}]}]}";

fn progress_of(fixture: &Fixture, runner: ScriptedRunner) -> Vec<AttemptProgress> {
    let orchestrator = WorkflowOrchestrator::new(fixture.run(), fixture.equipment(Arc::new(runner)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(orchestrator.start(fixture.claim(1), Arc::new(ScriptedStop::alone())).collect())
}

#[test]
fn an_attempt_starts_with_the_fingerprint_of_its_file_and_ends_once() {
    let fixture = Fixture::new(WORKFLOW);
    let progress = progress_of(&fixture, ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded)));
    let [AttemptProgress::Started { fingerprint: Some(before) }, AttemptProgress::Ended(report)] = progress.as_slice()
    else {
        panic!("{progress:?}")
    };
    assert_eq!(before.size, fs::metadata(&fixture.file).unwrap().len());
    assert_eq!((&report.outcome, report.input_after), (&AttemptOutcome::Succeeded, Some(*before)));
}

#[test]
fn an_attempt_reports_how_a_step_left_its_file() {
    for outcome in [AttemptOutcome::Succeeded, AttemptOutcome::Exited { code: 1 }] {
        let fixture = Fixture::new(WORKFLOW);
        let file = fixture.file.clone();
        let runner = ScriptedRunner::new(move |_| {
            fs::write(&file, "another length").unwrap();
            (String::new(), outcome.clone())
        });
        let progress = progress_of(&fixture, runner);
        let [_, AttemptProgress::Ended(report)] = progress.as_slice() else { panic!("{progress:?}") };
        assert_eq!(report.input_after.map(|file| file.size), Some(14), "{report:?}");
    }
}
