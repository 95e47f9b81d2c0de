//! Recorded runs and their statistics.

use crate::item::RunId;
use crate::path::FilePath;
use crate::ports::PastAttempt;
use crate::run_info::StoppedBy;
use crate::stop::ObeyedStop;
use crate::time::Timestamp;

/// Selects runs of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RunFilter {
    /// Every run.
    #[default]
    All,
    /// The runs that began last, at most this many.
    Latest(usize),
    /// The runs that have an event at this time or later. Earlier events of such a run count too.
    Since(Timestamp),
    /// The runs with these ids. Unknown ids are ignored.
    Named(Vec<RunId>),
}

/// A recorded run. It may still be alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// The id of the run.
    pub id: RunId,
    /// When the run began; `None` if that is no longer known.
    pub started_at: Option<Timestamp>,
    /// The time of the run's latest event.
    pub last_event_at: Timestamp,
    /// The end of the run; `None` if the run is alive or died, or if its end is no longer known.
    pub end: Option<PastRunEnd>,
    /// The latest stop request that the run obeyed; `None` if there was none.
    pub stop: Option<ObeyedStop>,
    /// The number of files that completed.
    pub completed: u64,
    /// The number of files that ended as failed or timeout. Includes files of dead runs that ended
    /// when this run recovered them, because they had no attempts left or were cancelled.
    pub failed: u64,
    /// The number of failed attempts after which the file was pending again.
    pub retried: u64,
}

/// When and why a past run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastRunEnd {
    /// When the run ended.
    pub at: Timestamp,
    /// The reason for the end; `None` if a newer version of autoproc recorded an unknown reason.
    pub stopped_by: Option<StoppedBy>,
}

/// A past attempt with the time of its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAttempt {
    /// The attempt. Its `started_at`, `size_bytes` and `recipe` may be `None`, because the event
    /// that reported its start is not looked up.
    pub attempt: PastAttempt,
    /// When the attempt ended.
    pub ended_at: Timestamp,
}

/// A summary of all runs that match a filter. Its size does not grow with the number of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunsSummary {
    /// The runs, in the order in which they began.
    pub runs: Vec<PastRun>,
    /// The number of files that failed in a matching run and did not complete in a matching run
    /// afterwards.
    pub failed_files: u64,
    /// The latest failed attempt of each file that `failed_files` counts, for at most
    /// [`MAX_FAILURES`](Self::MAX_FAILURES) files. Sorted by the time of the file's first failure
    /// after its last completion.
    pub failures: Vec<EndedAttempt>,
    /// The number of files that changed during their latest successful attempt in a matching run.
    pub changed_files: u64,
    /// The first file that `changed_files` counts. `None` if there is none, or if the history did
    /// not keep the file because many files changed.
    pub first_changed: Option<FilePath>,
    /// The longest successful attempts, longest first; at most [`MAX_SLOWEST`](Self::MAX_SLOWEST).
    pub slowest: Vec<EndedAttempt>,
}

impl RunsSummary {
    /// The maximum number of failures in a summary.
    pub const MAX_FAILURES: usize = 1000;

    /// The maximum number of attempts in `slowest`.
    pub const MAX_SLOWEST: usize = 5;
}
