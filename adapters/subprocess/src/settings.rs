//! The settings of the orchestrator.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use autoproc_domain::ports::Clock;

use crate::stdout_pattern::StdoutTo;

/// The settings for running commands.
pub struct Settings {
    /// The folder for the output of attempts; created when needed.
    pub attempts_dir: PathBuf,
    /// The working directory of commands. If `None`, commands run in the working directory of this
    /// process. A relative program path is resolved against the commands' working directory.
    pub working_dir: Option<PathBuf>,
    /// The files that receive the standard output of commands. If `None`, the standard output is
    /// part of the output of attempts, like the standard error.
    pub stdout_to: Option<StdoutTo>,
    /// The project folder. If a file was added individually, its `{rel}` is its path relative to
    /// the project folder; see [`relative_path`](crate::relative_path).
    pub project_dir: PathBuf,
    /// The settings for batches of short attempts.
    pub batches: BatchSettings,
    /// The wall clock. Commands receive deadlines that are computed from this clock.
    pub clock: Arc<dyn Clock>,
    /// Called with a message when the output of an attempt cannot be kept, and when an attempt gets
    /// no private folder for temporary files. Called at most once in a run for each of the two
    /// reasons. The attempt is not affected.
    pub on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The settings for batches of short attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// The number of attempts that may run concurrently: the jobs of the run.
    pub slots: NonZeroUsize,
    /// True if short attempts may be batched. Must be false for a run with a failure limit: the run
    /// must decide about each start, because any failure may reach the limit.
    pub may_batch: bool,
}
