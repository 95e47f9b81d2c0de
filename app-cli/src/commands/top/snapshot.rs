//! The data that the view shows.

use std::time::Duration;

use autoproc_domain::signature::FailureGroup;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, QueueItem, Timestamp};
use autoproc_subprocess::AttemptLog;

use super::throughput::Throughput;

/// The queue and its runs at one time.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// The time at which the ports were read.
    pub(super) now: Timestamp,
    /// The queue, as "queue of FOLDER" or "queue at ADDRESS".
    pub(super) queue: String,
    pub(super) counts: Counts,
    pub(super) runs: RunsNow,
    /// The reasons why files wait, for instance a stop request, escaped.
    pub(super) notices: Vec<String>,
    /// The text of the time left; `None` if it is unknown.
    pub(super) time_left: Option<String>,
    pub(super) throughput: Throughput,
    /// The processing files: first those with a running attempt, the longest-running first, then
    /// those whose attempts have not started, and last those of dead runs.
    pub(super) running: Vec<RunningFile>,
    /// The groups of failures, the largest group first.
    pub(super) groups: Vec<FailureGroup>,
    /// The next pending files that match the filter, in claim order. The reader limits their
    /// number.
    pub(super) next: Vec<QueueItem>,
}

/// A summary of the live runs.
#[derive(Debug, Clone)]
pub(super) enum RunsNow {
    /// No run is live. The text says so, and describes the end of the latest run if it is known.
    None(String),
    /// At least one run is live.
    Live {
        runs: usize,
        /// The number of machines with a live run.
        machines: usize,
        /// The maximum number of concurrent attempts of all runs.
        jobs: usize,
        /// The time since the earliest live run began.
        elapsed: Duration,
        /// The files that ended in the run, out of all known files of the run; `None` if several
        /// runs are live, or if the run has not reported its progress here.
        done: Option<Done>,
    },
}

/// A number of files out of a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) ended: u64,
    pub(super) total: u64,
}

/// A processing file.
#[derive(Debug, Clone)]
pub(super) struct RunningFile {
    pub(super) id: ItemId,
    pub(super) file_path: FilePath,
    /// The host of the run, escaped; `None` if it is this host, or if the run has died.
    pub(super) host: Option<String>,
    pub(super) progress: Progress,
    /// The forecast duration, for instance `about 52s (31s to 1m 20s)`; `None` if unknown.
    pub(super) expected: Option<String>,
    /// The last line of the output, escaped; `None` if there is none, if the output is on another
    /// machine or in another project folder, if the run has died, or if too many files are
    /// processing.
    pub(super) last_line: Option<String>,
    pub(super) is_slow: bool,
    pub(super) attempt: u32,
    /// The output of the attempt, whose file may not exist yet, or be on another machine.
    pub(super) log: Option<AttemptLog>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The run has claimed the file and has not started the attempt yet.
    Claimed,
    /// The attempt began at this time.
    Since(Timestamp),
    /// The run of the file has died.
    Abandoned,
}

impl Snapshot {
    /// Returns the number of files that ended and the total: those of the run or, if they are
    /// unknown, those of the queue.
    pub(super) fn done(&self) -> Done {
        if let RunsNow::Live { done: Some(done), .. } = self.runs {
            return done;
        }
        let (total, live) = (self.counts.total() as u64, self.counts.live() as u64);
        Done { ended: total.saturating_sub(live), total }
    }
}

/// A case-insensitive search for a text.
pub(super) struct Filter(String);

impl Filter {
    pub(super) fn new(filter: &str) -> Self {
        Self(filter.to_lowercase())
    }

    /// True if a text contains the filter. Every text contains the empty filter.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_empty() || text.to_lowercase().contains(&self.0)
    }
}
