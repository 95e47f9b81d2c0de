//! The claim order: priority descending, then sequence ascending. It is total, because sequence
//! numbers are unique.

use std::cmp::Reverse;

use crate::item::{Priority, QueueItem, Sequence};

/// A position in the claim order; lower positions are claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    // The order of the fields is the claim order.
    priority: Reverse<Priority>,
    sequence: Sequence,
}

impl ClaimKey {
    /// Returns the position of an item with this priority and sequence number.
    #[must_use]
    pub const fn new(priority: Priority, sequence: Sequence) -> Self {
        Self { priority: Reverse(priority), sequence }
    }

    /// Returns the position of `item`.
    #[must_use]
    pub const fn of(item: &QueueItem) -> Self {
        Self::new(item.priority, item.sequence)
    }

    /// Returns the sequence number.
    #[must_use]
    pub const fn sequence(self) -> Sequence {
        self.sequence
    }

    /// Returns the position with another sequence number at the same priority.
    pub(crate) const fn with_sequence(self, sequence: Sequence) -> Self {
        Self { sequence, ..self }
    }
}
