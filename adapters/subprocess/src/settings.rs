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
    /// The working directory of commands; that of this process if `None`. A relative program path
    /// is resolved against it.
    pub working_dir: Option<PathBuf>,
    /// The files that receive the standard output of commands; `None` keeps it in the output of
    /// attempts.
    pub stdout_to: Option<StdoutTo>,
    /// The project folder, for the paths of files that were added by themselves; see
    /// [`relative_path`](crate::relative_path).
    pub project_dir: PathBuf,
    /// The settings for batches of short attempts.
    pub batches: BatchSettings,
    /// Provides the commands' deadlines as wall clock times.
    pub clock: Arc<dyn Clock>,
    /// Called if the output of an attempt cannot be kept, at most once. The attempt is not
    /// affected.
    pub on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The settings for batches of short attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// The number of attempts that may run concurrently: the jobs of the run.
    pub slots: NonZeroUsize,
    /// True if short attempts may be batched; false for a run with a failure limit. Such a run must
    /// decide about each start, because any failure may reach the limit.
    pub may_batch: bool,
}
