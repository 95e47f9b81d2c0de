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
    /// The working directory of commands; if `None`, that of this process. Relative program paths
    /// are resolved against this directory.
    pub working_dir: Option<PathBuf>,
    /// The files that receive the standard output of commands. If `None`, standard output is kept
    /// together with standard error.
    pub stdout_to: Option<StdoutTo>,
    /// The project folder. For a file that was added individually, `{rel}` is relative to this
    /// folder; see [`relative_path`](crate::relative_path).
    pub project_dir: PathBuf,
    /// The settings for batches of short attempts.
    pub batches: BatchSettings,
    /// The wall clock from which the deadlines of commands are computed.
    pub clock: Arc<dyn Clock>,
    /// Called with a message if the output of an attempt cannot be kept, or if an attempt gets no
    /// private folder for temporary files. Called at most once per run for each of the two
    /// problems. The attempt is not affected.
    pub on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The settings for batches of short attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// The maximum number of concurrent attempts.
    pub slots: NonZeroUsize,
    /// True if short attempts may be batched. Must be false for a run with a failure limit: each
    /// failure may reach the limit, and no attempt may start after that.
    pub may_batch: bool,
}
