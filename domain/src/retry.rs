//! When a failed attempt is worth another one, and how long to wait before it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::Verdict;
use crate::item::AttemptNumber;
use crate::ports::AttemptOutcome;

/// Retries after the first attempt, unless told otherwise.
pub const DEFAULT_RETRIES: u32 = 3;
/// The first backoff, unless told otherwise; each further one is twice as long: 2, 4, 8 s.
pub const DEFAULT_BACKOFF_BASE: Duration = Duration::from_secs(2);
/// The longest backoff, unless told otherwise: past an hour a night has too few tries left in it.
pub const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// The exit status by which a shell says that it found the command but could not execute it (POSIX, Shell Command
/// Language, 2.8.2).
const EXIT_CANNOT_EXECUTE: i32 = 126;
/// The exit status by which a shell says that it found no such command (the same section).
const EXIT_NOT_FOUND: i32 = 127;

/// How failures are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first one.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each further one.
    pub backoff_base: Duration,
    /// No wait is longer than this.
    pub max_backoff: Duration,
    /// Whether an attempt that ran out of time is tried again.
    pub retry_timeouts: bool,
    /// Exit statuses that no retry can mend, beside 126 and 127.
    pub permanent_exits: BTreeSet<i32>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: DEFAULT_RETRIES,
            backoff_base: DEFAULT_BACKOFF_BASE,
            max_backoff: DEFAULT_MAX_BACKOFF,
            retry_timeouts: true,
            permanent_exits: BTreeSet::new(),
        }
    }
}

impl RetryPolicy {
    /// Attempts an item may have in all: the first and the retries.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// The wait after `attempt` has failed: the base doubled for each attempt before it, and never above the cap.
    #[must_use]
    pub fn backoff(&self, attempt: AttemptNumber) -> Duration {
        if self.backoff_base.is_zero() {
            return Duration::ZERO;
        }
        let factor = 2_u32.checked_pow(attempt.get() - 1);
        let wait = factor.and_then(|factor| self.backoff_base.checked_mul(factor));
        wait.map_or(self.max_backoff, |wait| wait.min(self.max_backoff))
    }

    /// What becomes of an item whose attempt ended so.
    #[must_use]
    pub fn judge(&self, outcome: &AttemptOutcome, attempt: AttemptNumber) -> Verdict {
        match outcome.root_cause() {
            AttemptOutcome::Succeeded => Verdict::Complete,
            AttemptOutcome::Aborted => Verdict::Release,
            cause if attempt.get() < self.max_attempts() && self.is_worth_a_retry(cause) => {
                Verdict::Retry { backoff: self.backoff(attempt), error: outcome.to_string().into() }
            }
            _ => Verdict::Fail {
                timed_out: matches!(outcome.root_cause(), AttemptOutcome::TimedOut { .. }),
                error: outcome.to_string().into(),
            },
        }
    }

    fn is_worth_a_retry(&self, outcome: &AttemptOutcome) -> bool {
        match outcome {
            AttemptOutcome::Exited { code } => {
                !matches!(*code, EXIT_CANNOT_EXECUTE | EXIT_NOT_FOUND) && !self.permanent_exits.contains(code)
            }
            AttemptOutcome::TimedOut { .. } => self.retry_timeouts,
            AttemptOutcome::Signalled { .. } | AttemptOutcome::Interrupted { .. } => true,
            AttemptOutcome::CannotStart { permanent, .. } | AttemptOutcome::Unmet { permanent, .. } => !permanent,
            AttemptOutcome::StepFailed { cause, .. } => self.is_worth_a_retry(cause),
            AttemptOutcome::Succeeded | AttemptOutcome::Aborted => false,
        }
    }
}
