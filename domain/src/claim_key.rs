//! The order in which runs claim files.

use std::cmp::Reverse;

use crate::item::{Priority, QueueItem, Sequence};

/// A position in the claim order; lower positions are claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    // The derived `Ord` compares the fields in the order in which they are declared.
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

    /// Returns the priority.
    #[must_use]
    pub const fn priority(self) -> Priority {
        self.priority.0
    }

    /// Returns the sequence number.
    #[must_use]
    pub const fn sequence(self) -> Sequence {
        self.sequence
    }

    pub(crate) const fn with_sequence(self, sequence: Sequence) -> Self {
        Self { sequence, ..self }
    }
}
