//! The table of legal status changes; `docs/state-machine.md` draws it.
//!
//! [`next`] is the only owner of the rule. Removing an item is not a status change: it is allowed
//! from every status but processing.

use crate::item::Status;

/// What happens to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// A run claims it; the attempt is counted.
    Claim,
    /// The attempt succeeded.
    Complete,
    /// The attempt failed and another one follows after a backoff.
    Retry,
    /// The attempt failed and no other one follows; or a person cancelled the item.
    Fail,
    /// The attempt ran out of time and no other one follows.
    TimeOut,
    /// The run gave the attempt back unfinished; it is not counted.
    Release,
    /// The run died; the attempt stays counted.
    Recover,
    /// A new round begins.
    BeginRound,
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
        Self::BeginRound,
    ];
}

/// Every legal change: from, by, to.
pub const TABLE: [(Status, Transition, Status); 11] = [
    (Status::Pending, Transition::Claim, Status::Processing),
    (Status::Pending, Transition::Fail, Status::Failed),
    (Status::Processing, Transition::Complete, Status::Completed),
    (Status::Processing, Transition::Retry, Status::Pending),
    (Status::Processing, Transition::Fail, Status::Failed),
    (Status::Processing, Transition::TimeOut, Status::Timeout),
    (Status::Processing, Transition::Release, Status::Pending),
    (Status::Processing, Transition::Recover, Status::Pending),
    (Status::Completed, Transition::BeginRound, Status::Pending),
    (Status::Failed, Transition::BeginRound, Status::Pending),
    (Status::Timeout, Transition::BeginRound, Status::Pending),
];

/// Where `transition` leads from `from`; `None` if it is not legal there.
#[must_use]
pub fn next(from: Status, transition: Transition) -> Option<Status> {
    TABLE.into_iter().find(|(source, by, _)| (*source, *by) == (from, transition)).map(|(_, _, to)| to)
}
