//! The state of an execution: a fold over what happened, and nothing else.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use autoproc_domain::Timestamp;
use serde_json::{Map, Value};

use super::event::{Carrier, Event, EventKind, PhaseEnd, SeenFile, StepName, Subject, Then, Values};

/// What an execution is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// Under way, or left by a runner that died or was stopped.
    Running,
    /// Every phase is over.
    Completed,
    /// Failed for this time; a later attempt may take it up.
    Failed,
}

impl ExecutionStatus {
    /// The word for it, on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// It ended well.
    Completed,
    /// Its condition did not hold.
    Skipped,
    /// It failed for good.
    Failed,
}

impl StepStatus {
    /// The word for it, on disk and on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One step that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Which.
    pub name: StepName,
    /// What became of it.
    pub status: StepStatus,
    /// When it was over.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed: Duration,
    /// Of what it failed.
    pub error: Option<String>,
}

/// Where an execution stands. What is to be done there is `decide`'s to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Before a phase.
    Entering(String),
    /// In a phase; so many of its steps are over.
    Within {
        /// The phase.
        phase: String,
        /// How many of its steps are over.
        next: usize,
    },
    /// Behind the last step of a phase and its checkpoint, where it has one.
    Leaving {
        /// The phase.
        phase: String,
        /// How it ended.
        end: PhaseEnd,
        /// Whether `checkpoint_passed` holds.
        is_checkpoint_passed: bool,
    },
    /// Behind the last phase.
    Through,
}

/// What a step has left for those after it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepOutputs {
    /// What it returned.
    pub values: Values,
    /// What it printed, where something refers to that.
    pub stdout: Option<String>,
}

/// An execution: one workflow on one file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionState {
    /// What it is of.
    pub subject: Subject,
    /// The attempt that last carried it.
    pub carrier: Carrier,
    /// What it is about.
    pub status: ExecutionStatus,
    /// Where it stands.
    pub stage: Stage,
    /// The phase it is in, or was in last.
    pub current_phase: Option<String>,
    /// The step that is under way.
    pub current_step: Option<String>,
    /// The steps that are over, in the order in which they ended.
    pub history: Vec<StepRecord>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended well.
    pub completed_at: Option<Timestamp>,
    /// When something last happened.
    pub updated_at: Timestamp,
    /// What the steps of each phase returned, the later one's word counting.
    pub phase_outputs: Map<String, Value>,
    /// What each finished step left, in the order in which they ended first.
    pub step_outputs: Vec<(StepName, StepOutputs)>,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// The file as the failed attempt left it, if that is known.
    pub left_file: Option<SeenFile>,
    /// Finished steps that run again before the execution goes on.
    pub rerun: VecDeque<StepName>,
    /// The phases it has entered or passed over.
    pub entered: BTreeSet<String>,
    /// How many steps the workflow has.
    pub steps_total: usize,
    /// How many of them are over or left out.
    pub steps_over: usize,
    /// How many of the current phase's are over.
    over_in_phase: usize,
}

impl ExecutionState {
    /// The state after the first event; none where that is not a beginning.
    #[must_use]
    pub fn begin(event: &Event) -> Option<Self> {
        let EventKind::WorkflowStarted { subject, carrier, steps_total, first } = &event.kind else { return None };
        Some(Self {
            subject: (**subject).clone(),
            carrier: carrier.clone(),
            status: ExecutionStatus::Running,
            stage: first.clone().map_or(Stage::Through, Stage::Entering),
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
            entered: BTreeSet::new(),
            steps_total: *steps_total,
            steps_over: 0,
            over_in_phase: 0,
        })
    }

    /// True if the file is known to have changed since an attempt failed: the results of finished steps are those of
    /// another file then.
    pub(crate) fn is_file_changed(&self, now: Option<SeenFile>) -> bool {
        self.left_file.zip(now).is_some_and(|(left, now)| left != now)
    }

    /// Takes in what happened next.
    pub fn apply(&mut self, event: &Event) {
        self.updated_at = event.at;
        match &event.kind {
            // A journal has one beginning; another would be a journal of its own.
            EventKind::WorkflowStarted { .. } => {}
            EventKind::WorkflowResumed { carrier, rerun } => self.resume(carrier, rerun),
            EventKind::PhaseStarted { phase } => self.enter(phase),
            EventKind::PhaseSkipped { phase, steps } => self.pass_over(phase, *steps),
            EventKind::StepStarted { name } => self.current_step = Some(name.step.clone()),
            EventKind::StepCompleted { name, elapsed, values, stdout } => {
                let outputs = StepOutputs { values: values.clone(), stdout: stdout.clone() };
                self.keep(name, outputs);
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
            EventKind::TransitionFailed { phase, .. } => self.back_to_start_of(phase),
            EventKind::PhaseCompleted { next, .. } => {
                self.stage = next.clone().map_or(Stage::Through, Stage::Entering);
            }
            EventKind::WorkflowCompleted => self.complete(event.at),
            EventKind::WorkflowFailed { error, file } => self.fail(error, *file),
        }
    }

    fn complete(&mut self, at: Timestamp) {
        self.status = ExecutionStatus::Completed;
        self.completed_at = Some(at);
        self.current_step = None;
    }

    fn fail(&mut self, error: &str, file: Option<SeenFile>) {
        self.status = ExecutionStatus::Failed;
        self.error = Some(error.to_owned());
        self.left_file = file;
        self.current_step = None;
    }

    fn resume(&mut self, carrier: &Carrier, rerun: &[StepName]) {
        self.carrier = carrier.clone();
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

    /// A phase that was skipped returned nothing, and whoever asks for it is told none rather than refused.
    fn pass_over(&mut self, phase: &str, steps: usize) {
        self.entered.insert(phase.to_owned());
        self.phase_outputs.insert(phase.to_owned(), Value::Object(Values::new()));
        self.steps_over += steps;
        self.leave(phase, PhaseEnd::Skipped, true);
    }

    fn leave(&mut self, phase: &str, end: PhaseEnd, is_checkpoint_passed: bool) {
        self.stage = Stage::Leaving { phase: phase.to_owned(), end, is_checkpoint_passed };
    }

    /// A step that ran again takes its old place, so that what later steps returned still counts as later.
    fn keep(&mut self, name: &StepName, outputs: StepOutputs) {
        let is_again = self.rerun.front() == Some(name);
        let former = is_again.then(|| self.step_outputs.iter_mut().find(|(known, _)| known == name)).flatten();
        if let Some((_, old)) = former {
            *old = outputs;
            self.gather(&name.phase);
            return;
        }
        if let Some(Value::Object(phase)) = self.phase_outputs.get_mut(&name.phase) {
            phase.extend(outputs.values.clone());
        }
        self.step_outputs.push((name.clone(), outputs));
    }

    /// What a phase returned, anew from what its steps did.
    fn gather(&mut self, phase: &str) {
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
        } else if let Stage::Within { next, .. } = &mut self.stage {
            *next += 1;
            self.steps_over += 1;
            self.over_in_phase += 1;
        }
    }

    fn step_failed(&mut self, at: Timestamp, name: &StepName, elapsed: Duration, error: &str, then: Then) {
        let is_again = self.rerun.front() == Some(name);
        if then == Then::Fail {
            let error = Some(error.to_owned());
            self.history.push(StepRecord { name: name.clone(), status: StepStatus::Failed, at, elapsed, error });
            self.current_step = None;
            return;
        }
        self.step_over(at, name, StepStatus::Failed, elapsed, Some(error.to_owned()));
        if then == Then::NextPhase && !is_again {
            self.leave(&name.phase, PhaseEnd::Failed, false);
        }
    }

    fn checkpoint_failed(&mut self, phase: &str, blocking: bool, then: Then) {
        match (blocking, then) {
            (false, _) => self.leave(phase, PhaseEnd::Passed, false),
            (true, Then::Fail) => self.back_to_start_of(phase),
            (true, Then::NextStep | Then::NextPhase) => self.leave(phase, PhaseEnd::Failed, false),
        }
    }

    /// What its steps returned was not good enough, so they run again when the execution is taken up.
    fn back_to_start_of(&mut self, phase: &str) {
        self.steps_over -= std::mem::take(&mut self.over_in_phase);
        self.phase_outputs.insert(phase.to_owned(), Value::Object(Values::new()));
        self.step_outputs.retain(|(name, _)| name.phase != phase);
        self.stage = Stage::Within { phase: phase.to_owned(), next: 0 };
    }
}
