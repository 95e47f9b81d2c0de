//! The port behind which the queue lives.

use std::io;
use std::time::Duration;

use async_trait::async_trait;

use crate::command::{ExchangeRequest, NewItem, RecoverRequest, Selection, Selector};
use crate::item::{Priority, QueueItem, RunId, Status};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use crate::view::{Counts, EnqueueOutcome, Exchanged, Page, PageRequest, RecoveredItem};

/// What a run says of itself when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// Its name.
    pub id: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// Attempts at a time.
    pub jobs: usize,
    /// Attempts a file may have.
    pub max_attempts: u32,
    /// Time an attempt may take.
    pub timeout: Duration,
}

/// A run that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    /// What it said of itself.
    pub info: RunInfo,
    /// Who carries it, in words: a process and its machine.
    pub owner: String,
}

/// Why a transaction did not happen. Unless a variant says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The rules say no: tell the person who asked.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Somebody else holds the store: try again later.
    #[error("the queue is locked by {holder}")]
    Busy {
        /// Who.
        holder: String,
    },
    /// No room is left: start nothing new, settle without claiming, and end.
    #[error("no space left for the queue")]
    Full(#[source] io::Error),
    /// The store's folder or files cannot be written by us: stop, and mend the permissions.
    #[error("cannot write to {place}")]
    NotWritable {
        /// Where.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What is stored cannot be understood, and nothing was touched: stop, and look at it.
    #[error("{place} is damaged: {detail}")]
    Damaged {
        /// Which file, or which part of the store.
        place: String,
        /// What is wrong with it, and where.
        detail: String,
    },
    /// What is stored was written by a newer version: stop, and use that one.
    #[error("{place} has format version {found}, and this program knows {known}")]
    Unsupported {
        /// Which file, or which part of the store.
        place: String,
        /// The version found.
        found: String,
        /// The version known.
        known: String,
    },
    /// The system failed us: stop. Whether the transaction happened is unknown where the failure came while it was
    /// being made durable; a fresh open tells.
    #[error("{action}")]
    Io {
        /// What was being done, with the file's name.
        action: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An earlier failure left this handle without a truth to build upon: stop, and open afresh.
    #[error("the queue's files can no longer be trusted by this process after a failed write")]
    Poisoned,
}

/// Keeps the queue.
///
/// # Contract
/// - Every method is one transaction: atomic, isolated from all others on the same queue, and durable when it returns.
/// - A store answers as [`FileQueue`](crate::queue::FileQueue) would, command for command; the conformance suite holds
///   the two side by side.
/// - `now` is the caller's clock; a store that serves many machines may use its own in its place.
/// - A run is alive from `begin_run` until `end_run` or until whoever began it is gone. How a store knows is its own
///   affair, but it never takes a living run for dead.
/// - Dropping a returned future does not take the transaction back.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Storage: Send + Sync {
    /// Adds files in this order; the answer has one outcome for each, in the same order.
    ///
    /// # Errors
    /// [`StorageError`]; no file was added.
    async fn enqueue(&self, batch: Vec<NewItem>, now: Timestamp) -> Result<Vec<EnqueueOutcome>, StorageError>;

    /// Settles claims and makes new ones, in that order, so that what was settled for an immediate retry can be claimed.
    ///
    /// # Errors
    /// [`StorageError`]; neither a settlement nor a claim happened. At [`StorageError::Full`] the same exchange with a
    /// limit of 0 may still succeed: stores keep room for the results of what they let out.
    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError>;

    /// Gives ended items another round; says how many.
    ///
    /// # Errors
    /// [`StorageError`], with [`Rejection`] where one of the named items is not there or has not failed.
    async fn requeue(&self, selection: Selection, now: Timestamp) -> Result<usize, StorageError>;

    /// Sets a live item's priority; the answer is the item as it is now.
    ///
    /// # Errors
    /// [`StorageError`], with [`Rejection`] where the item is not there or has ended.
    async fn reprioritise(
        &self,
        which: Selector,
        priority: Priority,
        now: Timestamp,
    ) -> Result<QueueItem, StorageError>;

    /// Takes items out; says how many.
    ///
    /// # Errors
    /// [`StorageError`], with [`Rejection`] where one of them is not there or is being processed.
    async fn remove(&self, which: Vec<Selector>, now: Timestamp) -> Result<usize, StorageError>;

    /// Takes out every item in one of these statuses but processing; the answer counts them by status.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn clear(&self, statuses: Vec<Status>, now: Timestamp) -> Result<Counts, StorageError>;

    /// The runs that hold claims, or left a trace, and are dead.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn dead_runs(&self) -> Result<Vec<RunId>, StorageError>;

    /// Takes back the claims of those of the named runs that are dead indeed, and forgets these runs.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError>;

    /// Registers a run as alive; the answer is the *other* runs that are.
    ///
    /// # Errors
    /// [`StorageError`]; the run is not registered.
    async fn begin_run(&self, run: RunInfo) -> Result<Vec<LiveRun>, StorageError>;

    /// Ends a run; the answer is the runs still alive. Of several runs that end at once, one sees none left.
    ///
    /// # Errors
    /// [`StorageError`]; the run ends with its process.
    async fn end_run(&self, run: RunId) -> Result<Vec<LiveRun>, StorageError>;

    /// The runs alive now.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn live_runs(&self) -> Result<Vec<LiveRun>, StorageError>;

    /// Waits until somebody else may have changed the queue since this handle last looked. May end without cause, and
    /// ends within half a second of a change.
    async fn changed(&self);

    /// Items, in claim order.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn page(&self, request: PageRequest) -> Result<Page, StorageError>;

    /// How many items stand where.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn counts(&self) -> Result<Counts, StorageError>;

    /// One item, or `None` where there is none such.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError>;
}
