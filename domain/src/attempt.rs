//! Attempts: their requests, their progress and their outcomes.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::failure;
use crate::fingerprint::Fingerprint;
use crate::item::{AttemptNumber, ClaimNumber, ClaimToken, ItemId, QueueItem, RunId};
use crate::path::FilePath;

/// A request to an orchestrator to carry out an attempt. The claim of the attempt is already
/// durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The token of the claim under which the attempt is made.
    pub token: ClaimToken,
    /// The run that makes the attempt.
    pub run: RunId,
    /// The file to process.
    pub file_path: FilePath,
    /// The depth of the file below the folder that it was added from; see [`QueueItem::depth`].
    pub depth: u8,
    /// The number of the item's current round, from 1.
    pub round: u32,
    /// True if the item was completed when this round began. The attempt must then not resume work
    /// of an earlier round.
    pub follows_completion: bool,
    /// The number of the attempt in its round, from 1.
    pub number: AttemptNumber,
    /// The maximum number of attempts in a round.
    pub max_attempts: u32,
    /// The time limit of the attempt.
    pub timeout: Duration,
}

/// Identifies the attempt that an event or a record refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRef {
    /// The id of the item.
    pub id: ItemId,
    /// The file of the item.
    pub file_path: FilePath,
    /// The number of the round to which the attempt belongs, from 1.
    pub round: u32,
    /// The number of the attempt in its round, from 1.
    pub attempt: AttemptNumber,
    /// The number of the attempt's claim; `None` if the number is unknown.
    pub claim: Option<ClaimNumber>,
}

impl AttemptRef {
    /// Returns a reference to the latest attempt in the current round of `item`. If the round has
    /// had no attempt, the reference is to the first one. `claim` is `None` unless the item is
    /// processing.
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

/// The outcome of an attempt. An orchestrator that cannot determine the outcome returns
/// [`LostAttempt`] instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The attempt succeeded.
    Succeeded,
    /// The attempt exited with a status other than 0.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// The attempt was ended by a signal that autoproc did not send.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// The attempt was ended by a SIGKILL that autoproc did not send, probably because the kernel
    /// ran out of memory.
    OutOfMemory {
        /// True if the kernel counted an out-of-memory kill in the control group of the attempt.
        /// False if only the count of the whole machine is known, or no count at all.
        is_certain: bool,
    },
    /// The attempt exceeded its timeout and was ended.
    TimedOut {
        /// The timeout that was exceeded.
        after: Duration,
    },
    /// The attempt could not be started.
    CannotStart {
        /// A human-readable cause.
        reason: Box<str>,
        /// The kind of the cause.
        fault: StartFault,
    },
    /// The process that supervised the attempt was killed, and the processes of the attempt were
    /// then ended. Counts as an ordinary failure, because the attempt may have killed its
    /// supervisor.
    Interrupted {
        /// A human-readable description of how the supervisor was lost.
        reason: Box<str>,
    },
    /// Another requirement of the attempt was not met. For example, a workflow did not pass a
    /// checkpoint, or the standard output of a command could not be written to a file.
    Unmet {
        /// A human-readable description of the requirement that was not met.
        reason: Box<str>,
        /// True if a later attempt would fail in the same way.
        permanent: bool,
    },
    /// A step or a phase of the attempt failed. The outcome of the step or phase decides whether
    /// the attempt is retried.
    StepFailed {
        /// The phase and the step, as in `read/count`. Only the phase if no single step failed.
        step: Box<str>,
        /// The outcome of the step or phase.
        cause: Box<AttemptOutcome>,
    },
    /// The attempt failed, and afterwards its file did not exist. The run does not retry the
    /// attempt, because a later one would not find the file either.
    InputGone {
        /// How the attempt failed.
        cause: Box<AttemptOutcome>,
    },
    /// The attempt failed, and afterwards both its file and the file's folder were missing, for
    /// instance because a disk is not mounted.
    ///
    /// Usually the run does not count the attempt, and pauses new attempts for a while. The attempt
    /// counts as a failure in two cases. Either the run does not wait for folders. Or the folder
    /// was already missing in an earlier attempt, and another file has succeeded since.
    InputAway {
        /// How the attempt failed.
        cause: Box<AttemptOutcome>,
    },
    /// The attempt was ended because its stop signal reached `StopLevel::Aborting` or a higher
    /// level.
    Aborted,
}

/// The reason why an attempt cannot be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFault {
    /// The machine had no process, descriptor or memory left, or the program file was being
    /// written. The run does not count the attempt, and pauses new attempts for a while.
    Shortage,
    /// The program, or something else that every attempt needs to start, is missing or may not be
    /// executed. If the program worked earlier in the run, the run usually does not count the
    /// attempt, and pauses new attempts for a while. Otherwise the file fails without a retry.
    Missing,
    /// A later attempt would fail in the same way, for instance because the arguments are too long.
    Permanent,
    /// A later attempt may succeed, for instance because the program could not be read.
    Temporary,
}

impl StartFault {
    /// True if a later attempt would fail in the same way.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Missing | Self::Permanent)
    }
}

impl AttemptOutcome {
    /// Returns the outcome of the innermost failed step, or the outcome itself if it is not a
    /// [`StepFailed`](Self::StepFailed).
    #[must_use]
    pub fn root_cause(&self) -> &Self {
        let mut outcome = self;
        while let Self::StepFailed { cause, .. } = outcome {
            outcome = cause;
        }
        outcome
    }
}

/// Writes a short description of the outcome.
impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Exited { code } => write!(f, "exit status {code}"),
            Self::Signalled { signal } => write!(f, "killed by signal {signal}"),
            Self::OutOfMemory { is_certain: true } => f.write_str("killed by signal 9, out of memory"),
            Self::OutOfMemory { is_certain: false } => f.write_str("killed by signal 9, possibly out of memory"),
            Self::TimedOut { after } => write!(f, "timed out after {} s", after.as_secs_f64()),
            Self::CannotStart { reason, .. } => write!(f, "cannot start: {reason}"),
            Self::Interrupted { reason } => write!(f, "interrupted: {reason}"),
            Self::Unmet { reason, .. } => f.write_str(reason),
            Self::StepFailed { step, cause } => write!(f, "{step}: {cause}"),
            Self::InputGone { cause } => write!(f, "no such file ({cause})"),
            Self::InputAway { cause } => write!(f, "no such file, and its folder is missing too ({cause})"),
            Self::Aborted => f.write_str("aborted"),
        }
    }
}

/// The resources that an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceUsage {
    /// Processor time spent in user mode.
    pub user: Duration,
    /// Processor time spent in the kernel.
    pub system: Duration,
    /// The largest resident set of any process of the attempt, in bytes.
    pub peak_memory: u64,
}

/// The report of an orchestrator on an attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// The outcome of the attempt.
    pub outcome: AttemptOutcome,
    /// The duration of the attempt, measured with a monotonic clock.
    pub elapsed: Duration,
    /// The resources that the attempt used; `None` if unknown.
    pub usage: Option<ResourceUsage>,
    /// The last lines of the attempt's output; empty if there are none.
    pub output_tail: Box<str>,
    /// The fingerprint of the file after the attempt ended. `None` if the file could not be
    /// examined, or if the orchestrator does not inspect files.
    pub input_after: Option<Fingerprint>,
}

impl AttemptReport {
    /// Creates a report without resource usage, output or fingerprint.
    #[must_use]
    pub fn new(outcome: AttemptOutcome, elapsed: Duration) -> Self {
        Self { outcome, elapsed, usage: None, output_tail: Box::default(), input_after: None }
    }

    /// Returns the error text that the queue and the event log store; see [`failure`].
    #[must_use]
    pub fn error(&self) -> Box<str> {
        failure::text(&self.outcome, &self.output_tail)
    }
}

/// The progress of an attempt that was handed to an orchestrator. An attempt that begins reports
/// `Started`, then `Ended` or `Lost`. An attempt that never begins reports only `NotStarted`.
#[derive(Debug)]
pub enum AttemptProgress {
    /// The attempt began.
    Started {
        /// The fingerprint of the file when the attempt began; `None` if the file could not be
        /// examined, or if the orchestrator does not inspect files.
        fingerprint: Option<Fingerprint>,
    },
    /// The attempt has ended, and so has every process that it started.
    Ended(AttemptReport),
    /// The orchestrator gave the attempt back before it began. For example, the run recalled the
    /// attempt, the attempt waited too long, or the machine lacked a resource to start it. The
    /// attempt will never begin, so its claim can be released.
    NotStarted {
        /// A human-readable description of the shortage that prevented the start; see
        /// [`StartFault::Shortage`]. `None` if the attempt was given back for another reason.
        shortage: Option<Box<str>>,
    },
    /// The orchestrator does not know whether the attempt has ended.
    Lost(LostAttempt),
}

/// The error of an orchestrator that lost track of an attempt, which may still be running. The run
/// that made the attempt claims no more files and ends with this error. The item stays claimed
/// until the claims of the run are recovered.
#[derive(Debug, thiserror::Error)]
#[error("it is unknown how the attempt on {file_path} ended")]
pub struct LostAttempt {
    /// The file of the attempt.
    pub file_path: FilePath,
    /// The underlying error.
    #[source]
    pub source: io::Error,
}
