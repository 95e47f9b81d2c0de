//! What commands have to say, as data. `render` says it, to a person or to a program.

mod care;
mod execution;
mod recovery;
mod workflow;

use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{LiveRun, PastAttempt, StopLevel, Unproven};
use autoproc_domain::run::RunResources;
use autoproc_domain::view::{Counts, EnqueueOutcome};
use autoproc_domain::{FilePath, ItemId, Priority, ProcessingResult, ProcessorState, QueueItem, RunId, Timestamp};

pub(crate) use care::{Diagnosis, Finding, Level, Mended, RepairPlan, Tortured};
pub(crate) use execution::{ExecutionOver, Executions, FileProgress, Foreseen};
pub(crate) use recovery::Recovered;
pub(crate) use workflow::{CheckedFile, WorkflowShown, WorkflowsChecked, WorkflowsListed, count, from_base};

/// Files were offered to the queue.
#[derive(Debug)]
pub(crate) struct Added {
    /// Each of them.
    pub(crate) files: Vec<FilePath>,
    /// What became of each, in the same order.
    pub(crate) outcomes: Vec<AddOutcome>,
    /// Their priority.
    pub(crate) priority: Priority,
    /// How many do not exist.
    pub(crate) missing: usize,
}

/// What `queue add` reports of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddOutcome {
    /// It will be processed because of this addition.
    Added,
    /// It was live already; its priority was raised.
    Raised,
    /// Nothing changed.
    Unchanged,
    /// It is recorded; one of the others is true.
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
    /// How many had this outcome.
    pub(crate) fn count(&self, outcome: AddOutcome) -> usize {
        self.outcomes.iter().filter(|became| **became == outcome).count()
    }

    /// Each with what became of it.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&FilePath, AddOutcome)> {
        self.files.iter().zip(self.outcomes.iter().copied())
    }

    /// All of them in one line.
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

/// A part of the queue, in claim order.
#[derive(Debug)]
pub(crate) struct Listed {
    /// When it was looked at.
    pub(crate) now: Timestamp,
    /// The part.
    pub(crate) items: Vec<QueueItem>,
    /// Whether there are more.
    pub(crate) more: bool,
}

/// How many files wait.
#[derive(Debug)]
pub(crate) struct Size(pub(crate) usize);

/// The file that would be taken next.
#[derive(Debug)]
pub(crate) struct Peeked(pub(crate) Option<QueueItem>);

/// One item.
#[derive(Debug)]
pub(crate) struct Shown {
    /// When it was looked at.
    pub(crate) now: Timestamp,
    /// The item.
    pub(crate) item: QueueItem,
    /// What is known of the attempts made on it, the oldest first.
    pub(crate) history: Vec<PastAttempt>,
}

/// An item has a new priority.
#[derive(Debug)]
pub(crate) struct Reprioritised(pub(crate) QueueItem);

/// Items were taken out.
#[derive(Debug)]
pub(crate) struct Removed(pub(crate) usize);

/// Items were taken out, by status.
#[derive(Debug)]
pub(crate) struct Cleared {
    /// What went.
    pub(crate) gone: Counts,
    /// How many stayed because they are being processed.
    pub(crate) still_processing: usize,
}

/// Items got another round.
#[derive(Debug)]
pub(crate) struct Requeued(pub(crate) usize);

/// A stop was requested.
#[derive(Debug)]
pub(crate) struct Stopping {
    /// How urgently.
    pub(crate) level: StopLevel,
    /// Where the request stands.
    pub(crate) stop_file: PathBuf,
    /// Who will see it.
    pub(crate) live_runs: Vec<LiveRun>,
}

/// What goes on.
#[derive(Debug)]
pub(crate) struct Status {
    /// When it was looked at.
    pub(crate) now: Timestamp,
    /// How many items stand where.
    pub(crate) counts: Counts,
    /// The runs alive.
    pub(crate) live_runs: Vec<LiveRun>,
    /// What the latest run last said of itself.
    pub(crate) latest: Option<ProcessorState>,
    /// What is being processed.
    pub(crate) processing: Vec<QueueItem>,
    /// What waits, the first few.
    pub(crate) waiting: Vec<QueueItem>,
}

impl Status {
    /// The live run that works on an item.
    pub(crate) fn run_of(&self, item: &QueueItem) -> Option<&LiveRun> {
        let claim = item.claim.as_ref()?;
        self.live_runs.iter().find(|run| run.info.id == claim.run)
    }

    /// Why the dead run that holds an item was not recovered, where the latest run tried and said so.
    pub(crate) fn doubt_about(&self, item: &QueueItem) -> Option<&Unproven> {
        let (claim, latest) = (item.claim.as_ref()?, self.latest.as_ref()?);
        latest.withheld.iter().find(|left| left.run == claim.run)
    }

    /// How many attempts a file may have, where a live run says so.
    pub(crate) fn max_attempts(&self) -> Option<u32> {
        self.live_runs.iter().map(|run| run.info.max_attempts).max()
    }

    /// Files ended a second in the live run that the latest state speaks of.
    pub(crate) fn files_per_second(&self) -> Option<f64> {
        let latest = self.latest.as_ref()?;
        let run = self.live_runs.iter().find(|run| Some(&run.info.id) == latest.run_id.as_ref())?;
        let elapsed = self.now.saturating_since(run.info.started_at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "2^53 files are more than there will be")]
        let files = (latest.files_processed + latest.files_failed) as f64;
        (elapsed > 0.0).then_some(files / elapsed)
    }
}

/// A run is over.
#[derive(Debug)]
pub(crate) struct RunOver {
    /// Its name.
    pub(crate) run: RunId,
    /// What it did.
    pub(crate) result: ProcessingResult,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// What its attempts used.
    pub(crate) resources: RunResources,
}

/// What attempts on an item printed, and where that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptFile {
    /// The file.
    pub(crate) path: PathBuf,
    /// Which attempt of its item it is.
    pub(crate) attempt: AttemptNumber,
    /// The claim it was carried out under; its number only grows.
    pub(crate) claim: ClaimNumber,
}

/// The attempts of one item.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// The item.
    pub(crate) item: ItemId,
    /// What they printed, the oldest first.
    pub(crate) files: Vec<AttemptFile>,
}
