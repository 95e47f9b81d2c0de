//! The progress that an attempt reports to its run.

use std::fs;
use std::sync::Arc;

use crate::WorkflowOrchestrator;
use autoproc_domain::Fingerprint;
use autoproc_domain::ports::{AttemptOutcome, AttemptProgress, Orchestrator as _};
use autoproc_testkit::ScriptedStop;
use futures_util::StreamExt as _;

use super::harness::Fixture;
use super::scripted_runner::ScriptedRunner;

#[test]
fn an_attempt_starts_with_the_fingerprint_of_its_file_and_ends_once() {
    let fixture = Fixture::new("workflow: {id: w, phases: [{id: p, steps: [{run: [x]}]}]}");
    let (file, runner) = (fixture.file.clone(), ScriptedRunner::new(|_| (String::new(), AttemptOutcome::Succeeded)));
    let orchestrator = WorkflowOrchestrator::new(fixture.run(), fixture.equipment(Arc::new(runner)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stop = Arc::new(ScriptedStop::alone());
    let progress: Vec<_> = runtime.block_on(orchestrator.start(fixture.claim(1), stop).collect());
    let [AttemptProgress::Started { fingerprint: Some(Fingerprint { size, .. }) }, AttemptProgress::Ended(report)] =
        progress.as_slice()
    else {
        panic!("{progress:?}")
    };
    assert_eq!((*size, &report.outcome), (fs::metadata(file).unwrap().len(), &AttemptOutcome::Succeeded));
}
