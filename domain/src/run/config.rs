//! How a run goes.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::request::Scope;
use crate::retry::RetryPolicy;
use crate::run::FailureLimit;

/// The default time that an attempt has.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// How a run goes. The default is the specification's: one attempt at a time, 300 s each, three
/// retries after 2, 4 and 8 s, and all of the queue.
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
    /// The run's name, unique among all runs that ever used the queue. The default, `local`, serves a
    /// queue that ends with the program.
    pub run: RunId,
    /// The most attempts at a time.
    pub jobs: NonZeroUsize,
    /// The time that an attempt has.
    pub timeout: Duration,
    /// How failures are answered.
    pub retry: RetryPolicy,
    /// Whether the run waits for items whose backoff is not over; otherwise it ends when nothing is
    /// due.
    pub wait_for_backoff: bool,
    /// The failure limit; `None` for no limit.
    pub failure_limit: Option<FailureLimit>,
    /// The items that the run processes.
    pub scope: Scope,
    /// What is done to each file, kept at its completion.
    pub recipe: Option<Recipe>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            run: RunId::new(crate::queue::LOCAL_RUN),
            jobs: NonZeroUsize::MIN,
            timeout: DEFAULT_TIMEOUT,
            retry: RetryPolicy::default(),
            wait_for_backoff: true,
            failure_limit: None,
            scope: Scope::Queue,
            recipe: None,
        }
    }
}

/// Each method returns the same configuration with one field changed.
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
    pub fn with_failure_limit(self, limit: FailureLimit) -> Self {
        Self { failure_limit: Some(limit), ..self }
    }

    #[must_use]
    pub fn with_scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    #[must_use]
    pub fn with_recipe(self, recipe: Recipe) -> Self {
        Self { recipe: Some(recipe), ..self }
    }

    /// The same, ending when nothing is due.
    #[must_use]
    pub fn without_waiting(self) -> Self {
        Self { wait_for_backoff: false, ..self }
    }
}
