//! Phases: steps that belong together, and what must hold after them.

use super::{Located, Position, Step};

/// The name that holds in a transition's condition where the phase passed its checkpoint.
pub const CHECKPOINT_PASSED: &str = "checkpoint_passed";

/// One phase of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The id, no two in a workflow alike.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The phase is entered only where this condition holds; else all of it is skipped.
    pub condition: Option<Located<String>>,
    /// What is done, in this order. A phase with a single `task` has one step.
    pub steps: Vec<Step>,
    /// Whether the workflow fails where the phase fails. Where not, the failure is recorded and the next phase follows.
    pub blocking: bool,
    /// What a failed step means for the phase.
    pub on_fail: OnFail,
    /// What is asked after the steps.
    pub checkpoint: Option<Checkpoint>,
    /// Where the phase begins.
    pub position: Position,
}

impl Phase {
    /// What follows a step of this phase that has failed for good.
    #[must_use]
    pub fn after_failed_step(&self) -> AfterFailure {
        match (&self.on_fail, self.blocking) {
            (OnFail::Continue, _) => AfterFailure::NextStep,
            (OnFail::Skip, _) | (_, false) => AfterFailure::NextPhase,
            (OnFail::Fail | OnFail::Other(_), true) => AfterFailure::Fail,
        }
    }

    /// What follows a blocking checkpoint of this phase that has not been passed.
    #[must_use]
    pub fn after_failed_checkpoint(&self) -> AfterFailure {
        if self.blocking { AfterFailure::Fail } else { AfterFailure::NextPhase }
    }
}

/// What a phase says of a failed step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnFail {
    /// The phase fails.
    #[default]
    Fail,
    /// The failure is recorded, and the phase goes on with its next step.
    Continue,
    /// The failure is recorded, and the rest of the phase is skipped.
    Skip,
    /// A word without a meaning here: a check warns of it, and the phase fails.
    Other(Located<String>),
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// The workflow fails.
    Fail,
    /// The next step of the phase follows.
    NextStep,
    /// The rest of the phase is skipped, and the next phase follows.
    NextPhase,
}

/// What must hold at the end of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its id; the phase's where the file gives none.
    pub id: String,
    /// Whether the phase fails where the checkpoint is not passed.
    pub blocking: bool,
    /// The names that the phase's steps must have returned, each with a value that counts as true.
    pub validation: Vec<Located<String>>,
    /// Where the checkpoint begins.
    pub position: Position,
}
