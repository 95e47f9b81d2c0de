//! What happens in an execution: the only thing that changes its state, and what its journal is made of.

use std::time::Duration;

use autoproc_domain::{Fingerprint, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use autoproc_time_text::{seconds, timestamp};

/// What a step returns, by name.
pub type Values = Map<String, Value>;

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the wall clock; nothing orders by it.
    #[serde(rename = "timestamp", with = "timestamp::required")]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A step, by the ids of its workflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepName {
    /// Its phase.
    pub phase: String,
    /// Itself.
    pub step: String,
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseEnd {
    /// Its steps were done, and its checkpoint was passed or is none.
    Passed,
    /// A step failed or the checkpoint was not passed, and the workflow goes on all the same.
    Failed,
    /// Its condition did not hold.
    Skipped,
}

/// What follows a failure, as the journal keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The execution fails.
    Fail,
    /// The phase goes on.
    NextStep,
    /// The rest of the phase is left out.
    NextPhase,
}

/// Which attempt carries the execution on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// The run.
    pub run_id: String,
    /// The number of the claim.
    pub claim: u64,
    /// The round of the item; omitted in the first.
    #[serde(default = "first_round", skip_serializing_if = "is_first")]
    pub round: u32,
    /// The number of the attempt in its round.
    pub attempt: u32,
}

impl Carrier {
    /// True if no completion lies between this attempt and one of that round. Rounds count only up
    /// to the next one: of a longer gap, nothing says how the rounds in it ended.
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

/// What an execution is of. Two that differ in this have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The version of the journal's form.
    pub version: String,
    /// The workflow's id.
    pub workflow_id: String,
    /// The hash of the workflow file's bytes.
    pub workflow_hash: String,
    /// The queue's item.
    pub item_id: u64,
    /// The file, as text.
    pub file_path: String,
    /// The bytes of a path that is no text, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_path_bytes: Option<String>,
    /// The workflow's inputs.
    pub inputs: Values,
}

/// What a file looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFile {
    /// Its size.
    pub size_bytes: u64,
    /// Its modification time, in nanoseconds since 1970.
    pub modified_ns: i64,
}

impl From<Fingerprint> for SeenFile {
    fn from(Fingerprint { size, modified_ns }: Fingerprint) -> Self {
        Self { size_bytes: size, modified_ns }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The execution began, at the workflow's first phase.
    WorkflowStarted {
        /// Of what.
        #[serde(flatten)]
        subject: Box<Subject>,
        /// By whom.
        #[serde(flatten)]
        carrier: Carrier,
        /// How many steps there are in all.
        steps_total: usize,
        /// Where it begins; none where the workflow has no phase.
        first: Option<String>,
    },
    /// A later attempt took the execution up where the last one had left it.
    WorkflowResumed {
        /// By whom.
        #[serde(flatten)]
        carrier: Carrier,
        /// The finished steps that are to run again before it goes on.
        rerun: Vec<StepName>,
    },
    /// A phase began.
    PhaseStarted {
        /// Which.
        phase: String,
    },
    /// A phase was not entered, because its condition does not hold.
    PhaseSkipped {
        /// Which.
        phase: String,
        /// How many steps are left out with it.
        steps: usize,
    },
    /// A step's process is about to begin.
    StepStarted {
        /// Which.
        #[serde(flatten)]
        name: StepName,
    },
    /// A step ended well.
    StepCompleted {
        /// Which.
        #[serde(flatten)]
        name: StepName,
        /// How long it took.
        #[serde(rename = "duration_s", with = "seconds")]
        elapsed: Duration,
        /// What it returned.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        values: Values,
        /// What it printed, where something refers to that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stdout: Option<String>,
    },
    /// A step was left out, because its condition does not hold.
    StepSkipped {
        /// Which.
        #[serde(flatten)]
        name: StepName,
    },
    /// A step failed for good.
    StepFailed {
        /// Which.
        #[serde(flatten)]
        name: StepName,
        /// How long it took.
        #[serde(rename = "duration_s", with = "seconds")]
        elapsed: Duration,
        /// Of what.
        error: String,
        /// What follows.
        then: Then,
    },
    /// A checkpoint found what it asks for.
    CheckpointPassed {
        /// Its phase.
        phase: String,
        /// Which.
        checkpoint: String,
    },
    /// A checkpoint did not.
    CheckpointFailed {
        /// Its phase.
        phase: String,
        /// Which.
        checkpoint: String,
        /// The names that were not returned, or are false.
        missing: Vec<String>,
        /// Whether the phase fails by it; else it is a warning.
        blocking: bool,
        /// What follows where it does.
        then: Then,
    },
    /// None of the transitions that leave a phase can be taken.
    TransitionFailed {
        /// The phase.
        phase: String,
        /// Why not.
        error: String,
    },
    /// A phase is over.
    PhaseCompleted {
        /// Which.
        phase: String,
        /// How.
        end: PhaseEnd,
        /// The phase that follows.
        next: Option<String>,
    },
    /// The execution ended well.
    WorkflowCompleted,
    /// The execution failed for this time; a later attempt may take it up.
    WorkflowFailed {
        /// What went wrong.
        error: String,
        /// The file as the attempt left it.
        #[serde(flatten)]
        file: Option<SeenFile>,
    },
}
