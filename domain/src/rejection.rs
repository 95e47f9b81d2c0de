//! The reasons why the queue rejects a request.

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
    /// No attempt on the item is running.
    #[error("{selector} is {status}, not being processed")]
    NotProcessing { selector: Selector, status: Status },
    /// The item has neither failed nor timed out.
    #[error("the status of {selector} is {status}, neither failed nor timeout")]
    NotFailed { selector: Selector, status: Status },
    /// The item has already ended.
    #[error("{selector} has already ended: it is {status}")]
    Ended { selector: Selector, status: Status },
}
