use serde::{Deserialize, Serialize};

use super::{Located, Position, Step};

/// A name that the conditions of transitions may use. Its value is false if the checkpoint of the
/// phase before the transition failed, or if a failed step ended this phase; otherwise true.
pub(crate) const CHECKPOINT_PASSED: &str = "checkpoint_passed";

/// The id of the phase that holds the rollback: the steps that undo the work after a failure.
pub(crate) const ROLLBACK: &str = "rollback";

/// The id of the phase that holds the steps to run after a failed attempt that is not retried.
pub(crate) const ON_ERROR: &str = "on_error";

#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The id of the phase, unique in the workflow.
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    /// The condition of the phase: if it does not hold, the whole phase is skipped.
    pub condition: Option<Located<String>>,
    pub steps: Vec<Step>,
    /// True if a failure of the phase fails the attempt; otherwise the execution leaves the phase
    /// and continues.
    pub blocking: bool,
    pub on_fail: OnFail,
    pub checkpoint: Option<Checkpoint>,
    pub position: Position,
}

impl Phase {
    /// Creates a phase for the steps of `rollback` or `on_error`, which are outside the sequence of
    /// phases.
    pub(crate) fn aside(id: &str, steps: Vec<Step>, position: Position) -> Self {
        Self {
            id: id.to_owned(),
            name: None,
            description: None,
            condition: None,
            steps,
            blocking: true,
            on_fail: OnFail::Fail,
            checkpoint: None,
            position,
        }
    }

    /// Returns the consequence of a failed step of the phase that has no retries left.
    pub(crate) fn after_failed_step(&self) -> AfterFailure {
        match (&self.on_fail, self.blocking) {
            (OnFail::Continue, _) => AfterFailure::NextStep,
            (OnFail::Skip, _) | (_, false) => AfterFailure::NextPhase,
            (OnFail::Fail | OnFail::Other(_), true) => AfterFailure::Fail,
        }
    }

    pub(crate) fn after_failed_checkpoint(&self) -> AfterFailure {
        if self.blocking { AfterFailure::Fail } else { AfterFailure::NextPhase }
    }
}

/// The reaction of a phase to a failed step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnFail {
    #[default]
    Fail,
    /// Continue with the next step.
    Continue,
    /// Skip the rest of the phase.
    Skip,
    /// An unknown word in the workflow file. It is reported as a warning and treated as `Fail`.
    Other(Located<String>),
}

/// The consequence of a failed step or checkpoint. The journal records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AfterFailure {
    /// The attempt fails.
    Fail,
    NextStep,
    /// The rest of the phase is skipped.
    NextPhase,
}

/// A check at the end of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The id of the checkpoint. If the file gives no id, this is the id of the phase.
    pub id: String,
    /// True if a failed checkpoint fails the phase; otherwise the phase passes, and
    /// `checkpoint_passed` is false in the conditions of its transitions.
    pub blocking: bool,
    /// The names and conditions that the checkpoint requires. The checkpoint passes if the steps of
    /// the phase have returned a true value for each name, and each condition holds.
    pub validation: Vec<Located<String>>,
    pub position: Position,
}

impl Checkpoint {
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Located<String>> {
        self.validation.iter().filter(|text| !is_returnable(&text.value))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.validation.iter().map(|text| text.value.as_str()).filter(|text| is_returnable(text))
    }
}

pub(crate) fn is_returnable(name: &str) -> bool {
    name.chars().all(|character| character.is_alphanumeric() || "_-".contains(character))
}
