//! The configuration of a run.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::fingerprint::Recipe;
use crate::item::RunId;
use crate::request::Scope;
use crate::retry::{BackoffRules, RetryPolicy};
use crate::run::FailureLimit;
use crate::time::Timestamp;

/// The default time limit of an attempt.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a run waits by default for a missing program or folder. Installing a package usually
/// takes less time. Compared with an overnight run, the wait is short.
pub const DEFAULT_PROGRAM_WAIT: Duration = Duration::from_secs(60);

/// The default delay before the first probe after files have failed alike. A service that is being
/// restarted is usually back earlier.
pub const DEFAULT_PROBE_AFTER: Duration = Duration::from_secs(30);

/// An [adapted](RunConfig::adapts_timeout) timeout is this many times the upper end of a forecast.
pub const TIMEOUT_FACTOR: u32 = 4;

/// The minimum of an [adapted](RunConfig::adapts_timeout) timeout. A busy machine can delay even
/// the shortest attempt by seconds.
pub const MIN_ADAPTED_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration of a run. By default, a run processes the whole queue and makes one attempt at
/// a time, with a time limit of 300 s and three retries after 2, 4 and 8 s.
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
    /// The run's id, unique among all runs that ever used the queue. The default, `local`, suits a
    /// queue that exists only in this process.
    pub run: RunId,
    /// The maximum number of concurrent attempts.
    pub jobs: NonZeroUsize,
    /// The time limit of an attempt.
    pub timeout: Duration,
    /// True to derive the time limit of a file from its forecast: [`TIMEOUT_FACTOR`] times the
    /// upper end, at least [`MIN_ADAPTED_TIMEOUT`] and at most [`timeout`](Self::timeout).
    pub adapts_timeout: bool,
    /// The retry policy.
    pub retry: RetryPolicy,
    /// The rules that replace the waits of the retry policy after certain errors.
    pub backoff_rules: Option<Arc<dyn BackoffRules>>,
    /// True if the run waits for items in backoff; otherwise it ends when no item is due.
    pub wait_for_backoff: bool,
    /// The failure limit; `None` for no limit.
    pub failure_limit: Option<FailureLimit>,
    /// How long the run waits for the missing folder of a file, or for a missing program that
    /// worked earlier in the run. If zero, the run does not wait, and the attempt counts as a
    /// failure of its file.
    pub program_wait: Duration,
    /// The number of different files in a row that must fail [alike](crate::signature) before the
    /// run holds starts. If `None`, every failure counts.
    ///
    /// Of each file, at most one such failure in a round does not count. While starts are held, one
    /// file at a time starts as a probe. Failures before the first success of the recipe always
    /// count; [`RunState::with_forecast`] sets the successes of earlier runs.
    ///
    /// A run that does not wait for items in backoff ends instead of holding starts, and all
    /// failures count.
    ///
    /// [`RunState::with_forecast`]: crate::run::RunState::with_forecast
    pub pause_on_same: Option<NonZeroUsize>,
    /// The delay before the first probe after files have failed alike. Each further delay is twice
    /// as long, up to 10 minutes or this delay, whichever is longer.
    pub probe_after: Duration,
    /// The time until which attempts start; `None` for no limit. An attempt with a forecast starts
    /// only if even the upper end of the forecast lets it end by this time.
    pub until: Option<Timestamp>,
    /// The items that the run processes.
    pub scope: Scope,
    /// The recipe of the run, recorded when a file completes.
    pub recipe: Option<Recipe>,
    /// True if attempts edit their files. The recorded fingerprint of a completed file is then
    /// taken after the attempt, if possible, and a change during the attempt is not reported.
    pub edits_files: bool,
    /// The command or the workflow of the run, in human-readable form; `None` if unknown.
    pub work: Option<Box<str>>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            run: RunId::new(crate::queue::LOCAL_RUN),
            jobs: NonZeroUsize::MIN,
            timeout: DEFAULT_TIMEOUT,
            adapts_timeout: false,
            retry: RetryPolicy::default(),
            backoff_rules: None,
            wait_for_backoff: true,
            failure_limit: None,
            program_wait: DEFAULT_PROGRAM_WAIT,
            pause_on_same: None,
            probe_after: DEFAULT_PROBE_AFTER,
            until: None,
            scope: Scope::Queue,
            recipe: None,
            edits_files: false,
            work: None,
        }
    }
}

/// Each method `with_…` sets the field of that name.
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
    pub fn with_adapts_timeout(self, adapts_timeout: bool) -> Self {
        Self { adapts_timeout, ..self }
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
    pub fn with_pause_on_same(self, files: NonZeroUsize) -> Self {
        Self { pause_on_same: Some(files), ..self }
    }

    #[must_use]
    pub fn with_probe_after(self, probe_after: Duration) -> Self {
        Self { probe_after, ..self }
    }

    #[must_use]
    pub fn with_until(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
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
    pub fn with_edits_files(self, edits_files: bool) -> Self {
        Self { edits_files, ..self }
    }

    #[must_use]
    pub fn with_work(self, work: impl Into<Box<str>>) -> Self {
        Self { work: Some(work.into()), ..self }
    }

    /// True if the run uses forecasts.
    #[must_use]
    pub fn uses_forecasts(&self) -> bool {
        self.until.is_some() || self.adapts_timeout
    }

    /// Returns the configuration of a run that ends when no item is due.
    #[must_use]
    pub fn without_waiting(self) -> Self {
        Self { wait_for_backoff: false, ..self }
    }
}
