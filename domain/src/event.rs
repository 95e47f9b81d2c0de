//! The changes of the queue.
//!
//! A store may record the events. Applying the events in order to an empty queue rebuilds the queue
//! exactly. An [`Event::Enqueued`] contains neither the id of the item nor the outcome. So a store
//! can append this event without having read the queue.

#![allow(missing_docs, reason = "the field names are self-explanatory")]

use crate::fingerprint::{Completion, Fingerprint};
use crate::item::{Backoff, ItemId, Priority, RunId, Status};
use crate::path::FilePath;
use crate::request::Repeat;
use crate::time::Timestamp;

/// A change of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file was added.
    ///
    /// - A new path becomes an item.
    /// - A pending or processing item takes `priority` if that is higher than its own.
    /// - A failed or timed-out item begins a new round.
    /// - A completed item begins a new round only if `repeat` or a changed fingerprint requires it.
    ///
    /// An item that begins a new round takes `priority` and the next sequence number. An item that
    /// stays completed does not change. Any other item takes `depth` if `depth` is not 0.
    Enqueued {
        file_path: FilePath,
        /// See [`QueueItem::depth`](crate::item::QueueItem::depth).
        depth: u8,
        priority: Priority,
        /// The fingerprint of the file when it was added; `None` if the file was not inspected.
        fingerprint: Option<Fingerprint>,
        /// Decides whether a completed item begins a new round.
        repeat: Repeat,
        at: Timestamp,
    },
    /// An item's priority was set.
    Reprioritised { id: ItemId, priority: Priority },
    /// A pending item was held, or its hold was removed.
    Held {
        id: ItemId,
        /// True if the item is now held.
        is_held: bool,
    },
    /// A run claimed a pending item under the next claim number. The number of attempts of the item
    /// grows by one.
    Claimed { id: ItemId, run: RunId, at: Timestamp },
    /// An attempt succeeded.
    Completed {
        id: ItemId,
        /// The record of the success.
        completion: Completion,
    },
    /// An attempt failed, and its item is pending again.
    RetryScheduled {
        id: ItemId,
        /// The wait before the next attempt.
        backoff: Backoff,
        error: Box<str>,
    },
    /// An item ended with the status failed or timeout. Its attempt failed for good, its run died
    /// during the last attempt allowed, or a user cancelled the item.
    Failed {
        id: ItemId,
        /// True if the attempt timed out.
        timed_out: bool,
        error: Box<str>,
    },
    /// A claim was released. The attempt does not count.
    Released { id: ItemId },
    /// The claim of a dead run was recovered; the attempt still counts.
    Recovered { id: ItemId },
    /// A user cancelled an item that is being processed.
    CancelRequested { id: ItemId },
    /// The clock was set back, so the backoff of a pending item was shortened to its original
    /// duration.
    BroughtForward {
        id: ItemId,
        /// The new backoff.
        backoff: Backoff,
    },
    /// An ended item began another round: it is pending, with no attempts.
    RoundBegun { id: ItemId },
    /// An item received the next sequence number, which moves it behind all others of its priority.
    MovedToEnd { id: ItemId },
    /// An item left the queue.
    Removed { id: ItemId },
    /// Every item with one of these statuses left the queue, except processing items.
    Cleared { statuses: Vec<Status> },
}
