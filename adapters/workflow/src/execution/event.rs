//! The events of an execution. Only events change the state of an execution, and the journal of an
//! execution consists of its events. `docs/formats.md` describes each event.

use std::fmt;
use std::time::Duration;

use autoproc_domain::{Fingerprint, Timestamp};
use autoproc_time_text::{seconds, timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outputs::LocatedOutput;
use super::shared::Place;
use crate::definition::{AfterFailure, Phase, Step};

/// Values by name: the inputs, or the values that a step returns.
pub(crate) type Values = Map<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// The wall-clock time of the event. The order of events is their order in the journal, because
    /// the clock may be set back.
    #[serde(rename = "timestamp", with = "timestamp::required")]
    pub(crate) at: Timestamp,
    #[serde(flatten)]
    pub(crate) kind: EventKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct StepName {
    pub(crate) phase: String,
    pub(crate) step: String,
}

impl StepName {
    pub(crate) fn of(phase: &Phase, step: &Step) -> Self {
        Self { phase: phase.id.clone(), step: step.id.clone() }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.phase, self.step)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhaseEnd {
    Passed,
    /// A step or the checkpoint of the phase failed, and the workflow continues.
    Failed,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptIds {
    pub(crate) run_id: String,
    pub(crate) claim: u64,
    /// The round of the attempt, from 1. Omitted from the JSON if it is 1.
    #[serde(default = "first_round", skip_serializing_if = "is_first")]
    pub(crate) round: u32,
    pub(crate) attempt: u32,
}

impl AttemptIds {
    /// True if an attempt in `round` may continue the execution of this attempt. This is always
    /// possible in the same round. It is possible in the next round if the item was not completed
    /// before that round (`follows_completion` is false). It is never possible in a later round,
    /// because the item may have been completed in between.
    pub(crate) fn is_continued_in(&self, round: u32, follows_completion: bool) -> bool {
        self.round == round || (!follows_completion && self.round.checked_add(1) == Some(round))
    }
}

const fn first_round() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(round: &u32) -> bool {
    *round == 1
}

/// The identity of an execution; see [`is_same_work`](Self::is_same_work).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// The version of the journal's format.
    pub(crate) version: String,
    pub(crate) workflow_id: String,
    pub(crate) workflow_hash: String,
    pub(crate) item_id: u64,
    pub(crate) file_path: String,
    /// The bytes of the path in hexadecimal; `None` if the path is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file_path_bytes: Option<String>,
    pub(crate) inputs: Values,
}

impl Subject {
    /// True if an attempt of `self` may resume an execution of `earlier`. The version of the format
    /// is not compared. If the earlier attempt was made on another machine or in another project
    /// folder (`is_elsewhere`), the path is not compared either, because machines may have the same
    /// file in different folders.
    pub(crate) fn is_same_work(&self, earlier: &Self, is_elsewhere: bool) -> bool {
        let mut comparable = Self { version: earlier.version.clone(), ..self.clone() };
        if is_elsewhere {
            comparable.file_path.clone_from(&earlier.file_path);
            comparable.file_path_bytes.clone_from(&earlier.file_path_bytes);
        }
        comparable == *earlier
    }
}

/// The failure that caused a rollback or the steps of `on_error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) phase: String,
    /// The step that failed, or whose condition cannot be evaluated; `None` for a failure of the
    /// phase, for instance of its condition or its checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
}

impl Failure {
    /// `place` is `PHASE` or `PHASE/STEP`.
    pub(crate) fn of(place: &str, error: String) -> Self {
        match place.split_once('/') {
            Some((phase, step)) => Self { error, phase: phase.to_owned(), step: Some(step.to_owned()) },
            None => Self { error, phase: place.to_owned(), step: None },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileFingerprint {
    pub(crate) size_bytes: u64,
    /// The modification time in nanoseconds since 1970.
    pub(crate) modified_ns: i64,
}

impl From<Fingerprint> for FileFingerprint {
    fn from(Fingerprint { size, modified_ns }: Fingerprint) -> Self {
        Self { size_bytes: size, modified_ns }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventKind {
    WorkflowStarted {
        #[serde(flatten)]
        subject: Box<Subject>,
        #[serde(flatten)]
        attempt_ids: AttemptIds,
        steps_total: usize,
        /// The id of the first phase; `None` if the workflow has no phase.
        first: Option<String>,
        /// The machine and the project folder of an earlier execution that cannot be resumed here;
        /// `None` if there is no such execution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        abandoned: Option<Place>,
    },
    WorkflowResumed {
        #[serde(flatten)]
        attempt_ids: AttemptIds,
        /// The finished steps that run again before the execution continues.
        rerun: Vec<StepName>,
    },
    PhaseStarted {
        phase: String,
    },
    PhaseSkipped {
        phase: String,
        steps: usize,
    },
    StepStarted {
        #[serde(flatten)]
        name: StepName,
    },
    StepCompleted {
        #[serde(flatten)]
        name: StepName,
        #[serde(rename = "duration_s", with = "seconds")]
        elapsed: Duration,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        values: Values,
        /// The standard output; present only if an expression uses it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stdout: Option<String>,
    },
    StepSkipped {
        #[serde(flatten)]
        name: StepName,
    },
    /// A step failed and is not tried again in this attempt.
    StepFailed {
        #[serde(flatten)]
        name: StepName,
        #[serde(rename = "duration_s", with = "seconds")]
        elapsed: Duration,
        error: String,
        then: AfterFailure,
    },
    CheckpointPassed {
        phase: String,
        checkpoint: String,
    },
    CheckpointFailed {
        phase: String,
        checkpoint: String,
        /// The names that the steps of the phase did not return with a true value, and the
        /// conditions that do not hold. A condition that cannot be evaluated is followed by `: `
        /// and the reason.
        missing: Vec<String>,
        /// True if the phase fails; otherwise the phase passes all the same.
        blocking: bool,
        then: AfterFailure,
    },
    TransitionFailed {
        phase: String,
        error: String,
    },
    /// The phase did not return values that later steps need. A later attempt repeats the phase.
    ValuesMissing {
        phase: String,
        error: String,
    },
    PhaseCompleted {
        phase: String,
        end: PhaseEnd,
        next: Option<String>,
    },
    /// The rollback begins. When it ends, the execution fails.
    RollbackStarted {
        #[serde(flatten)]
        failure: Failure,
    },
    RollbackCompleted,
    /// A step of `on_error` has ended.
    ErrorStepEnded {
        step: String,
        /// The reason why the step failed; `None` if the step succeeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    WorkflowCompleted {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<LocatedOutput>,
    },
    OutputsMissing {
        /// The id of the last phase, which a later attempt repeats; `None` if the last phase was
        /// skipped or there is no phase.
        phase: Option<String>,
        error: String,
    },
    /// The attempt failed; a later attempt may resume the execution.
    WorkflowFailed {
        error: String,
        /// The fingerprint of the file after the attempt; `None` if the file cannot be examined.
        #[serde(flatten)]
        file: Option<FileFingerprint>,
    },
}
