//! The answers to requests, and views of the queue.

use crate::claim_key::ClaimKey;
use crate::failure::CANCELLED;
use crate::item::{ClaimToken, ItemId, QueueItem, RunId, Status};
use crate::time::Timestamp;

/// The number of items in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of pending items, including held items.
    pub pending: usize,
    /// The number of pending items that a user holds.
    pub held: usize,
    /// The number of items that runs are processing.
    pub processing: usize,
    /// The number of completed items.
    pub completed: usize,
    /// The number of items that ended as failed.
    pub failed: usize,
    /// The number of items that ended as timeout.
    pub timeout: usize,
}

impl Counts {
    /// Returns the number of items with this status.
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

    /// Returns a mutable reference to the number of items with this status.
    pub fn of_mut(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Pending => &mut self.pending,
            Status::Processing => &mut self.processing,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Timeout => &mut self.timeout,
        }
    }

    /// Returns the counts after adding one item.
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

    /// Returns the number of pending items that are not held. A run may claim these items now or
    /// after a backoff.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.saturating_sub(self.held)
    }
}

/// The outcome of adding one file, and the item of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The outcome of the addition.
    pub outcome: EnqueueOutcome,
    /// The id of the item; `None` if and only if the outcome is [`EnqueueOutcome::Accepted`].
    pub item: Option<ItemId>,
}

/// The outcome of adding one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueOutcome {
    /// The file was new to the queue.
    Added,
    /// The file was pending or processing. Its priority was raised.
    Raised,
    /// The file was pending or processing. Nothing changed, except possibly its depth.
    Unchanged,
    /// The file was completed; nothing changed.
    AlreadyCompleted,
    /// The file was completed, and has changed since. A new round began.
    Changed,
    /// The file had failed or timed out. A new round began.
    FailedBefore,
    /// The file was completed. The request demanded a new round.
    Repeated,
    /// The addition is recorded, but its outcome is not known yet. Returned only for
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
    /// The tokens of stale claims, whose settlement had no effect.
    pub stale: Vec<ClaimToken>,
    /// The run's claims whose items a user cancelled. Includes the claims that this exchange
    /// settled as failed because of the cancellation.
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
    /// The number of pending items that the cancellation ended.
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

/// A filter and a limit for listing items.
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

/// A page of items in claim order: by priority, highest first, then by sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<QueueItem>,
    /// The position after which the next page begins; `None` if this is the last page.
    pub next: Option<ClaimKey>,
}
