//! Implements the [`Orchestrator`] port with workflows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptProgress, AttemptReport, LostAttempt, Orchestrator, StopLevel, StopSignal,
    progress_of,
};
use futures_util::stream::BoxStream;

use crate::execution::{Engine, Equipment, ExecutionState, ProgressReport, WorkflowRun, begin};

/// Carries out attempts by executing a workflow on each file.
///
/// Requires a tokio runtime with its time driver enabled. If journals are kept, an attempt resumes
/// the unfinished execution of an earlier attempt after the last finished step. It begins a new
/// execution if the file, the workflow or its inputs have changed, or if
/// [`WorkflowRun::from_start`] or the workflow's key `resume` requires this.
pub struct WorkflowOrchestrator {
    engine: Engine,
}

impl WorkflowOrchestrator {
    /// Creates an orchestrator that executes `run` with the services and paths in `equipment`.
    #[must_use]
    pub fn new(run: WorkflowRun, equipment: Equipment) -> Self {
        Self { engine: Engine::new(run, equipment, None) }
    }
}

#[async_trait]
impl Orchestrator for WorkflowOrchestrator {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        execute(&self.engine, attempt, &*stop).await
    }

    fn start(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
        let (fingerprint_of, file) = (self.engine.run.fingerprint_of, attempt.file_path.clone());
        let fingerprint = fingerprint_of(file.as_path());
        let execution = self.execute(attempt, stop);
        progress_of(fingerprint, async move {
            let report = execution.await?;
            Ok(AttemptReport { input_after: fingerprint_of(file.as_path()), ..report })
        })
    }
}

/// Executes a workflow on one file and reports its progress.
pub struct TaskOrchestrator {
    engine: Engine,
    state: Arc<Mutex<Option<ProgressReport>>>,
}

impl TaskOrchestrator {
    /// Creates an orchestrator that executes `run` with the services and paths in `equipment`.
    #[must_use]
    pub fn new(run: WorkflowRun, equipment: Equipment) -> Self {
        let state = Arc::<Mutex<Option<ProgressReport>>>::default();
        let kept = state.clone();
        let on_state = move |state: &ExecutionState| {
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(ProgressReport::of(state, state.updated_at));
        };
        Self { engine: Engine::new(run, equipment, Some(Box::new(on_state))), state }
    }

    /// Executes the workflow on the file of `attempt`.
    ///
    /// # Errors
    /// [`LostAttempt`] if a process could not be observed to its end.
    pub async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        execute(&self.engine, attempt, &*stop).await
    }

    /// Returns the progress of the latest execution at the time of its latest event; `None` before
    /// the first event.
    #[must_use]
    pub fn get_progress(&self) -> Option<ProgressReport> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn execute(engine: &Engine, attempt: Attempt, stop: &dyn StopSignal) -> Result<AttemptReport, LostAttempt> {
    if stop.request().level > StopLevel::Draining {
        return Ok(AttemptReport::new(AttemptOutcome::Aborted, Duration::ZERO));
    }
    let file_path = attempt.file_path.clone();
    match begin(engine, attempt, stop).await {
        Ok(mut executor) => executor.run().await.map_err(|source| LostAttempt { file_path, source }),
        Err(outcome) => Ok(AttemptReport::new(outcome, Duration::ZERO)),
    }
}
