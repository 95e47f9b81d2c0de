//! One attempt on a file: what is asked of an orchestrator, and what comes of it.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::failure;
use crate::fingerprint::Fingerprint;
use crate::item::{AttemptNumber, ClaimNumber, ClaimToken, ItemId, QueueItem, RunId};
use crate::path::FilePath;

/// One attempt to carry out. Its claim is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The claim that the attempt is made under.
    pub token: ClaimToken,
    /// The run that it belongs to.
    pub run: RunId,
    /// The file.
    pub file_path: FilePath,
    /// The item's round.
    pub round: u32,
    /// True if that round began after a completion: nothing of an earlier round is continued.
    pub follows_completion: bool,
    /// The number of the attempt in its round.
    pub number: AttemptNumber,
    /// The most attempts that a round has.
    pub max_attempts: u32,
    /// How long the attempt may take.
    pub timeout: Duration,
}

/// Which attempt an event or a record speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRef {
    /// The item.
    pub id: ItemId,
    /// Its file.
    pub file_path: FilePath,
    /// The round.
    pub round: u32,
    /// The number of the attempt in its round.
    pub attempt: AttemptNumber,
    /// The claim that the attempt is made under; `None` if it is unknown.
    pub claim: Option<ClaimNumber>,
}

impl AttemptRef {
    /// The latest attempt of an item; the first, if there was none.
    #[must_use]
    pub fn latest(item: &QueueItem) -> Self {
        Self {
            id: item.id,
            file_path: item.file_path.clone(),
            round: item.round,
            attempt: item.attempt(),
            claim: item.claim.as_ref().map(|claim| claim.number),
        }
    }
}

/// How an attempt ended. None of these is an error of the orchestrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It did what it should.
    Succeeded,
    /// It exited with a status other than 0.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// A signal that autoproc did not send ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// It ran out of time and was ended.
    TimedOut {
        /// The time that it had.
        after: Duration,
    },
    /// It never began.
    CannotStart {
        /// Why.
        reason: Box<str>,
        /// True if a later attempt would fail in the same way: no such command, not executable.
        permanent: bool,
    },
    /// Its supervision was killed, and what it had started was ended. A failure like any other,
    /// since the attempt itself may have been the cause.
    Interrupted {
        /// What was lost.
        reason: Box<str>,
    },
    /// It succeeded by its own account and did not leave what it had promised: a checkpoint is not
    /// passed, an output has the wrong form.
    Unmet {
        /// What is missing or wrong.
        reason: Box<str>,
        /// True if a later attempt would fail in the same way.
        permanent: bool,
    },
    /// One of its steps failed. Judged as the step's outcome is.
    StepFailed {
        /// The step, as its workflow names it.
        step: Box<str>,
        /// How the step ended.
        cause: Box<AttemptOutcome>,
    },
    /// Its stop signal rose to aborting, and it was ended.
    Aborted,
}

impl AttemptOutcome {
    /// The outcome without the steps around it.
    #[must_use]
    pub fn root_cause(&self) -> &Self {
        let mut outcome = self;
        while let Self::StepFailed { cause, .. } = outcome {
            outcome = cause;
        }
        outcome
    }
}

/// The words with which [`AttemptReport::error`] begins.
impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Exited { code } => write!(f, "exit status {code}"),
            Self::Signalled { signal } => write!(f, "killed by signal {signal}"),
            Self::TimedOut { after } => write!(f, "timed out after {} s", after.as_secs_f64()),
            Self::CannotStart { reason, .. } => write!(f, "cannot start: {reason}"),
            Self::Interrupted { reason } => write!(f, "interrupted: {reason}"),
            Self::Unmet { reason, .. } => f.write_str(reason),
            Self::StepFailed { step, cause } => write!(f, "{step}: {cause}"),
            Self::Aborted => f.write_str("aborted"),
        }
    }
}

/// What an attempt used of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceUsage {
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time that the kernel spent on its behalf.
    pub system: Duration,
    /// The largest resident set of any of its processes, in bytes.
    pub peak_memory: u64,
}

/// What an orchestrator reports when an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// How long it took, by a clock that does not jump.
    pub elapsed: Duration,
    /// What it used, if the orchestrator can tell.
    pub usage: Option<ResourceUsage>,
    /// The last lines of its error output; empty if there are none.
    pub output_tail: Box<str>,
}

impl AttemptReport {
    /// A report of the outcome and the time alone.
    #[must_use]
    pub fn new(outcome: AttemptOutcome, elapsed: Duration) -> Self {
        Self { outcome, elapsed, usage: None, output_tail: Box::default() }
    }

    /// What went wrong, as the queue and the event log keep it: see [`failure`].
    #[must_use]
    pub fn error(&self) -> Box<str> {
        failure::text(&self.outcome, &self.output_tail)
    }
}

/// What happens to an attempt that was handed to an orchestrator: either `Started` and then one of
/// `Ended` and `Lost`, or `NotStarted` alone.
#[derive(Debug)]
pub enum AttemptProgress {
    /// It began.
    Started {
        /// The file as it was then; `None` if the orchestrator does not look at files.
        fingerprint: Option<Fingerprint>,
    },
    /// It is over, with everything that it started.
    Ended(AttemptReport),
    /// It did not begin and will not: it was recalled, or waited too long. It is as if the attempt
    /// had never been handed over.
    NotStarted,
    /// Whether it is over is unknown.
    Lost(LostAttempt),
}

/// An orchestrator lost its connection to an attempt, which may still be at work. The run claims nothing more
/// and ends with this error; the item stays claimed until the run is recovered.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell how the attempt on {file_path} ended")]
pub struct LostAttempt {
    /// The file.
    pub file_path: FilePath,
    /// What happened.
    #[source]
    pub source: io::Error,
}
