//! The answers to requests, and what a reader sees of the queue.

use crate::claim_key::ClaimKey;
use crate::failure::CANCELLED;
use crate::item::{ClaimToken, ItemId, QueueItem, RunId, Status};
use crate::time::Timestamp;

/// The number of items in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pending items, held ones included.
    pub pending: usize,
    /// The pending items that a person has set aside.
    pub held: usize,
    /// Items that runs work on.
    pub processing: usize,
    /// Completed items.
    pub completed: usize,
    /// Failed items.
    pub failed: usize,
    /// Items that ran out of time.
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

    /// The count of one status, to change.
    pub fn of_mut(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Pending => &mut self.pending,
            Status::Processing => &mut self.processing,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Timeout => &mut self.timeout,
        }
    }

    /// These counts, and one more item.
    #[must_use]
    pub fn with(mut self, item: &QueueItem) -> Self {
        *self.of_mut(item.status) += 1;
        self.held += usize::from(item.is_held);
        self
    }

    /// All items.
    #[must_use]
    pub fn total(&self) -> usize {
        Status::ALL.into_iter().map(|status| self.of(status)).sum()
    }

    /// Pending and processing items.
    #[must_use]
    pub fn live(&self) -> usize {
        self.pending + self.processing
    }

    /// Pending items that a run may claim, now or after their backoff.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.saturating_sub(self.held)
    }
}

/// What became of one added file, and its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// What became of it.
    pub outcome: EnqueueOutcome,
    /// Its item; `None` exactly if the outcome is [`EnqueueOutcome::Accepted`].
    pub item: Option<ItemId>,
}

/// What became of one added file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueOutcome {
    /// It was not in the queue and is now.
    Added,
    /// It is pending or processing; its priority was raised.
    Raised,
    /// It is pending or processing; nothing changed.
    Unchanged,
    /// It is completed, and stays so.
    AlreadyCompleted,
    /// It was completed; a new round began, because the file changed since.
    Changed,
    /// It had failed or timed out; a new round began.
    FailedBefore,
    /// It was completed; a new round began, because the request asked for that.
    Repeated,
    /// It is recorded, and the store has not read the queue: any of the other outcomes is possible,
    /// and the next reading of the queue shows which. Only if the request said
    /// [`AnswerNeeded::Later`](crate::request::AnswerNeeded::Later).
    Accepted,
}

impl EnqueueOutcome {
    /// True if the file will be processed because of this addition.
    #[must_use]
    pub const fn is_new_work(self) -> bool {
        matches!(self, Self::Added | Self::Changed | Self::FailedBefore | Self::Repeated)
    }
}

/// One claim that was made, and its item as it is after the claim.
pub type Claimed = (ClaimToken, QueueItem);

/// The answer to an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// The claims made, in claim order.
    pub claims: Vec<Claimed>,
    /// The settlements that counted for nothing, because their claim was stale.
    pub stale: Vec<ClaimToken>,
    /// The run's claims whose items a person cancelled: those under way, and those that this
    /// exchange settled as failed for that reason.
    pub cancelled: Vec<ClaimToken>,
    /// When the next item of the scope falls due that is not due yet.
    pub next_due: Option<Timestamp>,
    /// True if an item of the scope is still pending and not held.
    pub has_waiting: bool,
}

/// The answer to a cancellation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cancelled {
    /// Items that were pending and have ended.
    pub ended: usize,
    /// Items that are being processed; their runs will end them.
    pub requested: usize,
}

/// An item taken back from a dead run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredItem {
    /// The item as it is now: pending, or failed if it has no attempts left or was cancelled.
    pub item: QueueItem,
    /// The run that died.
    pub dead_run: RunId,
}

impl RecoveredItem {
    /// True if the item ended because a person had cancelled it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.item.status.has_failed() && self.item.last_error.as_deref() == Some(CANCELLED)
    }
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Only items with these statuses; all items if empty.
    pub statuses: Vec<Status>,
    /// Only items after this place in claim order.
    pub after: Option<ClaimKey>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// Items in claim order: by priority, highest first, then by sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<QueueItem>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<ClaimKey>,
}
