//! What happened to the queue. [`FileQueue::apply`](crate::queue::FileQueue::apply) gives each event
//! its effect.
//!
//! A store writes events down; folding them in order rebuilds the queue exactly. An addition names
//! no id and no outcome: `apply` finds both, so a store may append an [`Event::Enqueued`] without
//! having read the queue.

#![allow(missing_docs, reason = "the fields say by their names what they hold")]

use crate::fingerprint::{Completion, Fingerprint};
use crate::item::{Backoff, ItemId, Priority, RunId, Status};
use crate::path::FilePath;
use crate::request::Repeat;
use crate::time::Timestamp;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file was added. A new path becomes an item; a live item is raised to the priority if that
    /// is higher; an ended one begins a new round if `repeat` and the fingerprint say so.
    Enqueued {
        file_path: FilePath,
        priority: Priority,
        /// The file as it was when it was added.
        fingerprint: Option<Fingerprint>,
        /// Which ended items begin a new round.
        repeat: Repeat,
        at: Timestamp,
    },
    /// An item's priority was set.
    Reprioritised { id: ItemId, priority: Priority },
    /// A pending item was set aside, or is no longer.
    Held {
        id: ItemId,
        /// True if it was set aside.
        is_held: bool,
    },
    /// A run claimed a pending item under the next claim number; its attempts grow by one.
    Claimed { id: ItemId, run: RunId, at: Timestamp },
    /// An attempt succeeded.
    Completed {
        id: ItemId,
        /// What is kept of the success.
        completion: Completion,
    },
    /// An attempt failed; another one follows.
    RetryScheduled {
        id: ItemId,
        /// The wait before the next attempt.
        backoff: Backoff,
        error: Box<str>,
    },
    /// An item ended as failed: its attempt failed for good, or a person cancelled it.
    Failed {
        id: ItemId,
        /// True if the attempt ran out of time.
        timed_out: bool,
        error: Box<str>,
    },
    /// An attempt was given back and is not counted.
    Released { id: ItemId },
    /// The claim of a dead run was taken back; the attempt stays counted.
    Recovered { id: ItemId },
    /// A person cancelled an item that is being processed.
    CancelRequested { id: ItemId },
    /// A pending item's backoff was cut down to the span that was ordered, because the clock was
    /// set back.
    BroughtForward {
        id: ItemId,
        /// The new backoff.
        backoff: Backoff,
    },
    /// An ended item began another round: it is pending, with no attempts.
    RoundBegun { id: ItemId },
    /// An item went to the end of the line, under the next sequence number.
    MovedToEnd { id: ItemId },
    /// An item left the queue.
    Removed { id: ItemId },
    /// Every item with one of these statuses left the queue.
    Cleared { statuses: Vec<Status> },
}
