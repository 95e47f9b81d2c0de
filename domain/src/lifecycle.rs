//! The legal status changes of items. `docs/state-machine.md` shows them as a diagram.
//!
//! The removal of an item is not a status change.

use crate::item::Status;

/// The kinds of status changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// A run claims the item; the attempt is counted.
    Claim,
    /// The attempt succeeded.
    Complete,
    /// The attempt failed, and a retry follows after a backoff.
    Retry,
    /// The item failed for good: the last attempt failed, the run died during that attempt, or a
    /// user cancelled the item.
    Fail,
    /// The attempt timed out, and no retry follows.
    TimeOut,
    /// The run released the claim; the attempt does not count.
    Release,
    /// The claim of a dead run is recovered; the attempt still counts.
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

/// The legal changes: (old status, transition, new status).
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

/// Returns the status after `transition`; `None` if the transition is not legal in status `from`.
#[must_use]
pub fn next(from: Status, transition: Transition) -> Option<Status> {
    TABLE.into_iter().find(|(source, by, _)| (*source, *by) == (from, transition)).map(|(_, _, to)| to)
}
