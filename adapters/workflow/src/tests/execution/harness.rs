use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::execution::{Equipment, ExecutionState, Executions, Inputs, Plan, Programs, StepRunner, WorkflowRun};
use crate::runners::Runners;
use crate::tests::read;
use crate::{Severity, WorkflowOrchestrator};
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptReport, Orchestrator as _, StopSignal};
use autoproc_domain::{FilePath, Fingerprint, ItemId, RetryPolicy, RunId};
use autoproc_testkit::{ScriptedStop, VirtualClock};
use serde_json::Value;
use tempfile::TempDir;

use super::plain_runner::PlainRunner;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) workflow: String,
    pub(crate) inputs: Vec<(String, String)>,
    pub(crate) runners: String,
    pub(crate) retry: RetryPolicy,
    pub(crate) from_start: bool,
    pub(crate) file: PathBuf,
}

impl Fixture {
    pub(crate) fn new(workflow: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a file.txt");
        fs::write(&file, "one\ntwo\n").unwrap();
        let (workflow, runners) = (workflow.to_owned(), String::new());
        let retry = RetryPolicy::default();
        Self { dir, workflow, inputs: Vec::new(), runners, retry, from_start: false, file }
    }

    pub(crate) fn with_input(mut self, name: &str, text: &str) -> Self {
        self.inputs.push((name.to_owned(), text.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn plan(&self) -> Plan {
        let reading = read(&self.workflow, "wf-test");
        let errors: Vec<_> = reading.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        Plan::new(reading.workflow.unwrap())
    }

    pub(crate) fn executions(&self) -> Executions {
        Executions::new(self.path("state/executions"))
    }

    pub(crate) fn run(&self) -> WorkflowRun {
        let plan = self.plan();
        let inputs = Inputs::new(&plan, self.inputs.clone()).unwrap();
        let runners = Runners::parse(&self.runners, &self.path("autoproc.toml")).unwrap();
        WorkflowRun {
            inputs,
            plan,
            source: self.workflow.clone().into_bytes(),
            programs: Programs::new(runners, self.dir.path(), &self.path("core/workflows/wf-test.yaml")),
            project_dir: self.dir.path().to_owned(),
            retry: self.retry.clone(),
            from_start: self.from_start,
            fingerprint_of,
        }
    }

    pub(crate) fn equipment(&self, runner: Arc<dyn StepRunner>) -> Equipment {
        fs::create_dir_all(self.path("state")).unwrap();
        Equipment {
            runner,
            clock: Arc::new(VirtualClock::new()),
            executions: Some(self.executions()),
            shared_journals: None,
            scratch_dir: self.path("scratch"),
            event_log: self.path("logs/orchestrator-execution.jsonl"),
            latest_state: self.path("state/ORCHESTRATOR-STATE.json"),
            on_warning: Arc::new(|warning| panic!("{warning}")),
        }
    }

    /// Makes an attempt with real processes.
    pub(crate) fn attempt(&self, number: u32) -> AttemptReport {
        self.attempt_with(Arc::new(PlainRunner), self.claim(number))
    }

    pub(crate) fn attempt_with(&self, runner: Arc<dyn StepRunner>, attempt: Attempt) -> AttemptReport {
        self.attempt_until(Arc::new(ScriptedStop::alone()), runner, attempt)
    }

    pub(crate) fn attempt_until(
        &self,
        stop: Arc<dyn StopSignal>,
        runner: Arc<dyn StepRunner>,
        attempt: Attempt,
    ) -> AttemptReport {
        self.attempt_equipped(self.equipment(runner), stop, attempt)
    }

    pub(crate) fn attempt_equipped(
        &self,
        equipment: Equipment,
        stop: Arc<dyn StopSignal>,
        attempt: Attempt,
    ) -> AttemptReport {
        let orchestrator = WorkflowOrchestrator::new(self.run(), equipment);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(orchestrator.execute(attempt, stop)).unwrap()
    }

    pub(crate) fn claim(&self, number: u32) -> Attempt {
        let token = ClaimToken { item: ItemId::new(7), number: ClaimNumber::new(u64::from(number)) };
        Attempt {
            token,
            run: RunId::new(format!("run-{number}")),
            file_path: FilePath::new(&self.file).unwrap(),
            depth: 0,
            round: 1,
            follows_completion: false,
            number: AttemptNumber::new(number).unwrap(),
            max_attempts: 4,
            timeout: TIMEOUT,
        }
    }

    pub(crate) fn state(&self) -> ExecutionState {
        self.executions().of(ItemId::new(7)).unwrap().expect("an execution")
    }

    pub(crate) fn event_lines(&self) -> Vec<String> {
        let text = self.read("logs/orchestrator-execution.jsonl");
        text.lines().map(|line| event_line(&serde_json::from_str(line).unwrap())).collect()
    }
}

fn fingerprint_of(file: &Path) -> Option<Fingerprint> {
    let metadata = fs::metadata(file).ok()?;
    Some(Fingerprint { size: metadata.len(), modified_ns: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec() })
}

fn event_line(event: &Value) -> String {
    let word = event["event"].as_str().unwrap();
    let place = event.get("step").or(event.get("phase")).and_then(Value::as_str);
    place.map_or_else(|| word.to_owned(), |place| format!("{word} {place}"))
}

#[track_caller]
pub(crate) fn failure(report: &AttemptReport) -> String {
    assert!(!matches!(report.outcome, AttemptOutcome::Succeeded | AttemptOutcome::Aborted), "{report:?}");
    report.outcome.to_string()
}

#[track_caller]
pub(crate) fn expect_success(report: &AttemptReport) {
    assert_eq!(report.outcome, AttemptOutcome::Succeeded, "{report:?}");
}
