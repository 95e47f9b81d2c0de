//! The configuration of a run.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::request::Scope;
use crate::retry::{BackoffRules, RetryPolicy};
use crate::run::FailureLimit;

/// The default time limit of an attempt.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// The default time for which a run waits for a missing program, or for the missing folder of a
/// file. Installing a package usually takes less time, and an overnight run lasts much longer.
pub const DEFAULT_PROGRAM_WAIT: Duration = Duration::from_secs(60);

/// The configuration of a run. The default is the specification's: one attempt at a time, 300 s
/// each, three retries after 2, 4 and 8 s, and the whole queue.
///
/// ```
/// use std::time::Duration;
/// use autoproc_domain::{RunConfig, RunId};
///
/// let config = RunConfig::default().with_run(RunId::new("tonight")).with_timeout(Duration::from_secs(60));
/// assert_eq!(config.jobs.get(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunConfig {
    /// The run's name, unique among all runs that ever used the queue. The default, `local`, suits
    /// a queue that exists only in this process.
    pub run: RunId,
    /// The maximum number of concurrent attempts.
    pub jobs: NonZeroUsize,
    /// The time limit of an attempt.
    pub timeout: Duration,
    /// The retry policy.
    pub retry: RetryPolicy,
    /// The rules that replace the waits of the retry policy after certain errors; `None` for no
    /// rules.
    pub backoff_rules: Option<Arc<dyn BackoffRules>>,
    /// True if the run waits for items in backoff; otherwise it ends when no item is due.
    pub wait_for_backoff: bool,
    /// The failure limit; `None` for no limit.
    pub failure_limit: Option<FailureLimit>,
    /// How long the run waits for a missing program that has worked earlier in the run, or for the
    /// missing folder of a file. If the time is zero, the run does not wait: an attempt that misses
    /// its program or folder counts as a failure of its file.
    pub program_wait: Duration,
    /// The items that the run processes.
    pub scope: Scope,
    /// The recipe of the run, recorded when a file completes.
    pub recipe: Option<Recipe>,
    /// The command or the workflow of the run, in human-readable form. The run registers this text.
    /// `None` if unknown.
    pub work: Option<Box<str>>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            run: RunId::new(crate::queue::LOCAL_RUN),
            jobs: NonZeroUsize::MIN,
            timeout: DEFAULT_TIMEOUT,
            retry: RetryPolicy::default(),
            backoff_rules: None,
            wait_for_backoff: true,
            failure_limit: None,
            program_wait: DEFAULT_PROGRAM_WAIT,
            scope: Scope::Queue,
            recipe: None,
            work: None,
        }
    }
}

/// Each of these methods returns the configuration with one field changed.
#[allow(missing_docs, reason = "the methods are named after the fields")]
impl RunConfig {
    #[must_use]
    pub fn with_run(self, run: RunId) -> Self {
        Self { run, ..self }
    }

    #[must_use]
    pub fn with_jobs(self, jobs: NonZeroUsize) -> Self {
        Self { jobs, ..self }
    }

    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    #[must_use]
    pub fn with_retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    #[must_use]
    pub fn with_backoff_rules(self, rules: Arc<dyn BackoffRules>) -> Self {
        Self { backoff_rules: Some(rules), ..self }
    }

    #[must_use]
    pub fn with_failure_limit(self, limit: FailureLimit) -> Self {
        Self { failure_limit: Some(limit), ..self }
    }

    #[must_use]
    pub fn with_program_wait(self, program_wait: Duration) -> Self {
        Self { program_wait, ..self }
    }

    #[must_use]
    pub fn with_scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    #[must_use]
    pub fn with_recipe(self, recipe: Recipe) -> Self {
        Self { recipe: Some(recipe), ..self }
    }

    #[must_use]
    pub fn with_work(self, work: impl Into<Box<str>>) -> Self {
        Self { work: Some(work.into()), ..self }
    }

    /// Returns the configuration of a run that ends when no item is due.
    #[must_use]
    pub fn without_waiting(self) -> Self {
        Self { wait_for_backoff: false, ..self }
    }
}
