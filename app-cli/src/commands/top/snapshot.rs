//! The data that `autoproc top` shows.

use std::time::Duration;

use autoproc_domain::signature::FailureGroup;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, QueueItem, Timestamp};
use autoproc_subprocess::AttemptLog;

use super::throughput::Throughput;
use crate::delay::Delay;

/// The state of the queue and of its runs at one moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) now: Timestamp,
    /// The name of the queue: "queue of FOLDER" or "queue at ADDRESS".
    pub(super) queue: String,
    pub(super) counts: Counts,
    pub(super) runs: RunsNow,
    /// The reasons why files wait, for instance a stop request. Escaped for the terminal.
    pub(super) notices: Vec<String>,
    pub(super) time_left: Option<String>,
    pub(super) throughput: Throughput,
    /// The processing files, the longest-running first. Files of dead runs come last.
    pub(super) running: Vec<RunningFile>,
    /// The groups of failures, the largest group first.
    pub(super) groups: Vec<FailureGroup>,
    /// The next pending files, in claim order.
    pub(super) next: Vec<QueueItem>,
}

#[derive(Debug, Clone)]
pub(super) enum RunsNow {
    /// No run is live. The text describes this state.
    None(String),
    Live {
        runs: usize,
        machines: usize,
        /// The maximum number of concurrent attempts of all runs.
        jobs: usize,
        elapsed: Duration,
        /// The progress of the only live run, if known.
        done: Option<Done>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) ended: u64,
    pub(super) total: u64,
}

#[derive(Debug, Clone)]
pub(super) struct RunningFile {
    pub(super) id: ItemId,
    pub(super) file_path: FilePath,
    /// The host of the run, escaped; `None` for this host or a dead run.
    pub(super) host: Option<String>,
    pub(super) progress: Progress,
    /// The forecast duration, for instance `about 52s (31s to 1m 20s)`; `None` if unknown.
    pub(super) expected: Option<String>,
    /// The last line of the output, escaped.
    pub(super) last_line: Option<String>,
    pub(super) delay: Option<Delay>,
    pub(super) attempt: u32,
    /// The output of the attempt. Its file may not exist on this machine.
    pub(super) log: Option<AttemptLog>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Claimed,
    /// The attempt began at this time.
    Since(Timestamp),
    /// The run that claimed the file has died.
    Abandoned,
}

impl Snapshot {
    /// Returns the progress of the only live run, or else of the whole queue.
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

    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_empty() || text.to_lowercase().contains(&self.0)
    }
}
