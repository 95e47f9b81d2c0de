//! The port for storing the queue.
//!
//! # On a database
//!
//! A store may keep the queue in a database and apply the rules in SQL. This design works:
//!
//! - Each item is one row, unique by path.
//! - Item ids and sequence numbers come from a counter row. A transaction locks this row until its
//!   commit. The numbers therefore rise in the order of the commits.
//! - Claim numbers come from a database sequence. All numbers may have gaps.
//! - [`Storage::enqueue`] first merges repeated paths. It then inserts or updates rows by the rules
//!   of [`Repeat`](crate::request::Repeat). It never returns
//!   [`EnqueueOutcome::Accepted`](crate::view::EnqueueOutcome::Accepted).
//! - [`Storage::exchange`] is one transaction of two statements. The first settles claims. A
//!   settlement is stale if no row has its item id, claim number and run. The second claims rows in
//!   claim order. It skips rows that another transaction has locked.
//! - Each run has a row with the id and the answer of its latest exchange. An exchange locks this
//!   row first. If the id is repeated, the store returns the recorded answer.
//! - The lease of a run is a row of another table. A hanging exchange therefore does not delay the
//!   renewal.
//! - [`Storage::recover`] checks in its own `where` clause that the runs are dead.
//! - [`Storage::changed`] listens for notifications. It also returns every 5 s, because a
//!   notification may be lost.

use std::error::Error;

use async_trait::async_trait;

use crate::item::{QueueItem, RunId};
use crate::rejection::Rejection;
use crate::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use crate::time::Timestamp;
use crate::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};

/// The underlying error of a store.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a transaction failed. The queue is unchanged, unless the variant says that the outcome is
/// unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The rules of the queue do not allow the request: report the rejection to the user.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Another process holds the store: retry later.
    #[error("the queue is locked by {holder}")]
    Busy {
        /// A human-readable description of the process that holds the store.
        holder: String,
    },
    /// The store does not answer, and the outcome of the transaction is unknown. Repeat an exchange
    /// unchanged, with the same request id. Running attempts are not affected.
    #[error("the queue at {place} cannot be reached")]
    Unreachable {
        /// The address of the store.
        place: String,
        /// The error of the connection.
        #[source]
        source: Cause,
    },
    /// The store is full. Claim nothing more, settle with exchanges whose limit is 0, and end the
    /// run.
    #[error("no space left for the queue")]
    Full(#[source] Cause),
    /// The store cannot be written: stop, and correct the permissions.
    #[error("cannot write to {place}")]
    NotWritable {
        /// The part of the store that cannot be written.
        place: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
    /// The stored data is damaged and was left unchanged: stop, and repair it.
    #[error("{place} is damaged: {detail}")]
    Damaged {
        /// The damaged part of the store.
        place: String,
        /// A human-readable description of the damage.
        detail: String,
    },
    /// A newer version wrote the stored data: stop, and use that version.
    #[error("{place} has format version {found}, but this program supports {known}")]
    Unsupported {
        /// The part of the store with the unknown version.
        place: String,
        /// The format version of the stored data.
        found: String,
        /// The newest format version that this program supports.
        known: String,
    },
    /// The run is not alive: it never began, has ended, or lost its lease. Claim nothing, abort the
    /// attempts, settle nothing, and end; other runs may already have claimed its items.
    #[error("run {run} no longer holds its claims")]
    LeaseLost {
        /// The run that is not alive.
        run: RunId,
    },
    /// The store failed: stop. If it failed while it was making the transaction durable, the
    /// outcome is unknown until the store is opened again.
    #[error("{action}")]
    Failed {
        /// A human-readable description of the action that failed.
        action: String,
        /// The underlying error.
        #[source]
        source: Cause,
    },
}

/// The store of the queue.
///
/// # Contract
/// - Every method that changes the queue is one transaction: atomic, isolated from all others on
///   the same queue, and durable when it returns.
/// - A store gives the same answers as [`FileQueue`](crate::queue::FileQueue); the conformance
///   suite compares the two. Only ids, sequence numbers and claim numbers may differ: they may have
///   gaps, but their order is the same.
/// - A settlement takes effect only if its claim number **and run** are those of the item's current
///   claim.
/// - An exchange of a run that is not alive is refused with [`StorageError::LeaseLost`].
/// - Repeating the run's latest exchange under the same id has no effect and returns the recorded
///   answer.
/// - A rejection names the first listed item that violates the rules. An item that is listed twice
///   counts once.
/// - `now` is the time of the caller's clock. A store may use its own clock instead; it then
///   converts `next_due` to the caller's clock.
/// - Dropping a returned future does not undo the transaction.
///
/// # Effects on an item
/// [`lifecycle`](crate::lifecycle) defines the changes of status. Each change of status removes the
/// claim, the backoff, the hold and the completion. In addition:
/// - A claim increments the attempt count, sets `last_attempt` and gets the next claim number.
/// - A success stores the completion. A failure stores the error. A retry also stores the backoff,
///   which starts at `now`.
/// - A release decrements the attempt count, a recovery does not.
/// - A new round increments the round number, resets the attempt count, and takes the next sequence
///   number. It sets `follows_completion` to whether the item was completed. The id, time of
///   addition, last attempt and last error stay. If the file was added again, the item takes the
///   new priority, and the new depth unless that is 0.
///
/// If a claim is cancelled and then recovered, released or settled for a retry, its item ends as
/// failed.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Storage: Send + Sync {
    /// Adds the files in the order given. Returns one outcome per file, in the same order.
    ///
    /// # Errors
    /// [`StorageError`]; no file was added, unless the variant says that the outcome is unknown.
    /// Adding the same files again is harmless.
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError>;

    /// Settles claims, then claims items. An item that is released, or settled for an immediate
    /// retry, can be claimed again in the same exchange.
    ///
    /// If the clock was set back, backoffs are first shortened to at most their original duration.
    /// This applies to every item that is not held, even outside of the scope; see
    /// [`Backoff::capped`](crate::item::Backoff::capped).
    ///
    /// # Errors
    /// [`StorageError`]; nothing was settled or claimed, unless the variant says that the outcome
    /// is unknown. After [`Full`](StorageError::Full), the same exchange with a limit of 0 may
    /// succeed, because stores reserve room for the results of claimed items.
    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError>;

    /// Begins a new round for items that failed or timed out; returns the number of these items.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or has not failed.
    async fn requeue(&self, request: Requeue, now: Timestamp) -> Result<usize, StorageError>;

    /// Sets a live item's priority; returns the changed item.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if the item is absent or has ended.
    async fn reprioritise(&self, request: Reprioritise, now: Timestamp) -> Result<QueueItem, StorageError>;

    /// Holds pending items, or removes their hold; returns the number of changed items.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or not pending.
    async fn hold(&self, request: Hold, now: Timestamp) -> Result<usize, StorageError>;

    /// Ends pending items as failed. Marks processing items as cancelled; such an item ends when
    /// its attempt ends.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or has ended.
    async fn cancel(&self, request: Cancel, now: Timestamp) -> Result<Cancelled, StorageError>;

    /// Removes items from the queue; returns the number of removed items.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or processing.
    async fn remove(&self, request: Remove, now: Timestamp) -> Result<usize, StorageError>;

    /// Removes every item with one of the requested statuses, except processing items; returns the
    /// number of removed items, by status.
    ///
    /// # Errors
    /// [`StorageError`]; no item was removed, unless the variant says that the outcome is unknown.
    async fn clear(&self, request: Clear, now: Timestamp) -> Result<Counts, StorageError>;

    /// Recovers the claims of the named runs, and removes these runs from
    /// [`Runs::dead`](crate::ports::Runs::dead). Skips runs that are alive; this check is part of
    /// the transaction. If the clock was set back, also shortens backoffs, as
    /// [`exchange`](Self::exchange) does.
    ///
    /// # Errors
    /// [`StorageError`]; no claim was recovered, unless the variant says that the outcome is
    /// unknown.
    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError>;

    /// Returns one page of items, in claim order.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be read.
    async fn page(&self, request: PageRequest) -> Result<Page, StorageError>;

    /// Returns the item that would be claimed first at `now`. If the clock was set back, the
    /// backoff in the result is not yet shortened.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be read.
    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError>;

    /// Returns one item; `None` if it is absent.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be read.
    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError>;

    /// Returns the number of items of the scope in each status.
    ///
    /// # Errors
    /// [`StorageError`] if the queue cannot be read.
    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError>;

    /// Waits until another handle may have changed the queue since this handle last read it. A
    /// store that polls returns within half a second of a change; a store that is notified returns
    /// within 5 s. May return without a change, but not more often than every tenth of a second.
    async fn changed(&self);

    /// Finishes deferred work of the store, such as writing a human-readable form of the queue. The
    /// queue is durable even without this call.
    ///
    /// # Errors
    /// [`StorageError`]; the stored queue is complete regardless.
    async fn close(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
