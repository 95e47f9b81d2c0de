//! Why a run could not go on.

use crate::attempt::LostAttempt;
use crate::ports::{StopSignalError, StorageError};
use crate::run_info::LiveRun;

/// Why a run could not go on. Attempts under way have ended; results that could not be recorded are
/// lost, and their items are recovered by the next run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessorError {
    /// Other runs are still obeying a stop request, and starting now would ignore it: try again when
    /// they have ended.
    #[error("a stop was requested, and {} other run(s) are still finishing", .runs.len())]
    StillStopping {
        /// The other runs.
        runs: Vec<LiveRun>,
    },
    /// The store failed; its error names the next move.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The stop request could not be removed.
    #[error(transparent)]
    StopSignal(#[from] StopSignalError),
    /// It is unknown how an attempt ended.
    #[error(transparent)]
    Orchestrator(#[from] LostAttempt),
}
