//! The one table of legal status changes. `docs/state-machine.md` draws it.
//!
//! Whoever changes a status asks [`next`]; there is no other owner of the rule. Removing an item is not a status change:
//! it is allowed from every status but processing.

use crate::item::Status;

/// What happens to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// A run takes it; the attempt is counted.
    Claim,
    /// The attempt succeeded.
    Complete,
    /// The attempt failed and another will follow after a backoff.
    Retry,
    /// The attempt failed and no other will follow.
    Fail,
    /// The attempt ran out of time and no other will follow.
    TimeOut,
    /// The run gave the attempt back unfinished; it is not counted.
    Release,
    /// The run died; the attempt stays counted.
    Recover,
    /// A person asks for another round of attempts.
    Requeue,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 8] = [
        Self::Claim,
        Self::Complete,
        Self::Retry,
        Self::Fail,
        Self::TimeOut,
        Self::Release,
        Self::Recover,
        Self::Requeue,
    ];
}

/// Every legal change: from, by, to.
pub const TABLE: [(Status, Transition, Status); 9] = [
    (Status::Pending, Transition::Claim, Status::Processing),
    (Status::Processing, Transition::Complete, Status::Completed),
    (Status::Processing, Transition::Retry, Status::Pending),
    (Status::Processing, Transition::Fail, Status::Failed),
    (Status::Processing, Transition::TimeOut, Status::Timeout),
    (Status::Processing, Transition::Release, Status::Pending),
    (Status::Processing, Transition::Recover, Status::Pending),
    (Status::Failed, Transition::Requeue, Status::Pending),
    (Status::Timeout, Transition::Requeue, Status::Pending),
];

/// Where `transition` leads from `from`; `None` where it is not legal there.
#[must_use]
pub fn next(from: Status, transition: Transition) -> Option<Status> {
    TABLE.into_iter().find(|(source, by, _)| (*source, *by) == (from, transition)).map(|(_, _, to)| to)
}
