//! The requests to the queue.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fingerprint::{Completion, Fingerprint, Recipe};
use crate::item::{ClaimToken, ItemId, Priority, RunId, Status};
use crate::path::FilePath;

/// Adds files, in the order of `items`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enqueue {
    /// The files. If a path occurs more than once, each further occurrence adds the file again.
    pub items: Vec<NewItem>,
    /// Decides which completed files are processed again.
    pub repeat: Repeat,
    /// Whether the answer must contain the outcome and the item of each file.
    pub answer: AnswerNeeded,
}

impl Enqueue {
    /// Creates a request that adds these files, except completed files that have not changed.
    #[must_use]
    pub fn new(items: Vec<NewItem>) -> Self {
        Self { items, ..Self::default() }
    }
}

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// The path of the file.
    pub file_path: FilePath,
    /// The number of path components below the added folder, as in
    /// [`QueueItem::depth`](crate::item::QueueItem::depth). If the file was not added as part of a
    /// folder, this is 0, and an item that is already in the queue keeps its depth.
    pub depth: u8,
    /// The priority of the file.
    pub priority: Priority,
    /// The current fingerprint of the file; `None` if the file does not exist or was not inspected.
    /// Without a fingerprint, the file counts as unchanged.
    pub fingerprint: Option<Fingerprint>,
}

impl NewItem {
    /// Creates an entry with priority 0, depth 0 and no fingerprint.
    #[must_use]
    pub fn new(file_path: FilePath) -> Self {
        Self { file_path, depth: 0, priority: Priority::default(), fingerprint: None }
    }

    /// Sets the priority, and returns the changed entry.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Sets the depth, and returns the changed entry.
    #[must_use]
    pub fn with_depth(self, depth: u8) -> Self {
        Self { depth, ..self }
    }

    /// Sets the fingerprint, and returns the changed entry.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Option<Fingerprint>) -> Self {
        Self { fingerprint, ..self }
    }
}

/// Decides whether a completed file is processed again when it is added again. A file that failed
/// or timed out is always processed again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// A completed file is processed again if the file has changed.
    #[default]
    IfChanged,
    /// A completed file is processed again if the file has changed, or if it was completed with
    /// another recipe or without one.
    IfOtherRecipe(Recipe),
    /// Every completed file is processed again.
    Always,
}

/// Whether the answer to an [`Enqueue`] must contain the outcome and the item of each file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AnswerNeeded {
    /// The caller needs the outcome and the item of each file.
    #[default]
    Now,
    /// The store may return [`EnqueueOutcome::Accepted`](crate::view::EnqueueOutcome::Accepted)
    /// instead of the outcome.
    Later,
}

/// Records the outcomes of ended attempts, then claims items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// The run that makes the request. It must be alive.
    pub run: RunId,
    /// Identifies a repeated request. If a store receives the id of the run's latest request again,
    /// it changes nothing and returns the recorded answer.
    pub id: RequestId,
    /// The outcomes of ended attempts; may be empty.
    pub settlements: Vec<Settlement>,
    /// The maximum number of items to claim; may be 0.
    pub limit: usize,
    /// The items that the run may claim.
    pub scope: Scope,
}

/// The number of an exchange; it increases with each exchange of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// Creates a request id from a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the request id as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the id of the next request.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The items that a run processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// The whole queue.
    #[default]
    Queue,
    /// Only these items; unknown ids are ignored.
    ///
    /// A run must pass clones of one `Arc` in all its requests. A store may keep an index for each
    /// `Arc`.
    Items(Arc<BTreeSet<ItemId>>),
}

impl Scope {
    /// True if the run may claim this item.
    #[must_use]
    pub fn contains(&self, id: ItemId) -> bool {
        match self {
            Self::Queue => true,
            Self::Items(ids) => ids.contains(&id),
        }
    }
}

impl FromIterator<ItemId> for Scope {
    fn from_iter<I: IntoIterator<Item = ItemId>>(ids: I) -> Self {
        Self::Items(Arc::new(ids.into_iter().collect()))
    }
}

/// The outcome of one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The token of the claim.
    pub token: ClaimToken,
    /// The decision on the claim's item.
    pub verdict: Verdict,
}

/// The decision on an ended attempt; see [`RetryPolicy::judge`](crate::retry::RetryPolicy::judge).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The attempt succeeded.
    Complete(Completion),
    /// The attempt failed, and a retry follows.
    Retry {
        /// The wait before the next attempt.
        backoff: Duration,
        /// The error text of the failure.
        error: Box<str>,
    },
    /// The attempt failed, and no retry follows.
    Fail {
        /// True if the attempt timed out.
        timed_out: bool,
        /// The error text of the failure.
        error: Box<str>,
    },
    /// The attempt does not count, for instance because the run was stopped.
    Release,
}

impl Verdict {
    /// Replaces the error text, if the verdict has one.
    #[must_use]
    pub fn with_error(self, error: Box<str>) -> Self {
        match self {
            Self::Retry { backoff, .. } => Self::Retry { backoff, error },
            Self::Fail { timed_out, .. } => Self::Fail { timed_out, error },
            Self::Complete(_) | Self::Release => self,
        }
    }
}

/// Begins a new round for items that failed or timed out. The items move behind all other items of
/// their priority, in their present order (`AllFailed`) or in the order of the list (`These`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeue {
    /// Every item that failed or timed out.
    AllFailed,
    /// These items. Each must have failed or timed out.
    These(Vec<Selector>),
}

/// Changes the priority of a pending or processing item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reprioritise {
    /// The item to change.
    pub which: Selector,
    /// The new priority.
    pub priority: Priority,
}

/// Holds pending items back from processing, or removes their hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The items. Each must be pending; otherwise the request is rejected.
    pub which: Vec<Selector>,
    /// True to hold the items; false to remove their hold.
    pub is_held: bool,
}

/// Ends pending and processing items as failed, with the error
/// [`CANCELLED`](crate::failure::CANCELLED).
///
/// A pending item ends at once. For a processing item, the run learns of the cancellation from its
/// next exchange, and ends the attempt. If the attempt succeeds all the same, the item is
/// completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel(pub Vec<Selector>);

/// Removes items from the queue. The request is rejected if one of them is processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove(pub Vec<Selector>);

/// Removes every item with one of these statuses from the queue, except processing items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear(pub Vec<Status>);

/// Returns the items of dead runs to pending. The attempts of the dead runs still count, so an item
/// that has had [`max_attempts`](Self::max_attempts) attempts fails instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverRequest {
    /// The dead runs.
    pub runs: Vec<RunId>,
    /// The maximum number of attempts in a round. An item that has had this many attempts fails
    /// with [`run_died`](crate::failure::run_died). So a file that kills each run that processes it
    /// is not retried for ever. A cancelled item always fails.
    pub max_attempts: u32,
}

/// A user's reference to one item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// Refers to an item by its path.
    Path(FilePath),
    /// Refers to an item by its id.
    Id(ItemId),
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Id(id) => write!(f, "item {id}"),
        }
    }
}
