//! Why the queue says no to a well-formed command. Nothing has changed when it does.

use crate::command::Selector;
use crate::item::Status;

/// A refusal by the rules. The caller tells the person who asked; trying again without a change is no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No such item stands in the queue.
    #[error("{0} is not in the queue")]
    NotQueued(Selector),
    /// A run works on the item.
    #[error("{0} is being processed")]
    Processing(Selector),
    /// Only items that failed or timed out can be requeued.
    #[error("{selector} is {status}, not failed or timeout")]
    NotFailed {
        /// The item asked for.
        selector: Selector,
        /// Where it stands.
        status: Status,
    },
    /// An item that has ended has no place in the order.
    #[error("{selector} is {status}: its priority no longer matters")]
    Ended {
        /// The item asked for.
        selector: Selector,
        /// Where it stands.
        status: Status,
    },
}
