//! The settings and services shared by all executions of a run.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autoproc_domain::ports::Clock;
use autoproc_domain::{FilePath, Fingerprint, ItemId, RetryPolicy};
use autoproc_system::{JsonLines, OnWarning, WarnOnce};
use sha2::{Digest as _, Sha256};

use super::event::{Event, FileFingerprint, Subject, Values};
use super::event_log::Line;
use super::folder::Executions;
use super::inputs::Inputs;
use super::journal::VERSION;
use super::latest_state::LatestState;
use super::plan::Plan;
use super::program::Programs;
use super::runner::StepRunner;
use super::shared::SharedJournals;
use super::state::ExecutionState;

/// A workflow and the parameters with which a run executes it.
#[derive(Debug)]
pub struct WorkflowRun {
    /// The workflow, which has passed its checks.
    pub plan: Plan,
    /// The bytes of the workflow file. An execution is resumed only if these bytes are unchanged.
    pub source: Vec<u8>,
    /// The inputs of the workflow.
    pub inputs: Inputs,
    /// The programs for the workflow's commands and tasks.
    pub programs: Programs,
    /// The default working directory of steps, and the base of relative working directories.
    pub project_dir: PathBuf,
    /// The retry policy of the run. The rollback and the steps of `on_error` run only after a
    /// failure that is not retried.
    pub retry: RetryPolicy,
    /// True if unfinished executions of earlier runs start again from the first step.
    pub from_start: bool,
    /// Returns the fingerprint of the file at a path; `None` if the file cannot be examined.
    pub fingerprint_of: fn(&Path) -> Option<Fingerprint>,
}

impl WorkflowRun {
    pub(crate) fn file_fingerprint(&self, file: &Path) -> Option<FileFingerprint> {
        (self.fingerprint_of)(file).map(FileFingerprint::from)
    }

    pub(crate) fn workflow_hash(&self) -> String {
        Sha256::digest(&self.source).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    pub(crate) fn subject(&self, workflow_hash: String, item: ItemId, file: &FilePath, inputs: Values) -> Subject {
        Subject {
            version: VERSION.to_owned(),
            workflow_id: self.plan.workflow().id.clone(),
            workflow_hash,
            item_id: item.get(),
            file_path: file.text().into_owned(),
            file_path_bytes: file.exact_hex(),
            inputs,
        }
    }
}

/// The services and paths that executions use.
pub struct Equipment {
    /// Runs the processes of steps.
    pub runner: Arc<dyn StepRunner>,
    /// The clock for the times of events.
    pub clock: Arc<dyn Clock>,
    /// The folder of the journals. If `None`, no journals are kept and no execution can be resumed.
    pub executions: Option<Executions>,
    /// The journals that all machines of the queue share. Must be `None` if `executions` is `None`.
    /// If there are shared journals, `executions` contains only copies. Otherwise, only attempts
    /// that use the same folder of journals can resume an execution.
    pub shared_journals: Option<Arc<dyn SharedJournals>>,
    /// The folder for the input and output files of steps; used only if `executions` is `None`.
    pub scratch_dir: PathBuf,
    /// The path of the log of all events, with one JSON document per line.
    pub event_log: PathBuf,
    /// The path of the file that contains the state of the execution that changed most recently.
    pub latest_state: PathBuf,
    /// Receives warnings about problems that do not fail a step.
    pub on_warning: OnWarning,
}

pub(crate) type OnState = Box<dyn Fn(&ExecutionState) + Send + Sync>;

pub(crate) struct Engine {
    pub(crate) run: WorkflowRun,
    pub(crate) workflow_hash: String,
    pub(crate) equipment: Equipment,
    pub(crate) latest_state: LatestState,
    event_log: JsonLines,
    warning: WarnOnce,
    on_state: Option<OnState>,
    completed: AtomicUsize,
}

impl Engine {
    pub(crate) fn new(run: WorkflowRun, equipment: Equipment, on_state: Option<OnState>) -> Self {
        let on_warning = || equipment.on_warning.clone();
        Self {
            workflow_hash: run.workflow_hash(),
            run,
            latest_state: LatestState::new(equipment.latest_state.clone(), on_warning()),
            event_log: JsonLines::new(&equipment.event_log, on_warning()),
            warning: WarnOnce::new(on_warning()),
            equipment,
            on_state,
            completed: AtomicUsize::new(0),
        }
    }

    /// Writes an event to the event log, and passes the state to `on_state`.
    pub(crate) fn report(&self, state: &ExecutionState, event: &Event) {
        self.event_log.append(&Line { state, event });
        if let Some(on_state) = &self.on_state {
            on_state(state);
        }
    }

    /// Waits for the process of a step. Meanwhile, writes `state` to the file of the latest state.
    /// The process starts before the write.
    pub(crate) async fn while_running<T>(&self, state: &ExecutionState, running: impl Future<Output = T>) -> T {
        let mut running = pin!(running);
        let mut rest = Some(Duration::ZERO);
        while let Some(pause) = rest {
            tokio::select! {
                biased;
                over = &mut running => return over,
                () = tokio::time::sleep(pause) => {}
            }
            rest = self.latest_state.offer(state);
        }
        running.await
    }

    /// Archives the journal of a completed execution. A failure does not fail the execution.
    pub(crate) fn complete(&self, item: ItemId) {
        let Some(executions) = &self.equipment.executions else { return };
        if self.equipment.shared_journals.is_some() && !executions.path(item).exists() {
            // The file would be only a copy of the shared journal, and could not be created.
            return;
        }
        match executions.complete(item) {
            Ok(()) => {
                let _ = executions.prune(self.completed.fetch_add(1, Ordering::Relaxed));
            }
            Err(error) => self.warning.warn(format_args!("cannot archive the journal of item {item}: {error}")),
        }
    }

    pub(crate) fn scratch_of(&self, item: ItemId) -> PathBuf {
        let Equipment { executions, scratch_dir, .. } = &self.equipment;
        executions.as_ref().map_or_else(|| scratch_dir.clone(), |executions| executions.scratch(item))
    }
}
