//! Why the queue refuses a well-formed request. A refused request changes nothing.

#![allow(missing_docs, reason = "the fields say by their names what they hold")]

use crate::item::Status;
use crate::request::Selector;

/// A refusal by the rules. Report it to the person who asked; a second try without a change is
/// refused as well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The queue has no such item.
    #[error("{0} is not in the queue")]
    NotQueued(Selector),
    /// A run works on the item.
    #[error("{0} is being processed")]
    Processing(Selector),
    /// No attempt is under way that could be settled.
    #[error("{selector} is {status}, not being processed")]
    NotProcessing { selector: Selector, status: Status },
    /// Only items that failed or timed out can be requeued.
    #[error("{selector} is {status}, not failed or timeout")]
    NotFailed { selector: Selector, status: Status },
    /// The item has ended: it has no place in line and nothing to cancel.
    #[error("{selector} is {status}: it has ended")]
    Ended { selector: Selector, status: Status },
}
