//! The results of commands, as data that `render` prints.

mod execution;
mod maintenance;
mod recovery;
mod workflow;

use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{LiveRun, PastAttempt, StopLevel, Unproven};
use autoproc_domain::run::RunResources;
use autoproc_domain::view::{Counts, EnqueueOutcome};
use autoproc_domain::{FilePath, ItemId, Priority, ProcessingResult, ProcessorState, QueueItem, RunId, Timestamp};

pub(crate) use execution::{ExecutionOver, Executions, FileProgress, Preview};
pub(crate) use maintenance::{CrashTest, Diagnosis, Finding, Level, RepairDone, RepairPlans};
pub(crate) use recovery::Recovered;
pub(crate) use workflow::{CheckedFile, WorkflowShown, WorkflowsChecked, WorkflowsListed, count, from_base};

/// The outcome of adding files.
#[derive(Debug)]
pub(crate) struct Added {
    pub(crate) files: Vec<FilePath>,
    /// One for each file, in the same order.
    pub(crate) outcomes: Vec<AddOutcome>,
    pub(crate) priority: Priority,
    /// Number of files that do not exist.
    pub(crate) missing: usize,
}

/// The outcome of adding one file, as reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddOutcome {
    /// A new item, or a new round of an ended one.
    Added,
    /// The priority of a live item was raised.
    Raised,
    /// A live item did not change.
    Unchanged,
    /// Recorded; the store has not looked whether the file is queued already.
    Accepted,
}

impl From<EnqueueOutcome> for AddOutcome {
    fn from(outcome: EnqueueOutcome) -> Self {
        match outcome {
            EnqueueOutcome::Raised => Self::Raised,
            EnqueueOutcome::Unchanged | EnqueueOutcome::AlreadyCompleted => Self::Unchanged,
            EnqueueOutcome::Accepted => Self::Accepted,
            EnqueueOutcome::Added
            | EnqueueOutcome::Changed
            | EnqueueOutcome::FailedBefore
            | EnqueueOutcome::Repeated => Self::Added,
        }
    }
}

impl Added {
    pub(crate) fn count(&self, outcome: AddOutcome) -> usize {
        self.outcomes.iter().filter(|became| **became == outcome).count()
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (&FilePath, AddOutcome)> {
        self.files.iter().zip(self.outcomes.iter().copied())
    }

    /// A summary on one line.
    pub(crate) fn in_sum(&self) -> String {
        let words = |outcome, word: &str| match self.count(outcome) {
            0 => String::new(),
            count => format!(", {count} {word}"),
        };
        let noun = |count| if count == 1 { "file" } else { "files" };
        let accepted = self.count(AddOutcome::Accepted);
        if accepted > 0 {
            return format!("{accepted} {} accepted", noun(accepted));
        }
        let added = self.count(AddOutcome::Added);
        let raised = words(AddOutcome::Raised, "raised");
        format!("{added} {} added{raised}{}", noun(added), words(AddOutcome::Unchanged, "already there"))
    }
}

/// A page of the queue, in claim order.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The time of the listing.
    pub(crate) now: Timestamp,
    pub(crate) items: Vec<QueueItem>,
    /// True if the queue has more items.
    pub(crate) more: bool,
}

/// The number of pending files.
#[derive(Debug)]
pub(crate) struct Size(pub(crate) usize);

/// The file that a run would take next.
#[derive(Debug)]
pub(crate) struct Peeked(pub(crate) Option<QueueItem>);

/// One item with its history.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The time of the query.
    pub(crate) now: Timestamp,
    pub(crate) item: QueueItem,
    /// Past attempts, the oldest first.
    pub(crate) history: Vec<PastAttempt>,
}

#[derive(Debug)]
pub(crate) struct Reprioritised(pub(crate) QueueItem);

/// The number of removed items.
#[derive(Debug)]
pub(crate) struct Removed(pub(crate) usize);

#[derive(Debug)]
pub(crate) struct Cleared {
    /// The number of removed items by status.
    pub(crate) gone: Counts,
    /// Items that stay because they are being processed.
    pub(crate) still_processing: usize,
}

/// The number of items that began another round.
#[derive(Debug)]
pub(crate) struct Requeued(pub(crate) usize);

/// A stop request.
#[derive(Debug)]
pub(crate) struct Stopping {
    pub(crate) level: StopLevel,
    pub(crate) stop_file: PathBuf,
    /// The runs that will see it.
    pub(crate) live_runs: Vec<LiveRun>,
}

#[derive(Debug)]
pub(crate) struct Status {
    /// The time of the query.
    pub(crate) now: Timestamp,
    pub(crate) counts: Counts,
    pub(crate) live_runs: Vec<LiveRun>,
    /// The state that the latest run reported last.
    pub(crate) latest: Option<ProcessorState>,
    pub(crate) processing: Vec<QueueItem>,
    /// The first pending items.
    pub(crate) waiting: Vec<QueueItem>,
}

impl Status {
    /// The live run that processes an item.
    pub(crate) fn run_of(&self, item: &QueueItem) -> Option<&LiveRun> {
        let claim = item.claim.as_ref()?;
        self.live_runs.iter().find(|run| run.info.id == claim.run)
    }

    /// Why the dead run that holds an item was not recovered, if the latest run reported that.
    pub(crate) fn doubt_about(&self, item: &QueueItem) -> Option<&Unproven> {
        let (claim, latest) = (item.claim.as_ref()?, self.latest.as_ref()?);
        latest.withheld.iter().find(|left| left.run == claim.run)
    }

    /// The most attempts of a file, if a live run states it.
    pub(crate) fn max_attempts(&self) -> Option<u32> {
        self.live_runs.iter().map(|run| run.info.max_attempts).max()
    }

    /// Files ended per second in the live run that wrote the latest state.
    pub(crate) fn files_per_second(&self) -> Option<f64> {
        let latest = self.latest.as_ref()?;
        let run = self.live_runs.iter().find(|run| Some(&run.info.id) == latest.run_id.as_ref())?;
        let elapsed = self.now.saturating_since(run.info.started_at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "2^53 files are more than there will be")]
        let files = (latest.files_processed + latest.files_failed) as f64;
        (elapsed > 0.0).then_some(files / elapsed)
    }
}

/// The end of a run.
#[derive(Debug)]
pub(crate) struct RunOver {
    pub(crate) run: RunId,
    pub(crate) result: ProcessingResult,
    pub(crate) elapsed: Duration,
    /// Resource usage of its attempts.
    pub(crate) resources: RunResources,
}

/// The output of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptFile {
    pub(crate) path: PathBuf,
    pub(crate) round: u32,
    pub(crate) attempt: AttemptNumber,
    /// The claim of the attempt; numbers ascend.
    pub(crate) claim: ClaimNumber,
}

/// The outputs of one item's attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) item: ItemId,
    /// The oldest first.
    pub(crate) files: Vec<AttemptFile>,
}
