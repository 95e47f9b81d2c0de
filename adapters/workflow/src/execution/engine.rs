//! The parts that all executions of a run share.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use autoproc_domain::ports::{Attempt, Clock};
use autoproc_domain::{Fingerprint, ItemId, Timestamp};
use autoproc_system::{OnWarning, WarnOnce};
use sha2::{Digest as _, Sha256};

use super::event::{Event, SeenFile};
use super::event_log::EventLog;
use super::folder::Executions;
use super::inputs::Inputs;
use super::latest_state::LatestState;
use super::plan::Plan;
use super::process::Making;
use super::program::Programs;
use super::runner::StepRunner;
use super::state::ExecutionState;
use crate::expression::Scope;

/// A workflow and its parameters.
#[derive(Debug)]
pub struct WorkflowRun {
    /// The workflow; it has passed its checks.
    pub plan: Plan,
    /// The bytes of its file: an execution is resumed only with the same bytes.
    pub source: Vec<u8>,
    /// Its inputs.
    pub inputs: Inputs,
    /// The programs behind its commands and tasks.
    pub programs: Programs,
    /// The working directory of steps, and the base of relative ones.
    pub project_dir: PathBuf,
    /// True if executions left by earlier runs begin anew.
    pub from_start: bool,
    /// Looks at a file; `None` if it is not there.
    pub fingerprint_of: fn(&Path) -> Option<Fingerprint>,
}

impl WorkflowRun {
    /// The file as it is now.
    pub(crate) fn look_at(&self, file: &Path) -> Option<SeenFile> {
        (self.fingerprint_of)(file).map(SeenFile::from)
    }
}

/// The environment of executions.
pub struct Equipment {
    /// Runs processes.
    pub runner: Arc<dyn StepRunner>,
    /// Dates events.
    pub clock: Arc<dyn Clock>,
    /// The journals; `None` keeps none, so that no execution can be resumed.
    pub executions: Option<Executions>,
    /// The folder for the input and output files of steps, if no executions are kept.
    pub scratch_dir: PathBuf,
    /// The log of all events, one JSON document a line.
    pub event_log: PathBuf,
    /// The file with the state of the execution that changed last.
    pub latest_state: PathBuf,
    /// Receives warnings about failures that do not fail a step.
    pub on_warning: OnWarning,
}

/// Receives every state of an execution.
pub(crate) type OnState = Box<dyn Fn(&ExecutionState) + Send + Sync>;

pub(crate) struct Engine {
    pub(crate) run: WorkflowRun,
    pub(crate) workflow_hash: String,
    pub(crate) runner: Arc<dyn StepRunner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) executions: Option<Executions>,
    pub(crate) latest_state: LatestState,
    scratch_dir: PathBuf,
    event_log: EventLog,
    warning: WarnOnce,
    on_state: Option<OnState>,
    /// The number of executions put away.
    put_away: AtomicUsize,
}

impl Engine {
    pub(crate) fn new(run: WorkflowRun, equipment: Equipment, on_state: Option<OnState>) -> Self {
        let Equipment { runner, clock, executions, scratch_dir, event_log, latest_state, on_warning } = equipment;
        Self {
            workflow_hash: hash_of(&run.source),
            run,
            runner,
            clock,
            executions,
            latest_state: LatestState::new(latest_state, on_warning.clone()),
            scratch_dir,
            event_log: EventLog::new(event_log, on_warning.clone()),
            warning: WarnOnce::new(on_warning),
            on_state,
            put_away: AtomicUsize::new(0),
        }
    }

    /// Reports an event; `state` is the state after it.
    pub(crate) fn report(&self, state: &ExecutionState, event: &Event) {
        self.event_log.append(state, event);
        if let Some(on_state) = &self.on_state {
            on_state(state);
        }
    }

    /// Waits for a process, and meanwhile writes the state as soon as the file's rest is over.
    pub(crate) async fn while_running<T>(&self, state: &ExecutionState, running: impl Future<Output = T>) -> T {
        let mut running = pin!(running);
        while let Some(rest) = self.latest_state.offer(state) {
            tokio::select! {
                biased;
                over = &mut running => return over,
                () = tokio::time::sleep(rest) => {}
            }
        }
        running.await
    }

    pub(crate) fn making<'m>(
        &'m self,
        attempt: &'m Attempt,
        state: &'m ExecutionState,
        scope: &'m Scope,
        deadline: Timestamp,
    ) -> Making<'m> {
        Making {
            plan: &self.run.plan,
            programs: &self.run.programs,
            project_dir: &self.run.project_dir,
            attempt,
            deadline,
            inputs: &state.subject.inputs,
            scope,
        }
    }

    /// Moves the journal of a finished execution to the finished ones, and removes the oldest of
    /// these. A failure does not fail the execution.
    pub(crate) fn put_away(&self, item: ItemId) {
        let Some(executions) = &self.executions else { return };
        match executions.put_away(item) {
            Ok(()) => {
                let _ = executions.prune(self.put_away.fetch_add(1, Ordering::Relaxed));
            }
            Err(error) => self.warning.warn(format_args!("cannot put away the journal of item {item}: {error}")),
        }
    }

    pub(crate) fn scratch_of(&self, item: ItemId) -> PathBuf {
        self.executions.as_ref().map_or_else(|| self.scratch_dir.clone(), |executions| executions.scratch(item))
    }
}

/// Identifies the content of a workflow file.
pub(crate) fn hash_of(source: &[u8]) -> String {
    Sha256::digest(source).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
