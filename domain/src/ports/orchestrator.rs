//! The port through which an attempt is carried out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::failure;
use crate::file_path::FilePath;
use crate::item::{AttemptNumber, ClaimToken, RunId};
use crate::ports::StopSignal;
use crate::time::Timestamp;

/// One attempt to carry out. Its claim is durable before the orchestrator hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The claim it is carried out under.
    pub token: ClaimToken,
    /// The run it belongs to.
    pub run: RunId,
    /// The file.
    pub file_path: FilePath,
    /// Which attempt of the file this is.
    pub number: AttemptNumber,
    /// How many attempts the file may have in all.
    pub max_attempts: u32,
    /// How long it may take.
    pub timeout: Duration,
    /// When that will be over, by the wall clock; to tell the command, never to enforce. Somewhat too early where the attempt
    /// is one of a series, which does not begin at once.
    pub deadline: Timestamp,
}

/// How an attempt ended. All of these are answers, none is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Well.
    Succeeded,
    /// With an exit status other than 0.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// By a signal that we did not send.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Over its time; it was ended by us.
    TimedOut {
        /// The time it had.
        after: Duration,
    },
    /// It never began.
    CannotStart {
        /// Why.
        reason: Box<str>,
        /// Whether a later attempt would meet the same: no such command, not executable.
        permanent: bool,
    },
    /// Ended, because something that it needed besides its command was lost: its supervision was killed. A failure like
    /// any other, since the attempt itself may have been the cause.
    Interrupted {
        /// What was lost, in words.
        reason: Box<str>,
    },
    /// It ended well by its own account and did not leave behind what it had to: a checkpoint is not passed, an output
    /// is not in the form that was promised.
    Unmet {
        /// What is missing or wrong.
        reason: Box<str>,
        /// Whether a later attempt would meet the same.
        permanent: bool,
    },
    /// One step of several failed, and with it the attempt. Judged as its cause is.
    StepFailed {
        /// The step, as its workflow names it.
        step: Box<str>,
        /// How the step ended.
        cause: Box<AttemptOutcome>,
    },
    /// Ended by us, because the stop level rose to aborting.
    Aborted,
}

impl AttemptOutcome {
    /// The outcome without the steps it is told through.
    #[must_use]
    pub fn root_cause(&self) -> &Self {
        let mut outcome = self;
        while let Self::StepFailed { cause, .. } = outcome {
            outcome = cause;
        }
        outcome
    }
}

/// The outcome in words, as [`AttemptReport::error`] begins with it.
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
    /// Processor time spent in its own code.
    pub user: Duration,
    /// Processor time the system spent on its behalf.
    pub system: Duration,
    /// The most memory that one of its processes held at a time, in bytes.
    pub peak_memory: u64,
}

/// What the orchestrator says when an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// How long it took, on a clock that does not jump.
    pub elapsed: Duration,
    /// What it used, where the orchestrator can tell.
    pub usage: Option<ResourceUsage>,
    /// The last lines it wrote to its error output, as text; empty where it wrote none.
    pub stderr_tail: Box<str>,
}

impl AttemptReport {
    /// A report of nothing but the outcome and the time.
    #[must_use]
    pub fn new(outcome: AttemptOutcome, elapsed: Duration) -> Self {
        Self { outcome, elapsed, usage: None, stderr_tail: Box::default() }
    }

    /// What went wrong, as the event log and the queue's `last_error` keep it: see [`failure`](crate::failure).
    #[must_use]
    pub fn error(&self) -> Box<str> {
        failure::text(&self.outcome, &self.stderr_tail)
    }
}

/// A dead run of which something may still be at work: its items must not be given to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// The run.
    pub run: RunId,
    /// What may be left of it and why that cannot be found out or ended, in words for a person.
    pub reason: Box<str>,
}

/// The orchestrator lost sight of an attempt: whether it still runs is unknown. The run stops claiming; the item stays
/// claimed until the run is dead and recovered.
#[derive(Debug, thiserror::Error)]
#[error("lost sight of the attempt on {file_path}")]
pub struct OrchestratorError {
    /// The file.
    pub file_path: FilePath,
    /// What happened.
    #[source]
    pub source: std::io::Error,
}

/// What is heard of a series of attempts.
#[derive(Debug)]
pub enum SeriesNews {
    /// The first of those that were not over is over now. Where any are left, the next has begun.
    ///
    /// # Errors
    /// As [`Orchestrator::execute`] has them; the series is at its end then.
    Over(Result<AttemptReport, OrchestratorError>),
    /// The last so many have not begun and never will.
    NotBegun(usize),
}

/// Carries out attempts.
///
/// # Contract
/// - `execute` returns when the attempt is over, and not before: nothing it started is awaited by anybody else.
/// - An attempt over its timeout is ended and reported as [`AttemptOutcome::TimedOut`].
/// - While `stop` is at aborting or above, running attempts are ended and reported as [`AttemptOutcome::Aborted`];
///   draining leaves them alone.
/// - Several attempts may be under way at once. The future is never dropped before it has ended.
/// - A series is carried out in its order, one attempt at a time, and each is executed as by `execute`. The first begins at
///   once; another only after one that succeeded, never while `stop` is above running, and not where much more time has
///   passed than short attempts take. What will not begin is named before the end of the attempt that runs then, or did.
/// - Of each attempt of a series one thing is heard: that it is over, or that it has not begun. Then the stream ends. Where
///   sight is lost of one, nothing is heard of those after it of which it is unknown whether they began. The news of a series may be some hundredths of a second late.
/// - `sweep` is asked about runs whose owner is proven dead, before their items are given to anybody else. When it
///   returns, nothing that those runs started is at work any more, except for the runs it names.
#[async_trait]
pub trait Orchestrator: Send + Sync {
    /// Carries out one attempt.
    ///
    /// # Errors
    /// [`OrchestratorError`] where the attempt could not be observed to its end. Failure to *start* is an outcome.
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError>;

    /// Carries out short attempts, one after the other, so that none waits for the news of the one before it to be heard.
    /// Whoever knows no better way than [`execute`](Self::execute) begins the first of them only.
    fn execute_series(&self, mut attempts: Vec<Attempt>, stop: Arc<dyn StopSignal>) -> BoxStream<'_, SeriesNews> {
        let others = attempts.split_off(attempts.len().min(1)).len();
        let not_begun = (others > 0).then_some(SeriesNews::NotBegun(others));
        let first = stream::iter(attempts).then(move |first| self.execute(first, stop.clone()));
        stream::iter(not_begun).chain(first.map(SeriesNews::Over)).boxed()
    }

    /// Ends whatever dead runs left at work; the answer is those of which that cannot be proven.
    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven>;
}

// A series of a mock is what its answers to `execute` make of it.
#[cfg(feature = "mocks")]
mockall::mock! {
    pub Orchestrator {}

    #[async_trait]
    impl Orchestrator for Orchestrator {
        async fn execute(
            &self,
            attempt: Attempt,
            stop: Arc<dyn StopSignal>,
        ) -> Result<AttemptReport, OrchestratorError>;
        async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven>;
    }
}
