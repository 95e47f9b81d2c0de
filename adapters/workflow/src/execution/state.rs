//! The state of an execution, computed from its events.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use autoproc_domain::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::event::{AttemptIds, Event, EventKind, Failure, FileFingerprint, PhaseEnd, StepName, Subject, Values};
use super::outputs::LocatedOutput;
use crate::definition::{AfterFailure, ROLLBACK};

/// The status of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// The execution is running, or its run died or was stopped before the execution ended.
    Running,
    /// The last phase has ended, and no required output is missing.
    Completed,
    /// The latest attempt failed; a later attempt may resume the execution.
    Failed,
}

impl ExecutionStatus {
    /// Returns the word for the status, as it appears on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
    Completed,
    Skipped,
    Failed,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepRecord {
    pub(crate) name: StepName,
    pub(crate) status: StepStatus,
    pub(crate) at: Timestamp,
    pub(crate) elapsed: Duration,
    pub(crate) error: Option<String>,
}

/// The position of an execution in the workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The phase with this id is next.
    Entering(String),
    /// The step `next` follows, or the checkpoint after the last step.
    Within { phase: String, next: usize },
    /// The phase has ended; the next phase is not chosen yet.
    Leaving { phase: String, end: PhaseEnd, is_checkpoint_passed: bool },
    /// The rollback step `next` follows.
    RollingBack { next: usize, failure: Failure },
    /// The rollback has ended.
    RolledBack { failure: Failure },
    /// The last phase has ended.
    Finished,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StepOutputs {
    pub(crate) values: Values,
    pub(crate) stdout: Option<String>,
}

/// An execution of a workflow on a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionState {
    /// The status of the execution.
    pub status: ExecutionStatus,
    /// The reason why the latest attempt failed; `None` if it has not failed.
    pub error: Option<String>,
    pub(crate) subject: Subject,
    pub(crate) attempt_ids: AttemptIds,
    pub(crate) stage: Stage,
    pub(crate) current_phase: Option<String>,
    pub(crate) current_step: Option<String>,
    /// The ended and skipped steps, in order. A repeated step has several records.
    pub(crate) history: Vec<StepRecord>,
    pub(crate) started_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    /// The values that each entered phase has returned, by the id of the phase.
    pub(crate) phase_outputs: Map<String, Value>,
    /// The outputs of completed steps, in the order in which they first ended.
    pub(crate) step_outputs: Vec<(StepName, StepOutputs)>,
    /// The fingerprint of the file after the latest attempt, if the attempt failed.
    pub(crate) left_file: Option<FileFingerprint>,
    pub(crate) rerun: VecDeque<StepName>,
    /// The id of the phase that ended or was skipped last.
    pub(crate) last_phase: Option<String>,
    pub(crate) outputs: Vec<LocatedOutput>,
    /// The phases that were entered or skipped.
    pub(crate) entered: BTreeSet<String>,
    pub(crate) steps_total: usize,
    pub(crate) steps_over: usize,
    over_in_phase: usize,
}

impl ExecutionState {
    /// Returns the path of the file; an approximation if the path is not UTF-8.
    #[must_use]
    pub fn file_path(&self) -> &str {
        &self.subject.file_path
    }

    /// Returns the id of the run that recorded the latest event.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.attempt_ids.run_id
    }

    /// Returns the state after the first event; `None` if `event` is not `WorkflowStarted`.
    pub(crate) fn begin(event: &Event) -> Option<Self> {
        let EventKind::WorkflowStarted { subject, attempt_ids, steps_total, first, .. } = &event.kind else {
            return None;
        };
        Some(Self {
            subject: (**subject).clone(),
            attempt_ids: attempt_ids.clone(),
            status: ExecutionStatus::Running,
            stage: first.clone().map_or(Stage::Finished, Stage::Entering),
            current_phase: None,
            current_step: None,
            history: Vec::new(),
            started_at: event.at,
            completed_at: None,
            updated_at: event.at,
            phase_outputs: Map::new(),
            step_outputs: Vec::new(),
            error: None,
            left_file: None,
            rerun: VecDeque::new(),
            last_phase: None,
            outputs: Vec::new(),
            entered: BTreeSet::new(),
            steps_total: *steps_total,
            steps_over: 0,
            over_in_phase: 0,
        })
    }

    /// True if the file has certainly changed since the latest failed attempt.
    pub(crate) fn is_file_changed(&self, now: Option<FileFingerprint>) -> bool {
        self.left_file.zip(now).is_some_and(|(left, now)| left != now)
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        self.updated_at = event.at;
        match &event.kind {
            // `begin` handles `WorkflowStarted`, which is always the first event of a journal. The
            // end of an `on_error` step changes nothing but `updated_at`.
            EventKind::WorkflowStarted { .. } | EventKind::ErrorStepEnded { .. } => {}
            EventKind::WorkflowResumed { attempt_ids, rerun } => self.resume(attempt_ids, rerun),
            EventKind::PhaseStarted { phase } => self.enter(phase),
            EventKind::PhaseSkipped { phase, steps } => self.skip(phase, *steps),
            EventKind::StepStarted { name } => self.current_step = Some(name.step.clone()),
            EventKind::StepCompleted { name, elapsed, values, stdout } => {
                let outputs = StepOutputs { values: values.clone(), stdout: stdout.clone() };
                self.record_outputs(name, outputs);
                self.step_over(event.at, name, StepStatus::Completed, *elapsed, None);
            }
            EventKind::StepSkipped { name } => {
                self.step_over(event.at, name, StepStatus::Skipped, Duration::ZERO, None);
            }
            EventKind::StepFailed { name, elapsed, error, then } => {
                self.step_failed(event.at, name, *elapsed, error, *then);
            }
            EventKind::CheckpointPassed { phase, .. } => self.leave(phase, PhaseEnd::Passed, true),
            EventKind::CheckpointFailed { phase, blocking, then, .. } => {
                self.checkpoint_failed(phase, *blocking, *then);
            }
            EventKind::TransitionFailed { phase, .. } | EventKind::ValuesMissing { phase, .. } => {
                self.restart_phase(phase);
            }
            EventKind::PhaseCompleted { phase, next, .. } => {
                self.last_phase = Some(phase.clone());
                self.stage = next.clone().map_or(Stage::Finished, Stage::Entering);
            }
            EventKind::RollbackStarted { failure } => {
                self.current_phase = Some(ROLLBACK.to_owned());
                self.rerun.clear();
                self.stage = Stage::RollingBack { next: 0, failure: failure.clone() };
            }
            EventKind::RollbackCompleted => {
                if let Some(failure) = self.rollback_cause().cloned() {
                    self.stage = Stage::RolledBack { failure };
                }
            }
            EventKind::WorkflowCompleted { outputs } => {
                self.outputs.clone_from(outputs);
                self.complete(event.at);
            }
            EventKind::OutputsMissing { phase, .. } => {
                if let Some(phase) = phase {
                    self.restart_phase(phase);
                }
            }
            EventKind::WorkflowFailed { error, file } => self.fail(error, *file),
        }
    }

    pub(crate) fn rollback_cause(&self) -> Option<&Failure> {
        match &self.stage {
            Stage::RollingBack { failure, .. } | Stage::RolledBack { failure } => Some(failure),
            _ => None,
        }
    }

    /// Returns the id of the latest phase, unless the phase was skipped.
    pub(crate) fn repeatable_phase(&self) -> Option<&String> {
        self.last_phase.as_ref().filter(|last| self.current_phase.as_ref() == Some(last))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.status == ExecutionStatus::Completed || matches!(self.stage, Stage::RolledBack { .. })
    }

    fn complete(&mut self, at: Timestamp) {
        self.status = ExecutionStatus::Completed;
        self.completed_at = Some(at);
        self.current_step = None;
    }

    fn fail(&mut self, error: &str, file: Option<FileFingerprint>) {
        self.status = ExecutionStatus::Failed;
        self.error = Some(error.to_owned());
        self.left_file = file;
        self.current_step = None;
    }

    fn resume(&mut self, attempt_ids: &AttemptIds, rerun: &[StepName]) {
        self.attempt_ids = attempt_ids.clone();
        self.status = ExecutionStatus::Running;
        self.error = None;
        self.left_file = None;
        self.current_step = None;
        self.rerun = rerun.iter().cloned().collect();
    }

    fn enter(&mut self, phase: &str) {
        self.current_phase = Some(phase.to_owned());
        self.entered.insert(phase.to_owned());
        self.phase_outputs.insert(phase.to_owned(), Value::Object(Values::new()));
        self.over_in_phase = 0;
        self.stage = Stage::Within { phase: phase.to_owned(), next: 0 };
    }

    fn skip(&mut self, phase: &str, steps: usize) {
        self.entered.insert(phase.to_owned());
        self.phase_outputs.insert(phase.to_owned(), Value::Object(Values::new()));
        self.steps_over += steps;
        self.leave(phase, PhaseEnd::Skipped, true);
    }

    fn leave(&mut self, phase: &str, end: PhaseEnd, is_checkpoint_passed: bool) {
        self.stage = Stage::Leaving { phase: phase.to_owned(), end, is_checkpoint_passed };
    }

    /// A repeated step keeps its position, so that later steps still take precedence.
    fn record_outputs(&mut self, name: &StepName, outputs: StepOutputs) {
        let is_again = self.rerun.front() == Some(name);
        let former = is_again.then(|| self.step_outputs.iter_mut().find(|(known, _)| known == name)).flatten();
        if let Some((_, old)) = former {
            *old = outputs;
            self.rebuild_phase_outputs(&name.phase);
            return;
        }
        if let Some(Value::Object(phase)) = self.phase_outputs.get_mut(&name.phase) {
            phase.extend(outputs.values.clone());
        }
        self.step_outputs.push((name.clone(), outputs));
    }

    fn rebuild_phase_outputs(&mut self, phase: &str) {
        let of_phase = self.step_outputs.iter().filter(|(name, _)| name.phase == phase);
        let values: Values = of_phase.flat_map(|(_, outputs)| outputs.values.clone()).collect();
        self.phase_outputs.insert(phase.to_owned(), Value::Object(values));
    }

    fn step_over(
        &mut self,
        at: Timestamp,
        name: &StepName,
        status: StepStatus,
        elapsed: Duration,
        error: Option<String>,
    ) {
        self.current_step = None;
        self.history.push(StepRecord { name: name.clone(), status, at, elapsed, error });
        if self.rerun.front() == Some(name) {
            self.rerun.pop_front();
        } else if let Stage::RollingBack { next, .. } = &mut self.stage {
            *next += 1;
        } else if let Stage::Within { next, .. } = &mut self.stage {
            *next += 1;
            self.steps_over += 1;
            self.over_in_phase += 1;
        }
    }

    fn step_failed(&mut self, at: Timestamp, name: &StepName, elapsed: Duration, error: &str, then: AfterFailure) {
        let is_again = self.rerun.front() == Some(name);
        if then == AfterFailure::Fail {
            let error = Some(error.to_owned());
            self.history.push(StepRecord { name: name.clone(), status: StepStatus::Failed, at, elapsed, error });
            self.current_step = None;
            return;
        }
        self.step_over(at, name, StepStatus::Failed, elapsed, Some(error.to_owned()));
        if then == AfterFailure::NextPhase && !is_again {
            self.leave(&name.phase, PhaseEnd::Failed, false);
        }
    }

    fn checkpoint_failed(&mut self, phase: &str, blocking: bool, then: AfterFailure) {
        match (blocking, then) {
            (false, _) => self.leave(phase, PhaseEnd::Passed, false),
            (true, AfterFailure::Fail) => self.restart_phase(phase),
            (true, AfterFailure::NextStep | AfterFailure::NextPhase) => self.leave(phase, PhaseEnd::Failed, false),
        }
    }

    fn restart_phase(&mut self, phase: &str) {
        self.steps_over -= std::mem::take(&mut self.over_in_phase);
        self.phase_outputs.insert(phase.to_owned(), Value::Object(Values::new()));
        self.step_outputs.retain(|(name, _)| name.phase != phase);
        self.stage = Stage::Within { phase: phase.to_owned(), next: 0 };
    }
}
