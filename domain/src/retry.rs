//! Decides whether and when a failed attempt is retried.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::attempt::{AttemptOutcome, StartFault};
use crate::fingerprint::Completion;
use crate::item::AttemptNumber;
use crate::path::FilePath;
use crate::request::Verdict;

/// The default number of retries after the first attempt.
pub const DEFAULT_RETRIES: u32 = 3;
/// The default wait before the first retry; each further wait is twice as long: 2, 4, 8 s.
pub const DEFAULT_BACKOFF_BASE: Duration = Duration::from_secs(2);
/// The default maximum wait before a retry.
pub const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// The exit status of a shell that found the command but could not execute it (POSIX, Shell Command
/// Language, 2.8.2).
const EXIT_CANNOT_EXECUTE: i32 = 126;
/// The exit status of a shell that did not find the command (POSIX, Shell Command Language, 2.8.2).
const EXIT_NOT_FOUND: i32 = 127;

/// The waits before the retries of a file. Each wait is twice as long as the one before, but at
/// most `longest`.
///
/// ```
/// use std::time::Duration;
/// use autoproc_domain::item::AttemptNumber;
/// use autoproc_domain::retry::BackoffRange;
///
/// let range = BackoffRange { first: Duration::from_secs(30), longest: Duration::from_secs(100) };
/// let waits = [1, 2, 3].map(|attempt| range.wait(AttemptNumber::new(attempt).unwrap()).as_secs());
/// assert_eq!(waits, [30, 60, 100]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffRange {
    /// The wait after the first attempt of a round. If it is zero, there are no waits.
    pub first: Duration,
    /// The maximum wait.
    pub longest: Duration,
}

impl BackoffRange {
    /// Returns the wait after `attempt` has failed: the first wait, doubled for each earlier
    /// attempt, and at most the longest wait.
    #[must_use]
    pub fn wait(self, attempt: AttemptNumber) -> Duration {
        if self.first.is_zero() {
            return Duration::ZERO;
        }
        let factor = 2_u32.checked_pow(attempt.get() - 1);
        let wait = factor.and_then(|factor| self.first.checked_mul(factor));
        wait.map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// Replaces the waits of the retry policy after certain errors, for instance with longer waits if a
/// server is overloaded. The rules only change the wait: they neither add nor prevent a retry.
///
/// # Contract
/// `wait` returns soon, and always returns the same value for the same arguments.
pub trait BackoffRules: fmt::Debug + Send + Sync {
    /// Returns the wait after a failed attempt. `error` is the text of
    /// [`AttemptReport::error`](crate::attempt::AttemptReport::error). Return `of_policy` to keep
    /// the wait of the retry policy.
    fn wait(&self, error: &str, file: &FilePath, attempt: AttemptNumber, of_policy: Duration) -> Duration;
}

/// Compares addresses.
impl PartialEq for dyn BackoffRules {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(self, other)
    }
}

impl Eq for dyn BackoffRules {}

/// The rules for retrying failed attempts.
///
/// ```
/// use std::time::Duration;
/// use autoproc_domain::RetryPolicy;
/// use autoproc_domain::item::AttemptNumber;
///
/// let policy = RetryPolicy::default();
/// let waits = [1, 2, 3].map(|attempt| policy.backoff(AttemptNumber::new(attempt).unwrap()).as_secs());
/// assert_eq!(waits, [2, 4, 8]);
/// assert_eq!(policy.max_attempts(), 4);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of retries in a round.
    pub retries: u32,
    /// The wait before the first retry; doubled for each further retry.
    pub backoff_base: Duration,
    /// The maximum wait before a retry.
    pub max_backoff: Duration,
    /// Whether attempts that timed out are retried.
    pub retry_timeouts: bool,
    /// Exit statuses that are never retried, in addition to 126 and 127.
    pub permanent_exits: BTreeSet<i32>,
    /// Exit statuses of a command that count as success, in addition to 0. They do not apply to the
    /// steps of a workflow.
    pub ok_exits: BTreeSet<i32>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: DEFAULT_RETRIES,
            backoff_base: DEFAULT_BACKOFF_BASE,
            max_backoff: DEFAULT_MAX_BACKOFF,
            retry_timeouts: true,
            permanent_exits: BTreeSet::new(),
            ok_exits: BTreeSet::new(),
        }
    }
}

impl RetryPolicy {
    /// Returns the maximum number of attempts in a round: the first one and the retries.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Returns the wait after `attempt` has failed: the base, doubled for each earlier attempt, and
    /// at most `max_backoff`.
    #[must_use]
    pub fn backoff(&self, attempt: AttemptNumber) -> Duration {
        BackoffRange { first: self.backoff_base, longest: self.max_backoff }.wait(attempt)
    }

    /// Decides what follows an attempt with this outcome. After a success, the [`Completion`] in
    /// the verdict is empty, and the caller must fill it in.
    #[must_use]
    pub fn judge(&self, outcome: &AttemptOutcome, attempt: AttemptNumber) -> Verdict {
        if self.is_ok_exit(outcome) {
            return Verdict::Complete(Completion::default());
        }
        match outcome.root_cause() {
            AttemptOutcome::Succeeded => Verdict::Complete(Completion::default()),
            AttemptOutcome::Aborted => Verdict::Release,
            cause if attempt.get() < self.max_attempts() && self.is_worth_a_retry(cause) => {
                Verdict::Retry { backoff: self.backoff(attempt), error: outcome.to_string().into() }
            }
            cause => Verdict::Fail {
                timed_out: matches!(cause, AttemptOutcome::TimedOut { .. }),
                error: outcome.to_string().into(),
            },
        }
    }

    /// Wrappers such as a shell report a missing program with exit status 126 or 127.
    #[must_use]
    pub(crate) fn names_missing_program(outcome: &AttemptOutcome) -> bool {
        match outcome.root_cause() {
            AttemptOutcome::CannotStart { fault, .. } => *fault == StartFault::Missing,
            AttemptOutcome::Exited { code } => matches!(*code, EXIT_CANNOT_EXECUTE | EXIT_NOT_FOUND),
            _ => false,
        }
    }

    fn is_ok_exit(&self, outcome: &AttemptOutcome) -> bool {
        match outcome {
            AttemptOutcome::Exited { code } => self.ok_exits.contains(code),
            AttemptOutcome::InputGone { cause } | AttemptOutcome::InputAway { cause } => self.is_ok_exit(cause),
            _ => false,
        }
    }

    fn is_worth_a_retry(&self, outcome: &AttemptOutcome) -> bool {
        match outcome {
            AttemptOutcome::Exited { code } => {
                !matches!(*code, EXIT_CANNOT_EXECUTE | EXIT_NOT_FOUND) && !self.permanent_exits.contains(code)
            }
            AttemptOutcome::TimedOut { .. } => self.retry_timeouts,
            AttemptOutcome::Signalled { .. }
            | AttemptOutcome::OutOfMemory { .. }
            | AttemptOutcome::Interrupted { .. } => true,
            AttemptOutcome::CannotStart { fault, .. } => !fault.is_permanent(),
            AttemptOutcome::Unmet { permanent, .. } => !permanent,
            AttemptOutcome::StepFailed { cause, .. } | AttemptOutcome::InputAway { cause } => {
                self.is_worth_a_retry(cause)
            }
            AttemptOutcome::Succeeded | AttemptOutcome::InputGone { .. } | AttemptOutcome::Aborted => false,
        }
    }
}
