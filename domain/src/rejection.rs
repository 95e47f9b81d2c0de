//! The reasons why the queue rejects a request. A rejected request changes nothing.

#![allow(missing_docs, reason = "the field names are self-explanatory")]

use crate::item::Status;
use crate::request::Selector;

/// The rules of the queue do not allow the request. Report the rejection to the user: the same
/// request is rejected again until the item changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The queue does not contain this item.
    #[error("{0} is not in the queue")]
    NotQueued(Selector),
    /// A run is processing the item.
    #[error("{0} is being processed")]
    Processing(Selector),
    /// No attempt on the item is running, so there is no result to record.
    #[error("{selector} is {status}, not being processed")]
    NotProcessing { selector: Selector, status: Status },
    /// The item has neither failed nor timed out, so it cannot be requeued.
    #[error("{selector} is {status}, not failed or timeout")]
    NotFailed { selector: Selector, status: Status },
    /// The item has ended, so it can no longer be reprioritised, held or cancelled.
    #[error("{selector} has already ended: it is {status}")]
    Ended { selector: Selector, status: Status },
}
