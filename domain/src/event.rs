//! What happened to the queue. Vocabulary only: [`FileQueue::apply`](crate::queue::FileQueue::apply) gives it effect.
//!
//! Events are facts: a store writes them down before they take effect, and folding them in order rebuilds the queue
//! exactly. They carry no identity that `apply` can work out for itself, so that a store may append an `Enqueued` without
//! having loaded the queue.

use crate::file_path::FilePath;
use crate::item::{ItemId, Priority, RunId, Status};
use crate::time::Timestamp;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file was offered. Where it is pending or processing already, its priority is raised to the offered one if that
    /// is higher, and nothing else happens; else it enters as new, under the next sequence number, in the place of an
    /// ended item of the same path.
    Enqueued {
        /// The file.
        file_path: FilePath,
        /// Its urgency.
        priority: Priority,
        /// When.
        at: Timestamp,
    },
    /// An item's urgency was set.
    Reprioritised {
        /// The item.
        id: ItemId,
        /// Its new urgency.
        priority: Priority,
    },
    /// A run took a pending item, under the next claim number; its attempts grow by one.
    Claimed {
        /// The item.
        id: ItemId,
        /// The run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// An attempt succeeded.
    Completed {
        /// The item.
        id: ItemId,
    },
    /// An attempt failed; another will follow.
    RetryScheduled {
        /// The item.
        id: ItemId,
        /// Not before this point.
        not_before: Timestamp,
        /// What went wrong.
        error: Box<str>,
    },
    /// An attempt failed; no other will follow.
    Failed {
        /// The item.
        id: ItemId,
        /// Whether it ran out of time.
        timed_out: bool,
        /// What went wrong.
        error: Box<str>,
    },
    /// An attempt was given back unfinished and is not counted.
    Released {
        /// The item.
        id: ItemId,
    },
    /// A dead run's claim was taken back; the attempt stays counted.
    Recovered {
        /// The item.
        id: ItemId,
    },
    /// A pending item's backoff was cut short, because the clock it was measured by has been set back.
    BroughtForward {
        /// The item.
        id: ItemId,
        /// Its new due point.
        not_before: Timestamp,
    },
    /// An ended item got another round: its attempts start from none.
    Requeued {
        /// The item.
        id: ItemId,
    },
    /// An item left the queue.
    Removed {
        /// The item.
        id: ItemId,
    },
    /// Every item in one of these statuses left the queue.
    Cleared {
        /// The statuses; processing is never among them.
        statuses: Vec<Status>,
    },
}
