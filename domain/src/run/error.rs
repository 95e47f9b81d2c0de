//! The errors of a run.

use crate::attempt::LostAttempt;
use crate::ports::{StopSignalError, StorageError};
use crate::run_info::LiveRun;

/// The error that ended a run early. All attempts of the run have ended, except attempts whose
/// outcome is unknown. Results that could not be recorded are lost; the next run recovers their
/// items.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessorError {
    /// The run did not start, because other runs are still stopping.
    #[error("a stop was requested, and {} still finishing", others(.runs.len()))]
    StillStopping {
        /// The runs that are still stopping.
        runs: Vec<LiveRun>,
    },
    /// The store failed; see [`StorageError`].
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The stop request could not be removed.
    #[error(transparent)]
    StopSignal(#[from] StopSignalError),
    /// The outcome of an attempt is unknown.
    #[error(transparent)]
    Orchestrator(#[from] LostAttempt),
}

fn others(runs: usize) -> String {
    if runs == 1 { "1 other run is".to_owned() } else { format!("{runs} other runs are") }
}
