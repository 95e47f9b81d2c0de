//! The events of an execution, described in `docs/formats.md`.

use std::fmt;
use std::time::Duration;

use autoproc_domain::{Fingerprint, Timestamp};
use autoproc_time_text::{seconds, timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outputs::LocatedOutput;
use super::shared::Place;
use crate::definition::{AfterFailure, Phase, Step};

pub(crate) type Values = Map<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// The wall-clock time of the event. The clock may be set back.
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
    /// A step or the checkpoint failed, and the workflow continues.
    Failed,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptIds {
    pub(crate) run_id: String,
    pub(crate) claim: u64,
    /// The number of the round, from 1. A new round begins when an ended item is queued again.
    #[serde(default = "first_round", skip_serializing_if = "is_first")]
    pub(crate) round: u32,
    pub(crate) attempt: u32,
}

impl AttemptIds {
    /// True if an attempt in `round` may continue the execution of this attempt. The next round may
    /// continue it unless the item was completed before that round (`follows_completion`).
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
    /// True if an attempt `self` may resume the execution `earlier`. Ignores the path if the
    /// earlier attempt ran elsewhere, because the file may be in another folder there.
    pub(crate) fn is_same_work(&self, earlier: &Self, is_elsewhere: bool) -> bool {
        let mut comparable = Self { version: earlier.version.clone(), ..self.clone() };
        if is_elsewhere {
            comparable.file_path.clone_from(&earlier.file_path);
            comparable.file_path_bytes.clone_from(&earlier.file_path_bytes);
        }
        comparable == *earlier
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) phase: String,
    /// The failed step; `None` if the phase itself failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
}

impl Failure {
    /// Creates a failure at `place`, which is `PHASE` or `PHASE/STEP`.
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
        first: Option<String>,
        /// The machine and project folder of an abandoned execution.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        abandoned: Option<Place>,
    },
    WorkflowResumed {
        #[serde(flatten)]
        attempt_ids: AttemptIds,
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
        /// The standard output, if an expression uses it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stdout: Option<String>,
    },
    StepSkipped {
        #[serde(flatten)]
        name: StepName,
    },
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
        /// The names and conditions that do not hold.
        missing: Vec<String>,
        blocking: bool,
        then: AfterFailure,
    },
    TransitionFailed {
        phase: String,
        error: String,
    },
    /// The phase did not return values for later steps. A later attempt repeats the phase.
    ValuesMissing {
        phase: String,
        error: String,
    },
    PhaseCompleted {
        phase: String,
        end: PhaseEnd,
        next: Option<String>,
    },
    RollbackStarted {
        #[serde(flatten)]
        failure: Failure,
    },
    RollbackCompleted,
    ErrorStepEnded {
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    WorkflowCompleted {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outputs: Vec<LocatedOutput>,
    },
    OutputsMissing {
        /// The id of the last phase, if it ran. A later attempt repeats the phase.
        phase: Option<String>,
        error: String,
    },
    WorkflowFailed {
        error: String,
        /// The fingerprint of the file after the attempt, if known.
        #[serde(flatten)]
        file: Option<FileFingerprint>,
    },
}
