//! The port that keeps the queue.
//!
//! # On a database
//!
//! A store may decide in SQL instead of folding a [`FileQueue`](crate::queue::FileQueue). What works:
//!
//! - One row an item, unique by path. Ids, sequence numbers and claim numbers come from database
//!   sequences: gaps are allowed, order is not optional. A new round sets the sequence number anew.
//! - `enqueue` folds repeated paths of a request first, then inserts or updates by the rules of
//!   [`Repeat`](crate::request::Repeat); it always answers with the true outcomes.
//! - `exchange` is one transaction of two statements: settle where id, claim number and run match and
//!   report the others as stale; then claim the first `limit` rows by (priority descending, sequence)
//!   that are pending, not held, due and in scope, skipping locked ones. A scope is a table of ids that
//!   the run filled when it first named the scope.
//! - The row of the run holds the id of its latest exchange and the lease. The transaction locks that
//!   row first: it refuses a run whose lease is over, and answers an id that it has seen from the claims
//!   recorded under it.
//! - `has_waiting` is an existence check and `next_due` the minimum of an index; counting the queue is
//!   left to `counts`, which is called at most once a second and once at the end.
//! - `recover` repeats in its own `where` that the runs are dead.
//! - `changed` listens for notifications and also ends every 5 s, because one may be lost.

use std::error::Error;

use async_trait::async_trait;

use crate::item::{QueueItem, RunId};
use crate::rejection::Rejection;
use crate::request::{
    Cancel, Clear, Enqueue, ExchangeRequest, Hold, RecoverRequest, Remove, Reprioritise, Requeue, Scope, Selector,
};
use crate::time::Timestamp;
use crate::view::{Cancelled, Counts, Enqueued, Exchanged, Page, PageRequest, RecoveredItem};

/// What lies behind a failure of a store.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a transaction did not happen. Unless a variant says otherwise, nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The rules refuse the request: report it to the person who asked.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Another process holds the store: ask again later.
    #[error("the queue is locked by {holder}")]
    Busy {
        /// Who holds it.
        holder: String,
    },
    /// The store does not answer. Whether the transaction happened is unknown: offer the same
    /// exchange again, under the same request id. Attempts that run are not concerned.
    #[error("the queue at {place} cannot be reached")]
    Unreachable {
        /// Where it should be.
        place: String,
        /// What the connection reported.
        #[source]
        source: Cause,
    },
    /// No room is left: claim nothing more, settle with a limit of 0, and end.
    #[error("no space left for the queue")]
    Full(#[source] Cause),
    /// The store is not ours to write: stop, and correct the permissions.
    #[error("cannot write to {place}")]
    NotWritable {
        /// What cannot be written.
        place: String,
        /// What the system reported.
        #[source]
        source: Cause,
    },
    /// What is stored cannot be understood, and nothing was touched: stop, and repair it.
    #[error("{place} is damaged: {detail}")]
    Damaged {
        /// The part of the store.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
    /// What is stored was written by a newer version: stop, and use that version.
    #[error("{place} has format version {found}, and this program knows {known}")]
    Unsupported {
        /// The part of the store.
        place: String,
        /// The version found.
        found: String,
        /// The version known.
        known: String,
    },
    /// The run is not alive: it never began, has ended, or lost its lease. Claim nothing, abort what
    /// runs, settle nothing, and end; others may have the run's items already.
    #[error("run {run} no longer holds its claims")]
    LeaseLost {
        /// The run.
        run: RunId,
    },
    /// The store failed: stop. If the failure came while the transaction was made durable, whether it
    /// happened is unknown; a fresh handle tells.
    #[error("{action}")]
    Failed {
        /// What was being done.
        action: String,
        /// What the system reported.
        #[source]
        source: Cause,
    },
}

/// Keeps the queue.
///
/// # Contract
/// - Every changing method is one transaction: atomic, isolated from all others on the same queue,
///   and durable when it returns.
/// - A store answers as [`FileQueue`](crate::queue::FileQueue) does, request for request, up to a
///   renumbering of ids, sequence numbers and claim numbers that keeps their order: numbers
///   increase, they need not be dense. The conformance suite compares the two.
/// - A settlement counts only if item, claim number **and run** are those of the item's claim.
/// - An exchange is refused with [`StorageError::LeaseLost`] unless its run is alive.
/// - An exchange asked again under the id of the run's latest exchange is not carried out again; its
///   answer is the same.
/// - A rejection names the first listed item that violates the rules. An item that is listed twice
///   counts once.
/// - `now` is the caller's clock. A store may use its own clock in its place, and converts
///   `next_due` to the caller's.
/// - Dropping a returned future does not undo the transaction.
///
/// # Effects on an item
/// [`lifecycle`](crate::lifecycle) has the changes of status. Each of them drops the claim, the
/// backoff, the hold and the completion; then
/// - a claim counts an attempt, sets `last_attempt` and gets the next claim number;
/// - a completion is kept, as are the error of a failure and the backoff of a retry, from `now` on;
/// - a release takes the attempt off the count, a recovery leaves it;
/// - a new round has no attempts, the next sequence number, and `follows_completion` if the item was
///   completed. Id, time of addition, last attempt and last error stay. Added again, the item takes the
///   new priority.
///
/// A cancelled claim that is settled as retried or released, or recovered, ends its item as failed.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Storage: Send + Sync {
    /// Adds files in this order; returns one outcome for each, in the same order.
    ///
    /// # Errors
    /// [`StorageError`]; no file was added, unless the error leaves that open. Adding the same files again
    /// is harmless.
    async fn enqueue(&self, request: Enqueue, now: Timestamp) -> Result<Vec<Enqueued>, StorageError>;

    /// Settles claims and then makes new ones, so that an item settled for an immediate retry can be
    /// claimed again.
    ///
    /// Before both, if the clock was set back, it shortens every backoff of an item that is not held to
    /// at most its ordered duration, inside and outside of the scope; see
    /// [`Backoff::capped`](crate::item::Backoff::capped).
    ///
    /// # Errors
    /// [`StorageError`]; neither settled nor claimed, unless the error is
    /// [`Unreachable`](StorageError::Unreachable). After [`Full`](StorageError::Full) the same
    /// exchange with a limit of 0 may succeed: stores keep room for the results of what they hand
    /// out.
    async fn exchange(&self, request: ExchangeRequest, now: Timestamp) -> Result<Exchanged, StorageError>;

    /// Begins another round for failed items; returns how many.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or has not failed.
    async fn requeue(&self, request: Requeue, now: Timestamp) -> Result<usize, StorageError>;

    /// Sets a live item's priority; returns the item as it is now.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if the item is absent or has ended.
    async fn reprioritise(&self, request: Reprioritise, now: Timestamp) -> Result<QueueItem, StorageError>;

    /// Sets pending items aside, or lets them be claimed again; returns how many changed.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or not pending.
    async fn hold(&self, request: Hold, now: Timestamp) -> Result<usize, StorageError>;

    /// Ends pending items as failed, and marks items being processed to end so.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or has ended.
    async fn cancel(&self, request: Cancel, now: Timestamp) -> Result<Cancelled, StorageError>;

    /// Takes items out; returns how many.
    ///
    /// # Errors
    /// [`StorageError`], with a [`Rejection`] if a named item is absent or being processed.
    async fn remove(&self, request: Remove, now: Timestamp) -> Result<usize, StorageError>;

    /// Takes out every item with one of these statuses except processing; returns how many, by status.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn clear(&self, request: Clear, now: Timestamp) -> Result<Counts, StorageError>;

    /// Takes back the claims of those of the named runs that are dead, and forgets these runs. Checks
    /// that they are dead in the same transaction. Also cuts down backoffs, as an exchange does.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn recover(&self, request: RecoverRequest, now: Timestamp) -> Result<Vec<RecoveredItem>, StorageError>;

    /// One page of items, in claim order.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn page(&self, request: PageRequest) -> Result<Page, StorageError>;

    /// The item that a claim at `now` would take first, as it is stored: nothing changes, so a backoff
    /// that a claim would shorten is shown at its full length.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn peek(&self, now: Timestamp) -> Result<Option<QueueItem>, StorageError>;

    /// One item; `None` if it is absent.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn find(&self, which: Selector) -> Result<Option<QueueItem>, StorageError>;

    /// The number of items of the scope in each status.
    ///
    /// # Errors
    /// [`StorageError`].
    async fn counts(&self, scope: Scope) -> Result<Counts, StorageError>;

    /// Waits until another handle may have changed the queue since this one last looked. A store that
    /// polls returns within half a second of a change, one that is notified within 5 s. May end without
    /// cause, but not more often than every tenth of a second.
    async fn changed(&self);

    /// Writes the store in its readable form. Not needed for durability.
    ///
    /// # Errors
    /// [`StorageError`]; the queue is complete all the same.
    async fn close(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
