use serde::{Deserialize, Serialize};

use super::{Located, Position, Step};

/// The name of a value for conditions of transitions. False if the phase or its checkpoint failed.
pub(crate) const CHECKPOINT_PASSED: &str = "checkpoint_passed";

/// The id of the phase whose steps undo the work after a failure.
pub(crate) const ROLLBACK: &str = "rollback";

/// The id of the phase that runs after the last failed attempt.
pub(crate) const ON_ERROR: &str = "on_error";

#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The id of the phase, unique in the workflow.
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    /// If this condition does not hold, the whole phase is skipped.
    pub condition: Option<Located<String>>,
    pub steps: Vec<Step>,
    /// True if a failure of the phase fails the attempt. Otherwise the execution continues after
    /// the phase.
    pub blocking: bool,
    pub on_fail: OnFail,
    pub checkpoint: Option<Checkpoint>,
    pub position: Position,
}

impl Phase {
    /// Creates the phase `rollback` or `on_error`. These phases are outside the sequence of phases.
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
    /// An unknown word; counts as `Fail`.
    Other(Located<String>),
}

/// What happens after a failed step or checkpoint. The journal stores this value.
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
    /// The id of the checkpoint. The default is the id of the phase.
    pub id: String,
    /// True if a failed checkpoint fails the phase. Otherwise the phase passes, and the conditions
    /// of its transitions see `checkpoint_passed` as false.
    pub blocking: bool,
    /// The names and conditions that the checkpoint requires. The steps of the phase must return a
    /// true value for each name, and each condition must hold.
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
