//! The answers to requests, and the types for reading the queue.

use crate::claim_key::ClaimKey;
use crate::failure::CANCELLED;
use crate::item::{ClaimToken, ItemId, QueueItem, RunId, Status};
use crate::time::Timestamp;

/// The number of items in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pending items, including held ones.
    pub pending: usize,
    /// Pending items that a user holds.
    pub held: usize,
    /// Items that runs are processing.
    pub processing: usize,
    /// Completed items.
    pub completed: usize,
    /// Items that ended as failed.
    pub failed: usize,
    /// Items that ended as timeout.
    pub timeout: usize,
}

impl Counts {
    /// Returns the count of one status.
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

    /// Returns a mutable reference to the count of one status.
    pub fn of_mut(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Pending => &mut self.pending,
            Status::Processing => &mut self.processing,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Timeout => &mut self.timeout,
        }
    }

    /// Returns the counts with one more item.
    #[must_use]
    pub fn with(mut self, item: &QueueItem) -> Self {
        *self.of_mut(item.status) += 1;
        self.held += usize::from(item.is_held);
        self
    }

    /// Returns the number of all items.
    #[must_use]
    pub fn total(&self) -> usize {
        Status::ALL.into_iter().map(|status| self.of(status)).sum()
    }

    /// Returns the number of pending and processing items.
    #[must_use]
    pub fn live(&self) -> usize {
        self.pending + self.processing
    }

    /// Returns the number of pending items that are not held: a run may claim them, now or after
    /// their backoff.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.saturating_sub(self.held)
    }
}

/// The outcome of one added file, and its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The outcome of the addition.
    pub outcome: EnqueueOutcome,
    /// The id of the item; `None` if and only if the outcome is [`EnqueueOutcome::Accepted`].
    pub item: Option<ItemId>,
}

/// The outcome of one added file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueOutcome {
    /// The file is new in the queue.
    Added,
    /// The file was pending or processing; its priority was raised, and possibly its depth changed.
    Raised,
    /// The file was pending or processing. Nothing changed, except possibly the item's depth.
    Unchanged,
    /// The file was completed; nothing changed.
    AlreadyCompleted,
    /// The file was completed; a new round began, because the file has changed since.
    Changed,
    /// The file had failed or timed out; a new round began.
    FailedBefore,
    /// The file was completed; a new round began, because the request demanded it.
    Repeated,
    /// The addition is recorded, but the outcome is not known until the store next reads the queue;
    /// it may then be any other variant. Only returned if the request allowed
    /// [`AnswerNeeded::Later`](crate::request::AnswerNeeded::Later).
    Accepted,
}

impl EnqueueOutcome {
    /// True if the addition began a round, so the file will be processed. False for
    /// [`Accepted`](Self::Accepted), because the effect is not known yet.
    #[must_use]
    pub const fn is_new_work(self) -> bool {
        matches!(self, Self::Added | Self::Changed | Self::FailedBefore | Self::Repeated)
    }
}

/// The token of a new claim, and the claimed item.
pub type Claimed = (ClaimToken, QueueItem);

/// The answer to an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// The new claims, in claim order.
    pub claims: Vec<Claimed>,
    /// The tokens of the settlements that had no effect, because the claim was stale.
    pub stale: Vec<ClaimToken>,
    /// The run's claims whose items a user cancelled: those that are still unsettled, and those
    /// that this exchange settled as failed because of the cancellation.
    pub cancelled: Vec<ClaimToken>,
    /// The earliest time at which an item in backoff becomes due; `None` if no item of the scope is
    /// in backoff.
    pub next_due: Option<Timestamp>,
    /// True if an item of the scope is still waiting: pending and not held.
    pub has_waiting: bool,
}

/// The answer to a cancellation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cancelled {
    /// The number of items that were pending and have ended.
    pub ended: usize,
    /// The number of processing items that were marked as cancelled; their runs will end the
    /// attempts.
    pub requested: usize,
}

/// An item recovered from a dead run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredItem {
    /// The item after the recovery: pending, or failed if it has no attempts left or was cancelled.
    pub item: QueueItem,
    /// The run that died.
    pub dead_run: RunId,
}

impl RecoveredItem {
    /// True if the item ended because a user had cancelled it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.item.status.has_failed() && self.item.last_error.as_deref() == Some(CANCELLED)
    }
}

/// A filter and limits for listing items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// The statuses of the items to return; empty for all items.
    pub statuses: Vec<Status>,
    /// The position in claim order after which the page begins; `None` to begin with the first
    /// item.
    pub after: Option<ClaimKey>,
    /// The maximum number of items; `None` for no limit.
    pub limit: Option<usize>,
}

/// Items in claim order: by priority, highest first, then by sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<QueueItem>,
    /// The position after which the next page begins; `None` if this is the last page.
    pub next: Option<ClaimKey>,
}
