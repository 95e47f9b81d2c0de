//! What a reader sees of the queue: counts, pages, and the answers to transactions. Data only.

use crate::item::{ClaimToken, QueueItem, Status};
use crate::queue::ClaimKey;
use crate::time::Timestamp;

/// How many items stand in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting.
    pub pending: usize,
    /// Being worked on.
    pub processing: usize,
    /// Ended well.
    pub completed: usize,
    /// Ended badly.
    pub failed: usize,
    /// Ended badly, out of time.
    pub timeout: usize,
}

impl Counts {
    /// The count of one status.
    #[must_use]
    pub fn of(&self, status: Status) -> usize {
        match status {
            Status::Pending => self.pending,
            Status::Processing => self.processing,
            Status::Completed => self.completed,
            Status::Failed => self.failed,
            Status::Timeout => self.timeout,
        }
    }

    pub(crate) fn of_mut(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Pending => &mut self.pending,
            Status::Processing => &mut self.processing,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Timeout => &mut self.timeout,
        }
    }

    /// All items.
    #[must_use]
    pub fn total(&self) -> usize {
        Status::ALL.into_iter().map(|status| self.of(status)).sum()
    }

    /// Items still to be done.
    #[must_use]
    pub fn live(&self) -> usize {
        self.pending + self.processing
    }
}

/// What became of one file offered to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueOutcome {
    /// It is in the queue now and was not before, or had ended.
    Added,
    /// It was in the queue; its priority is higher now.
    Raised,
    /// It was in the queue; nothing changed.
    Unchanged,
    /// It is recorded. A store that did not look at the queue cannot tell which of the others it is; whoever looks next
    /// can. See [`Transaction::perform_unseen`](crate::queue::Transaction::perform_unseen).
    Accepted,
}

/// The answer to an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// What was claimed, in claim order; each item is as it is after the claim.
    pub claims: Vec<(ClaimToken, QueueItem)>,
    /// Settlements whose token was stale; they changed nothing.
    pub stale: Vec<ClaimToken>,
    /// When the next item falls due that is waiting for its time; `None` where none is.
    pub next_due: Option<Timestamp>,
    /// The queue afterwards.
    pub counts: Counts,
}

/// An item taken back from a dead run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredItem {
    /// The item as it is afterwards: pending, or failed where its attempts are used up.
    pub item: QueueItem,
    /// The run that died.
    pub dead_run: crate::item::RunId,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Only items in these statuses; all where empty.
    pub statuses: Vec<Status>,
    /// Only items after this place in the order; from the start where `None`.
    pub after: Option<ClaimKey>,
    /// At most this many; all where `None`.
    pub limit: Option<usize>,
}

/// Items in claim order: priority descending, then sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<QueueItem>,
    /// Where to go on, where there are more.
    pub next: Option<ClaimKey>,
}
